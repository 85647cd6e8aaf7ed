"""``thinsmear session review``: a reviewer's verdicts, one by one, as a table or from a sheet; counts by eye."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from edge_runtime.commands.session import sheet, views
from edge_runtime.commands.session.options import session_argument, store_option
from edge_runtime.common.console import json_option, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.left_out.added import Place, add_cell, is_added, take_added_back
from edge_runtime.sessions.left_out.objects import give_object_verdict, is_object, pending_objects, undo_object_verdict
from edge_runtime.sessions.manual_counts import add_manual_count
from edge_runtime.sessions.records import SPECIES, STAGES, VERDICTS, Session
from edge_runtime.sessions.review import give_verdicts, reviewed, suspected_cells, undo_verdict
from edge_runtime.sessions.sheets.answers import table_text
from edge_runtime.sessions.sheets.contents import CELLS
from edge_runtime.sessions.store.opening import open_existing
from edge_runtime.sessions.store.store import Store
from edge_runtime.sessions.verdicts import Verdict, read_verdicts


@click.command(
    short_help="Verdicts of a reviewer, and counts by eye.",
    epilog="""\b
A reader elsewhere works from a file:
  thinsmear session review --sheet sheet.html --sheet sheet.png       the next cells by rank, numbered
  thinsmear session review --verdicts answer.csv --reviewer AB        what comes back

The answer has the columns sheet, number, verdict and, where wanted, species and stage. A last row with the number
"others" and the verdict no-parasite, or --none-of-the-others, says that no other cell of the sheet is infected;
without it nothing is said of them.

\b
What the machine left out (--cell and --undo take these names as well):
  thinsmear session review --cell 7.o2 --verdict asexual --reviewer AB          an object, as it is listed here
  thinsmear session review --add 7:310,205 --verdict gametocyte --reviewer AB   a cell that was not boxed
  thinsmear session review --undo 7.a1 --reviewer AB                            take an added cell back""",
)
@session_argument
@click.option("--reviewer", metavar="CODE", help="Who looks; needed to change anything.")
@click.option("--cell", metavar="FIELD.CELL", help="The cell, as the report names it.")
@click.option(
    "--add", metavar="FIELD:X,Y",
    help="Add a cell that the machine did not box, with its --verdict; X and Y are pixels of its middle.",
)  # fmt: skip
@click.option("--verdict", type=click.Choice(list(VERDICTS)), help="What --cell is.")
@click.option("--species", type=click.Choice(SPECIES))
@click.option("--stage", type=click.Choice(STAGES))
@click.option("--undo", metavar="FIELD.CELL", help="Take the last verdict on a cell back; the one before holds again.")
@click.option(
    "--from", "listed", metavar="FILE", type=click.File("rb"),
    help="CSV with cell, verdict and, where wanted, species and stage; all of it or nothing.",
)  # fmt: skip
@click.option("--verdicts", "answer", metavar="FILE", type=click.File("rb"), help="CSV with the answer to a sheet.")
@click.option("--of-sheet", metavar="SHEET", help="The sheet that the table answers, if it has no column sheet.")
@click.option(
    "--none-of-the-others", is_flag=True, help="The sheet's cells that the table leaves out hold no parasite."
)
@click.option(
    "--sheet", "sheets", metavar="FILE", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
    help="Write a contact sheet of the next cells by rank as FILE.html or FILE.png; may be given twice.",
)  # fmt: skip
@click.option(
    "--cells", default=CELLS, show_default=True, type=click.IntRange(1, 1000), help="Cells of the sheet; 24 random "
    "ones may come on top.",
)  # fmt: skip
@click.option("--counted", metavar="N", type=int, help="Count by eye: red cells, the infected ones included.")
@click.option("--asexual", metavar="N", default=0, type=int, help="Count by eye: cells with asexual parasites.")
@click.option("--gametocytes", metavar="N", default=0, type=int, help="Count by eye: cells with gametocytes only.")
@store_option
@json_option
@verbosity_options
def review(
    code: str | None,
    reviewer: str | None,
    cell: str | None,
    add: str | None,
    verdict: str | None,
    species: str | None,
    stage: str | None,
    undo: str | None,
    listed: BinaryIO | None,
    answer: BinaryIO | None,
    of_sheet: str | None,
    none_of_the_others: bool,
    sheets: tuple[Path, ...],
    cells: int,
    counted: int | None,
    asexual: int,
    gametocytes: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Without options: the suspected cells that await a verdict. Pictures of them are in the HTML report.

    Verdicts stand beside the machine's and never replace it; earlier ones stay in the history.
    """
    sheet.checked_endings(sheets)
    if answer is None and (of_sheet is not None or none_of_the_others):
        raise WrongUsage("Give the answer to the sheet with --verdicts FILE.csv.")
    with open_existing(folder) as store:
        session = store.session(code)
        if sheets:
            if _one_who_acts("nobody", cell, add, undo, listed, answer, counted) is not None:
                raise WrongUsage("Make a sheet and give verdicts with two commands.")
            sheet.write_sheet(store, session, sheets, cells, as_json)
            return
        by = _one_who_acts(reviewer, cell, add, undo, listed, answer, counted)
        if by is not None:
            if cell is not None:
                _give(store, session, _verdict(cell, verdict, species, stage), by)
            if add is not None:
                said = _verdict(add, verdict, species, stage)
                add_cell(store, session, Place.parse(add), said.verdict, by, species, stage)
            if undo is not None:
                _undo(store, session, undo, by)
            if listed is not None:
                give_verdicts(store, session, read_verdicts(table_text(listed.read()).splitlines()), by)
            if answer is not None:
                sheet.take_answer(store, session, answer.read(), by, of_sheet, none_of_the_others, as_json)
                return
            if counted is not None:
                add_manual_count(store, session, counted, asexual, gametocytes, by)
        objects = list(pending_objects(store, session))
        views.show_review(reviewed(store, session), suspected_cells(store, session, None, True), objects, as_json)


def _give(store: Store, session: Session, verdict: Verdict, reviewer: str) -> None:
    if is_object(verdict.cell):
        give_object_verdict(store, session, verdict, reviewer)
    else:
        give_verdicts(store, session, [verdict], reviewer)


def _undo(store: Store, session: Session, name: str, reviewer: str) -> None:
    if is_object(name):
        undo_object_verdict(store, session, name, reviewer)
    elif is_added(name):
        take_added_back(store, session, name, reviewer)
    else:
        undo_verdict(store, session, name, reviewer)


def _verdict(cell: str, verdict: str | None, species: str | None, stage: str | None) -> Verdict:
    if verdict is None:
        raise WrongUsage(f"Say what cell {printable(cell)} is: --verdict {'|'.join(VERDICTS)}.")
    return Verdict(cell, verdict, species, stage)


def _one_who_acts(reviewer: str | None, *actions: object) -> str | None:
    """Who takes the one action that is not None; None when all are.

    Raises:
        WrongUsage: several at a time, or nobody takes it.
    """
    given = sum(action is not None for action in actions)
    if not given:
        return None
    if given > 1:
        raise WrongUsage("Give one of --cell, --add, --undo, --from, --verdicts and --counted at a time.")
    if reviewer is None:
        raise WrongUsage("Say who decides: --reviewer CODE.")
    return reviewer
