"""A contact sheet as one HTML file that needs nothing else: to be marked on a telephone, and sent back as a table."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING

from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.sessions.records import SPECIES

if TYPE_CHECKING:
    from edge_runtime.sessions.sheets.contents import Sheet, SheetCell

_CSS = """
:root { --ink: #1f2937; --soft: #4b5563; --line: #d1d5db; --side: 88px; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
header { background: #10293d; color: #f9fafb; padding: .8rem 8px; }
h1 { margin: 0; font-size: 1.25rem; } header p { margin: .3rem 0 0; max-width: 46rem; } header b { color: #fde68a; }
.bar { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center;
  padding: .45rem 8px; background: #fff; border-bottom: 1px solid var(--line); }
.bar button, .bar select { font: inherit; min-height: 44px; padding: 0 .8rem; border-radius: 8px;
  border: 1px solid var(--line); background: #fff; color: var(--ink); }
.bar #save { background: #0072b2; border-color: #0072b2; color: #fff; font-weight: 600; }
.bar label { display: flex; gap: .4rem; align-items: center; min-height: 44px; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)); gap: 3px; padding: 6px 4px; }
body:has(#large:checked) { --side: 160px; }
h2 { grid-column: 1 / -1; margin: .6rem 4px .1rem; font-size: 1rem; }
.cell { display: block; padding: 0; border: 3px solid transparent; border-radius: 6px; background: #fff; font: inherit;
  color: inherit; text-align: left; cursor: pointer; touch-action: manipulation; }
.cell img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #eef0f3; }
.cell span { display: block; padding: 0 4px; font-size: .8rem; line-height: 1.35; white-space: nowrap;
  overflow: hidden; }
.cell[data-verdict="asexual"] { border-color: #b91c1c; background: #fee2e2; }
.cell[data-verdict="gametocyte"] { border-color: #6d28d9; background: #ede9fe; }
.cell[data-verdict="unsure"] { border-color: #b45309; background: #fef3c7; }
:focus-visible { outline: 3px solid #0072b2; outline-offset: 1px; }
#answer { padding: 0 8px; } textarea { width: 100%; height: 9rem; font: .85rem/1.4 ui-monospace, monospace; }
footer { padding: .6rem 8px 1.5rem; color: var(--soft); }
noscript p { padding: .5rem 8px; margin: 0; background: #fff7ed; color: #7c2d12; }
@media print {
  @page { margin: 10mm; }
  .bar, #answer { display: none; } header { background: none; color: #000; } header b { color: #000; }
  main { grid-template-columns: repeat(10, 1fr); } .cell { break-inside: avoid; } body { background: none; }
}
"""
# tapping goes round the verdicts; what is marked is kept in the browser, so that a reload loses nothing
_SCRIPT = """
"use strict";
const kinds = ["", "asexual", "gametocyte", "unsure"], sheet = document.body.dataset.sheet;
const short = { gametocyte: "gamet." };
const cells = [...document.querySelectorAll(".cell")], species = document.getElementById("species");
const store = (text) => { try { return text === undefined ? localStorage.getItem(sheet)
  : localStorage.setItem(sheet, text); } catch { return null; } };
function show(cell, kind) {
  cell.dataset.verdict = kind;
  const number = cell.dataset.number;
  cell.lastElementChild.textContent = kind ? `${number} ${short[kind] || kind}` : number;
  cell.setAttribute("aria-label", `cell ${number}, ${kind || "not marked"}`);
}
function changed() {
  const marked = cells.filter((cell) => cell.dataset.verdict);
  const parts = kinds.slice(1).map((kind) => [marked.filter((cell) => cell.dataset.verdict === kind).length, kind]);
  document.getElementById("count").textContent = marked.length
    ? parts.filter(([number]) => number).map(([number, kind]) => `${number} ${kind}`).join(", ") : "nothing marked";
  store(JSON.stringify([species.value, marked.map((cell) => [cell.dataset.number, cell.dataset.verdict])]));
}
function table() {
  const rows = cells.filter((cell) => cell.dataset.verdict).map((cell) => {
    const kind = cell.dataset.verdict;
    return [sheet, cell.dataset.number, kind, kind === "unsure" ? "" : species.value];
  });
  return [["sheet", "number", "verdict", "species"], ...rows, [sheet, "others", "no-parasite", ""]]
    .map((row) => row.join(",")).join("\\r\\n") + "\\r\\n";
}
document.querySelector("main").addEventListener("click", (event) => {
  const cell = event.target.closest(".cell");
  if (!cell) return;
  show(cell, kinds[(kinds.indexOf(cell.dataset.verdict) + 1) % kinds.length]);
  changed();
});
species.addEventListener("change", changed);
document.getElementById("save").addEventListener("click", () => {
  const link = document.createElement("a"), text = table();
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${sheet}.csv`;
  link.click();
  document.getElementById("answer").hidden = false;
  document.querySelector("textarea").value = text;
});
for (const cell of cells) show(cell, "");
try {
  const [kind, marked] = JSON.parse(store()) || ["", []];
  species.value = kind;
  for (const [number, verdict] of marked) show(cells[number - 1], verdict);
} catch { /* nothing was kept */ }
changed();
"""


def sheet_html(sheet: Sheet, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """The document in pieces, to be written one after the other.

    Args:
        sheet: whose cells.
        pictures: JPEG by the cell's name.
    """
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    title = f"Sheet {sheet.code} of session {sheet.session}"
    species = "".join(f"<option>{escape(name)}</option>" for name in SPECIES)
    yield (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">\n<style>{_CSS}</style>\n</head>\n"
        f'<body data-sheet="{sheet.code}">\n<header><h1>{title}</h1>\n'
        f"<p>Slide {escape(sheet.slide)}, {len(sheet.cells):,} cells. Tap a cell: asexual parasite; again: gametocyte; "
        "again: unsure; again: not marked. The button says of all others that they hold no parasite, and saves the "
        f"answer as a table.</p>\n<p><b>{RESEARCH_USE}</b></p></header>\n"
        f"<noscript><p>Nothing can be marked here without scripts: write a table with the columns sheet, number, "
        f"verdict, a row for each cell with a parasite, and as its last row {sheet.code},others,no-parasite.</p>"
        "</noscript>\n"
        '<div class="bar"><button id="save" type="button">None of the others: save answer</button>'
        '<span id="count" role="status">nothing marked</span>'
        '<label>Species <select id="species"><option value="">not said</option>'
        f'{species}</select></label><label><input type="checkbox" id="large"> Large pictures</label></div>\n'
        '<div id="answer" hidden><p>The answer was saved as a file; where that did not work, copy it from here.</p>'
        '<textarea readonly aria-label="the answer as a table"></textarea></div>\n<main>\n'
    )
    yield from _cells(sheet.cells, pictures)
    yield f"</main>\n<footer>{RESEARCH_USE} Made {sheet.made[:16].replace('T', ' ')} UTC.</footer>\n"
    yield f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"


def _cells(cells: tuple[SheetCell, ...], pictures: Mapping[str, bytes]) -> Iterator[str]:
    several = len({cell.batch for cell in cells}) > 1
    batch = None
    for cell in cells:
        if several and cell.batch != batch:
            batch = cell.batch
            fields = [int(other.name.partition(".")[0]) for other in cells if other.batch == batch]
            yield f"<h2>Fields {min(fields)} to {max(fields)}</h2>\n"
        data = base64.b64encode(pictures[cell.name]).decode("ascii")
        yield (
            f'<button type="button" class="cell" data-number="{cell.number}" data-verdict="" '
            f'aria-label="cell {cell.number}"><img src="data:image/jpeg;base64,{data}" alt="">'
            f"<span>{cell.number}</span></button>\n"
        )
