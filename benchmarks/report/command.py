"""The command ``thinsmear bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import note, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import GateFailed, WrongUsage

if TYPE_CHECKING:
    from benchmarks.report.section import Section

_ENDINGS = (".md", ".html")


@click.command(
    short_help="Tables and pictures of saved benchmarks, also into a README.",
    epilog="""\b
Examples:
  thinsmear bench report latency.json peers.json --out report.html
  thinsmear bench report *.json --out report.md              pictures are written beside it
  thinsmear bench report docs/bench/*.json --readme README.md
  thinsmear bench report docs/bench/*.json --readme README.md --check

\b
A README gets its figures between two lines, the picture only where a place for it is named:
  <!-- bench:peers docs/pictures/peers.svg -->
  <!-- /bench:peers -->

Exit code 1 when --check finds figures in the README that the files do not give.""",
)
@click.argument("files", metavar="FILE.json...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE.md|FILE.html", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--readme", type=click.Path(path_type=Path, dir_okay=False), help="Fill the marked blocks of this file.")
@click.option("--check", is_flag=True, help="Change nothing; fail when the README differs.")
@verbosity_options
def report(files: tuple[Path, ...], out: Path | None, readme: Path | None, check: bool) -> None:
    """Make a report of what `bench ... --save` wrote: every figure with the machine, the date and the command."""
    from benchmarks.harness.envelope import check_folder, read_document
    from benchmarks.report.section import section_of

    if out is None and readme is None:
        raise WrongUsage("Say where the report goes: --out report.md (or .html), or --readme README.md.")
    if check and (readme is None or out is not None):
        raise WrongUsage("--check compares a README and writes nothing; give it --readme, without --out.")
    if out is not None and out.suffix.lower() not in _ENDINGS:
        raise WrongUsage(f"{printable(out)} ends in {out.suffix!r}; a report is .md or .html.")
    check_folder(out)
    sections = []
    for file in files:
        kind, document = read_document(file)
        sections.append(section_of(kind, document, printable(file)))
    if out is not None:
        _write(sections, out)
    if readme is not None:
        _fill(sections, readme, check)


def _write(sections: list[Section], out: Path) -> None:
    from benchmarks.report.page import markdown_page, web_page
    from edge_runtime.common.files import write_atomically

    if out.suffix.lower() == ".html":
        write_atomically(out, web_page(sections))
        note(f"Wrote {printable(out)}.")
        return
    text, pictures = markdown_page(sections, out.stem)
    for name, svg in pictures.items():
        write_atomically(out.with_name(name), svg)
    write_atomically(out, text)
    note(f"Wrote {', '.join(printable(path) for path in (out, *map(out.with_name, pictures)))}.")


def _fill(sections: list[Section], readme: Path, check: bool) -> None:
    from benchmarks.report.page import block_text, picture_svg
    from benchmarks.report.readme import Block, fill, find_blocks
    from edge_runtime.common.files import write_atomically

    name = printable(readme)
    if not readme.is_file():
        raise WrongUsage(f"There is no file {name}; make it, with the markers of `thinsmear bench report --help`.")
    text = readme.read_text(encoding="utf-8")
    blocks = find_blocks(text, name)

    def content(block: Block) -> str | None:
        fitting = [section for section in sections if section.kind == block.kind]
        return block_text(fitting, block.picture) if fitting else None

    filled, changed = fill(text, blocks, content)
    known, given = {block.kind for block in blocks}, {section.kind for section in sections}
    for kind in sorted(given - known):
        note(f"{name} has no marker <!-- bench:{kind} -->, so its figures are not in it.")
    for kind in sorted(known - given):
        note(f"No file of `bench {kind}` was given; its block in {name} stays as it is.")
    if check:
        missing = [block.picture for block in blocks if block.picture and not (readme.parent / block.picture).is_file()]
        if changed or missing:
            what = ", ".join([f"block {kind}" for kind in changed] + [f"picture {printable(one)}" for one in missing])
            raise GateFailed(f"{name} differs from the benchmarks ({what}); run the command again without --check.")
        return
    for block in blocks:
        svg = picture_svg([section for section in sections if section.kind == block.kind])
        if block.picture and svg is not None:
            write_atomically(readme.parent / block.picture, svg)
    if changed:
        write_atomically(readme, filled)
    note(f"{name}: {', '.join(changed) + ' changed' if changed else 'nothing changed'}.")
