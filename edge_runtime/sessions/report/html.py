"""The report as one HTML file that needs nothing else: no script, no network, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape as _escape

from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import Report

_CSS = """
:root { --ink: #1f2937; --soft: #4b5563; --line: #e5e7eb; --wash: #f6f7f9; --accent: #0072b2; --warn-ink: #7c2d12;
  --warn: #fff7ed; --warn-line: #fdba74; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
header { background: #10293d; color: #f9fafb; padding: 1.6rem 0 1.4rem; }
header > div, main, footer { max-width: 64rem; margin: 0 auto; padding-left: 1.5rem; padding-right: 1.5rem; }
h1 { margin: 0 0 .2rem; font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
header p { margin: 0; color: #cbd5e1; }
.research { display: inline-block; margin-top: .8rem; padding: .25rem .8rem; border: 1px solid #fbbf24;
  border-radius: 999px; color: #fde68a; font-weight: 600; font-size: .9rem; }
main { padding-top: 1.3rem; }
section { background: #fff; border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.5rem 1.2rem;
  margin-bottom: 1.1rem; }
h2 { margin: 0 0 .5rem; font-size: 1.15rem; }
p { margin: .3rem 0 .5rem; max-width: 52rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .5rem 1.2rem; margin: 0; }
.facts div { overflow-wrap: anywhere; } .facts dt { color: var(--soft); font-size: .85rem; } .facts dd { margin: 0; }
.headline { border-top: 5px solid var(--accent); }
.figure { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem 1.4rem; margin: .1rem 0 .3rem; }
.figure b { font-size: 2.6rem; line-height: 1.15; font-variant-numeric: tabular-nums; }
.figure span { font-size: 1.5rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.soft { color: var(--soft); font-size: .93rem; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; margin-top: .6rem; }
th, td { text-align: left; padding: .38rem .8rem .38rem 0; border-top: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; color: var(--soft); white-space: nowrap; width: 9.5rem; }
.note { border: 1px solid var(--warn-line); background: var(--warn); color: var(--warn-ink); border-radius: 8px;
  padding: .5rem .9rem; margin: .4rem 0 .7rem; max-width: none; font-weight: 500; }
.limit { border-left: 4px solid var(--accent); padding: .2rem 0 .2rem .9rem; margin: .3rem 0 .7rem; font-weight: 500; }
ul { margin: .3rem 0 .2rem; padding-left: 1.2rem; max-width: 52rem; } li { margin: .2rem 0; }
.cells { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .8rem; margin-top: .7rem; }
.cells figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.cells .parasite { border: 2px solid #b45309; }
.cells img { width: 100%; height: 6.6rem; object-fit: contain; background: #eef0f3; display: block; }
.cells figcaption { padding: .3rem .5rem .4rem; font-size: .8rem; line-height: 1.35; overflow-wrap: anywhere; }
footer { padding-top: .3rem; padding-bottom: 2rem; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { section { padding: .9rem 1rem; } th { white-space: normal; width: 7rem; } }
@media print {
  @page { margin: 12mm; }
  body { background: none; font-size: 9.5pt; } header { background: none; color: #000; padding: 0 0 .4rem; }
  header p, .research { color: #000; } .research { border-color: #000; margin-top: .3rem; }
  header > div, main, footer { padding-left: 0; padding-right: 0; max-width: none; }
  section { border: 0; border-top: 1px solid #999; border-radius: 0; padding: .4rem 0 .2rem; margin: 0 0 .3rem; }
  .figure b { font-size: 20pt; } .figure span { font-size: 13pt; } figure, tr, .note { break-inside: avoid; }
  .cells { grid-template-columns: repeat(9, 1fr); gap: .4rem; } .cells img { height: 4.4rem; }
}
"""


def html_pages(report: Report) -> Iterator[str]:
    """The document in pieces, to be written one after the other."""
    session = report.session
    title = f"Thin smear count {session.code}"
    yield (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_shown(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # nothing from outside may be loaded, whatever a field of the record holds
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<style>{_CSS}</style>\n</head>\n<body>\n<header><div>\n<h1>{_shown(title)}</h1>\n"
        f"<p>Report of {_shown(report.generated_at[:16].replace('T', ' '))} UTC</p>\n"
        f'<span class="research">{RESEARCH_USE}</span>\n</div></header>\n<main>\n'
    )
    yield _section("", _facts(report))
    yield _headline(report)
    yield _section("What this count cannot exclude", _limits(report))
    yield from _cells(report)
    yield from _confirmed(report)
    yield _section("Quality", _list(words.quality_problems(report) or ["No problem was recorded."]))
    yield _section("Model", f"<p>{_shown(words.model_line(report))}</p>")
    yield (
        f"</main>\n<footer><p>{RESEARCH_USE}</p><p>Device {_shown(session.device)}; model file SHA-256 "
        f"{_shown(report.model.sha256)}.</p></footer>\n</body>\n</html>\n"
    )


def _facts(report: Report) -> str:
    pairs = "".join(
        f"<div><dt>{_shown(label)}</dt><dd>{_shown(text)}</dd></div>" for label, text in words.facts(report)
    )
    return f'<dl class="facts">{pairs}</dl>'


def _headline(report: Report) -> str:
    top = words.headline(report)
    rows = "".join(
        f'<tr><th scope="row">{_shown(label)}</th><td>{_shown(text)}</td></tr>' for label, text in words.figures(report)
    )
    return (
        f'<section class="headline"><h2>{_shown(top.title)}</h2>'
        f'<p class="figure"><b>{_shown(top.figure)}</b><span>{_shown(top.density)}</span></p>'
        f'<p>{_shown(top.interval)}</p><p class="soft">{_shown(top.remark)}</p><table>{rows}</table></section>\n'
    )


def _limits(report: Report) -> str:
    kind = "limit" if report.machine.summary.detection is not None else "note"
    return f'<p class="{kind}">{_shown(words.detection(report))}</p>{_list(words.not_excluded(report))}'


def _cells(report: Report) -> Iterator[str]:
    yield "<section><h2>Suspected cells</h2>"
    shown, total = len(report.suspected), report.review.suspected
    if not shown:
        yield "<p>No cell reached the review point.</p>"
    elif shown < total:
        yield f'<p class="soft">{shown:,} of {total:,}: parasites by the reviewer first, then the highest scores.</p>'
    yield '<div class="cells">'
    for cell in report.suspected:
        verdict, detail = words.verdict_lines(cell)
        kind = ' class="parasite"' if cell.verdict in ("asexual", "gametocyte") else ""
        jpeg = report.pictures.get(cell.name)
        image = ""
        if jpeg is not None:
            data = base64.b64encode(jpeg).decode("ascii")
            image = f'<img src="data:image/jpeg;base64,{data}" alt="cell {cell.name}, {_shown(verdict)}">'
        said = "<br>".join(_shown(line) for line in (verdict, detail) if line)
        score = f"<b>{cell.name}</b> · {cell.probability:.3f}{', counted' if cell.counted else ''}"
        yield f"<figure{kind}>{image}<figcaption>{score}<br>{said}</figcaption></figure>\n"
    yield "</div></section>\n"


def _confirmed(report: Report) -> Iterator[str]:
    """Infected cells outside the machine's count; nothing where there are none."""
    if not report.confirmed:
        return
    yield "<section><h2>Left out by the machine, counted by a reviewer</h2>"
    if len(report.confirmed) < (total := report.review.outside.confirmed):
        yield f'<p class="soft">{len(report.confirmed):,} of {total:,}.</p>'
    yield '<div class="cells">'
    for cell in report.confirmed:
        data = base64.b64encode(cell.jpeg).decode("ascii")
        verdict, detail = words.said(cell.verdict, cell.species, cell.stage)
        said = "<br>".join(_shown(line) for line in (verdict, detail) if line)
        image = f'<img src="data:image/jpeg;base64,{data}" alt="cell {cell.name}, {_shown(verdict)}">'
        caption = f"<b>{cell.name}</b> · {_shown(cell.origin)}<br>{said}"
        yield f'<figure class="parasite">{image}<figcaption>{caption}</figcaption></figure>\n'
    yield "</div></section>\n"


def _section(title: str, body: str) -> str:
    heading = f"<h2>{_shown(title)}</h2>" if title else ""
    return f"<section>{heading}{body}</section>\n"


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{_shown(line)}</li>' for line in lines)}</ul>"


def _shown(text: str) -> str:
    """Text in HTML; a figure and its percent sign stay on one line."""
    return _escape(text).replace(" %", "&nbsp;%")
