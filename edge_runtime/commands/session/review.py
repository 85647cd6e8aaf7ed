"""``thinsmear session review``: a reviewer's verdicts, one or a table of them, taken back too; and counts by eye."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from edge_runtime.commands.session import views
from edge_runtime.commands.session.options import session_argument, store_option
from edge_runtime.common.console import json_option, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.manual_counts import add_manual_count
from edge_runtime.sessions.records import SPECIES, STAGES, VERDICTS
from edge_runtime.sessions.review import (
    Verdict,
    give_verdicts,
    read_verdicts,
    reviewed,
    suspected_cells,
    undo_verdict,
)
from edge_runtime.sessions.store.opening import open_existing


@click.command(short_help="Verdicts of a reviewer, and counts by eye.")
@session_argument
@click.option("--reviewer", metavar="CODE", help="Who looks; needed to change anything.")
@click.option("--cell", metavar="FIELD.CELL", help="The cell, as the report names it.")
@click.option("--verdict", type=click.Choice(list(VERDICTS)), help="What --cell is.")
@click.option("--species", type=click.Choice(SPECIES))
@click.option("--stage", type=click.Choice(STAGES))
@click.option("--undo", metavar="FIELD.CELL", help="Take the last verdict on a cell back; the one before holds again.")
@click.option(
    "--from", "table", metavar="FILE", type=click.File("r", encoding="utf-8"),
    help="CSV with cell, verdict and, where wanted, species and stage; all of it or nothing.",
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
    verdict: str | None,
    species: str | None,
    stage: str | None,
    undo: str | None,
    table: Iterable[str] | None,
    counted: int | None,
    asexual: int,
    gametocytes: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Without options: the suspected cells that await a verdict. Pictures of them are in the HTML report.

    Verdicts stand beside the machine's and never replace it; earlier ones stay in the history.
    """
    with open_existing(folder) as store:
        session = store.session(code)
        by = _one_who_acts(reviewer, cell, undo, table, counted)
        if by is not None:
            if cell is not None:
                give_verdicts(store, session, [_verdict(cell, verdict, species, stage)], by)
            if undo is not None:
                undo_verdict(store, session, undo, by)
            if table is not None:
                give_verdicts(store, session, read_verdicts(table), by)
            if counted is not None:
                add_manual_count(store, session, counted, asexual, gametocytes, by)
        views.show_review(reviewed(store, session), suspected_cells(store, session, None, True), as_json)


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
        raise WrongUsage("Give one of --cell, --undo, --from and --counted at a time.")
    if reviewer is None:
        raise WrongUsage("Say who decides: --reviewer CODE.")
    return reviewer
