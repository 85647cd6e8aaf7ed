"""How sessions look on the terminal: tables for people, JSON for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import emit_json, note, table
from edge_runtime.common.files import atomic_file, clear_leftovers
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.core.lines import Document, error_line
from edge_runtime.sessions import clock as clocks
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import Report
from edge_runtime.sessions.report.left_out_words import left_out_rows
from edge_runtime.sessions.report.rank_words import rank_rows
from edge_runtime.sessions.status import SessionStatus, session_status
from edge_runtime.sessions.store.orphans import quarantined

if TYPE_CHECKING:
    from edge_runtime.sessions.intake import FileOutcome
    from edge_runtime.sessions.left_out.objects import PendingObject
    from edge_runtime.sessions.records import Session, Totals
    from edge_runtime.sessions.review import Reviewed, SuspectedCell
    from edge_runtime.sessions.store.retention import Removal
    from edge_runtime.sessions.store.store import Store

_LISTED = 30
_COLUMNS = 100  # of a terminal, within which longer texts are folded


class AddView:
    """Shows images as they are added."""

    def __init__(self, store: Store, session: Session, as_json: bool, quiet: bool = False) -> None:
        self.bad = 0
        self._store = store
        self._session = session
        self._as_json = as_json
        self._quiet = quiet
        self._repeats = 0

    def show(self, outcome: FileOutcome) -> None:
        """One image."""
        taken, problem = outcome.taken, outcome.problem
        self.bad += problem is not None
        if problem is not None and not self._as_json:
            click.echo(f"skipped: {problem}", err=True)
        if taken is not None:
            self._repeats += taken.added.repeat
        if not self._as_json:
            return
        line: Document = {"source": as_utf8(outcome.source.path)}
        if problem is not None:
            line = error_line(as_utf8(outcome.source.path), problem)
        elif taken is not None:
            line["field"] = taken.added.number
            line["repeat"] = taken.added.repeat
            line["cells"] = len(taken.record.cells)
            line["excluded"] = dict(taken.record.excluded)
            line["quality"] = dict(taken.record.quality)
            line["totals"] = self._store.totals(self._session).to_json()
        emit_json(line)

    def end(self) -> None:
        """The session afterwards."""
        if self._repeats:
            note(f"{self._repeats} images were there already and were not added again.")
        if not self._as_json and not self._quiet:
            click.echo(_progress_line(self._session, self._store.totals(self._session)))


def new_session(session: Session) -> str:
    """The codes of a session that begins."""
    return (
        f"session      {session.code}\nparticipant  {session.plan.participant}\nslide        {session.plan.slide}\n\n"
        f"Add images with `thinsmear session add {session.code} PATH...`.\n{RESEARCH_USE}"
    )


def show_status(store: Store, session: Session, as_json: bool) -> None:
    """Totals, review, stop rule and disk of one session."""
    status = session_status(store, session)
    if as_json:
        emit_json(status.to_json())
        return
    totals, review, blank = status.totals, status.review, status.blank
    rows = [*words.session_facts(session), ("Session", session.code), ("Count", _progress_line(session, totals))]
    if status.stop is not None:
        rows.append(("Stop rule", f"{status.stop.rule}: {status.stop.reason}"))
    rows.append(("Review", f"{review.pending:,} of {review.suspected:,} suspected cells await a verdict"))
    slides = len(blank.slides) if blank is not None else 0
    rows += status_rows(status)
    rows.append(("Blank", f"{slides} slides measured" if slides else words.NOT_ESTABLISHED))
    rows.append(("Free disk", f"{status.free / 1e9:,.1f} GB"))
    click.echo(pairs(rows))


def status_rows(status: SessionStatus) -> list[tuple[str, str]]:
    """The review by rank and the headline, as label and text; nothing before the first cell."""
    top = status.headline()
    if top is None:
        return []
    return [
        *rank_rows(status.ranked),
        *left_out_rows(status.review.outside),
        ("Headline", f"{top.text} ({top.interval})"),
    ]


def show_sessions(store: Store, as_json: bool) -> None:
    """All sessions with their totals."""
    with store.reading():
        found = [(session, store.totals(session)) for session in store.sessions()]
    if as_json:
        emit_json({"sessions": [{**session.to_json(), "totals": totals.to_json()} for session, totals in found]})
        return
    rows = [
        (
            session.code,
            session.recorded_at[:16].replace("T", " ") + ("" if session.clock != "unset" else " ?"),
            session.plan.participant or f"({session.plan.purpose}{', discarded' if session.discarded else ''})",
            session.plan.slide,
            f"{totals.fields + totals.single_cells:,}",
            f"{totals.cells:,}",
            f"{totals.infected:,}",
            f"{totals.suspected:,}",
        )
        for session, totals in found
    ]
    headings = ("session", "begun (UTC)", "participant", "slide", "images", "cells", "called", "suspected")
    click.echo(table(headings, rows, right=(4, 5, 6, 7)))


def show_review(
    review: Reviewed, pending: Iterable[SuspectedCell], objects: Sequence[PendingObject], as_json: bool
) -> None:
    """Where the review stands, and the cells and objects that wait."""
    if as_json:
        waiting = {"cells": [cell.to_json() for cell in pending], "objects": [item.to_json() for item in objects]}
        emit_json({**review.to_json(), **waiting})
        return
    rows = [
        (cell.name, f"{cell.probability:.4f}", "yes" if cell.counted else "no") for cell in islice(pending, _LISTED)
    ]
    if rows:
        click.echo(table(("cell", "score", "counted"), rows, right=(1,)) + "\n")
    if review.pending > len(rows):
        click.echo(f"... and {review.pending - len(rows):,} more (--json lists all)\n")
    if objects:
        lines = [(item.name, f"{item.probability:.4f}", item.reason) for item in objects[:_LISTED]]
        click.echo(table(("object", "score", "left out"), lines, right=(1,)) + "\n")
    if len(objects) > _LISTED:
        click.echo(f"... and {len(objects) - _LISTED:,} more objects (--json lists all)\n")
    click.echo(
        f"{review.pending:,} of {review.suspected:,} suspected cells await a verdict; {review.asexual:,} asexual, "
        f"{review.gametocytes:,} gametocyte only, {review.no_parasite:,} not a parasite, {review.unsure:,} unsure."
    )


def show_site(store: Store, as_json: bool) -> None:
    """The store's settings."""
    values = {
        "store": as_utf8(store.root),
        "site": store.setting("site"),
        "participant_pattern": store.setting("participant_pattern"),
        "device": clocks.device_id(),
        "clock": store.moment().clock,
    }
    if as_json:
        emit_json(values)
        return
    click.echo(pairs([(name, "–" if value is None else printable(value)) for name, value in values.items()]))


def note_set_aside(store: Store) -> None:
    """Say that pictures without a row were found when the store was opened, if so."""
    if store.set_aside:
        note(
            f"{store.set_aside:,} pictures had no row in the database and were moved to quarantine; "
            "`thinsmear session recover` counts them again."
        )


def note_quarantine(store: Store) -> None:
    """Say that pictures lie in quarantine, if so."""
    lying = len(quarantined(store.root))
    if lying:
        note(f"{lying:,} pictures lie in quarantine, without a row; `thinsmear session recover` counts them again.")


def removal(removed: Removal) -> str:
    """What went, or would go."""
    verb = "would be removed" if removed.dry_run else "removed"
    thing = "images" if removed.what == "images" else "sessions with their images"
    count = removed.images if removed.what == "images" else len(removed.sessions)
    size = f"{removed.image_bytes / 1e6:,.1f} MB"
    lines = [f"{count:,} {thing} {verb} ({size}), of sessions begun before {removed.before[:10]}."]
    if removed.sessions:
        lines.append(f"Sessions: {', '.join(removed.sessions)}")
    if removed.set_aside:
        lines.append(f"{removed.set_aside:,} pictures in quarantine {verb}, written before then.")
    if removed.undated:
        lines.append(f"{removed.undated} sessions stay whatever their age: the clock was not set when they began.")
    return "\n".join(lines)


def report_text(report: Report) -> str:
    """The report for a terminal."""
    top = words.headline(report)
    parts = [
        f"Thin smear count {report.session.code}",
        pairs(words.facts(report)),
        f"{top.title}: {top.figure}, {top.density}\n{top.interval}\n{top.remark}",
        pairs(words.figures(report)),
        f"What this count cannot exclude\n{_lines([words.detection(report), *words.not_excluded(report)])}",
        f"Quality\n{_lines(words.quality_problems(report) or ['No problem was recorded.'])}",
        f"Model\n{_folded(words.model_line(report))}",
        RESEARCH_USE,
    ]
    return "\n\n".join(parts)


def write_report(report: Report, path: Path) -> None:
    """Write the report as HTML or PDF, by the ending of the file's name."""
    clear_leftovers(path.parent)  # of a report that was killed, which holds pictures
    with atomic_file(path, "w+b") as stream:
        if path.suffix.lower() == ".pdf":
            from edge_runtime.sessions.report.pdf import write_report as write_pdf

            write_pdf(stream, report)
            return
        from edge_runtime.sessions.report.html import html_pages

        for piece in html_pages(report):
            stream.write(piece.encode())


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Labels and texts, long texts folded beside their label."""
    known = list(rows)
    margin = max(len(label) for label, _ in known) + 2
    return "\n".join(_folded(body, f"{label:{margin}}", " " * margin) for label, body in known)


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(_folded(line, "- ", "  ") for line in texts)


def _folded(body: str, first: str = "", others: str = "") -> str:
    return textwrap.fill(body, _COLUMNS, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _progress_line(session: Session, totals: Totals) -> str:
    images = totals.fields + totals.single_cells
    return (
        f"{session.code}: {totals.cells:,} cells in {images:,} images ({totals.refused:,} refused), "
        f"{totals.infected:,} called infected, {totals.suspected:,} suspected"
    )
