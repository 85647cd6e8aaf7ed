"""``thinsmear session review --sheet`` and ``--verdicts``: a contact sheet out, the answers to it back in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.commands.session import views
from edge_runtime.common.console import emit_json, note
from edge_runtime.common.files import atomic_file
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.review import suspected_cells
from edge_runtime.sessions.sheets.answers import SheetResult, give_answer, read_answer, table_text
from edge_runtime.sessions.status import session_status

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_ENDINGS = (".html", ".png")


def checked_endings(files: tuple[Path, ...]) -> None:
    """WrongUsage when a sheet can be no such file."""
    wrong = next((path for path in files if path.suffix.lower() not in _ENDINGS), None)
    if wrong is not None:
        raise WrongUsage(f"{printable(wrong)} is no kind of sheet; end its name with .html or .png.")


def write_sheet(store: Store, session: Session, files: tuple[Path, ...], cells: int, as_json: bool) -> None:
    """Make a contact sheet and write it as HTML or PNG, by the ending of each file's name."""
    from edge_runtime.sessions.sheets.contents import make_sheet
    from edge_runtime.sessions.sheets.html import sheet_html
    from edge_runtime.sessions.sheets.pictures import sheet_pictures
    from edge_runtime.sessions.sheets.png import sheet_pngs

    sheet = make_sheet(store, session, cells)
    pictures = sheet_pictures(store, session, sheet)
    written = []
    for path in files:
        if path.suffix.lower() == ".html":
            pages = ["".join(sheet_html(sheet, pictures)).encode()]
        else:
            pages = list(sheet_pngs(sheet, pictures))
        for number, page in enumerate(pages, 1):
            target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            with atomic_file(target) as stream:
                stream.write(page)
            note(f"wrote {printable(target)}")
            written.append(as_utf8(target))
    if as_json:
        emit_json({**sheet.to_json(), "files": written})
        return
    click.echo(f"sheet    {sheet.code}\nsession  {sheet.session}\ncells    {len(sheet.cells):,}")


def take_answer(
    store: Store, session: Session, content: bytes, reviewer: str, code: str | None, others: bool, as_json: bool
) -> None:
    """Give the verdicts of a sheet's answer, and show what became of it and where the review stands now."""
    result = give_answer(store, session, read_answer(table_text(content), code, others), reviewer)
    with store.reading():
        status = session_status(store, session)
        if as_json:
            cells = [cell.to_json() for cell in suspected_cells(store, session, None, True)]
            rank = status.ranked.to_json()
            emit_json({**status.review.to_json(), "cells": cells, "answer": result.to_json(), "rank": rank})
            return
    rows = [("Sheet", _sentence(result))]
    if result.kept:
        names = ", ".join(result.kept)
        rows.append(("Kept", f"{names}, marked before; to take that back, give a row with no-parasite"))
    click.echo(views.pairs([*rows, *views.status_rows(status)]))


def _sentence(result: SheetResult) -> str:
    if result.repeat:
        return f"{result.sheet}: this answer was there already, so nothing was added"
    left = result.shown - result.answered
    rest = f"; nothing is said of the other {left:,}" if left else ""
    return (
        f"{result.sheet}: {result.answered:,} of {result.shown:,} cells answered, {result.parasites:,} with "
        f"parasites{rest}"
    )
