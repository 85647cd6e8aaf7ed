"""``thinsmear session``: count a smear, review it, report it, and keep the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edge_runtime.commands.session import actions, views
from edge_runtime.commands.session.known_slides import blank, positive
from edge_runtime.commands.session.options import (
    MEGABYTE,
    free_option,
    image_options,
    plan_options,
    session_argument,
    store_option,
    with_all,
)
from edge_runtime.commands.session.recover import recover
from edge_runtime.commands.session.review import review
from edge_runtime.common.console import emit_json, json_option, note, verbosity_options
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.errors import GateFailed, WrongUsage
from edge_runtime.sessions.records import SessionPlan
from edge_runtime.sessions.store.opening import open_existing, open_store


@click.group(
    short_help="Count a smear: sessions, review, reports.",
    epilog="""\b
Examples:
  thinsmear session new --slide A17 --stain giemsa --stop who     begin; prints the codes
  thinsmear session add newest fields/                            whole-field images
  thinsmear session status                                        how far the count is
  thinsmear session review --cell 7.12 --verdict asexual --reviewer AB
  thinsmear session report --out report.html --out report.pdf
  thinsmear session blank NEG01 blank-fields/                     a slide known to hold no parasites
  thinsmear session positive POS01 positive-fields/               a slide known to hold parasites
  thinsmear session retain --days 90 --dry-run
  thinsmear session recover                                       pictures whose rows are lost

SESSION is a code such as S-4KX9WMT; without it, the newest one. Records hold codes only: there is no place for a
name, a birth date or free text.""",
)
def session() -> None:
    """Count the cells of a smear in a store that survives power cuts, and report what the count supports."""


session.add_command(blank)
session.add_command(positive)
session.add_command(recover)
session.add_command(review)


@session.command(short_help="Begin a session.")
@click.option("--slide", required=True, metavar="CODE", help="Code of the slide.")
@click.option("--participant", metavar="CODE", help="Generated unless given in a form that the site declared.")
@with_all(plan_options)
@click.option("--rbc", "red_cells", metavar="N", type=float, help="Measured red cells per microlitre.")
@click.option("--haematocrit", metavar="%", type=float, help="Haematocrit in %, where no red cells were counted.")
@click.option("--stop", "stop_rule", metavar="RULE", help="who, cdc, bsh, nvp, or a precision such as 25%.")
@store_option
@free_option
@json_option
@verbosity_options
def new(folder: Path | None, min_free: int, as_json: bool, **plan: Any) -> None:
    """Begin a session on one slide and print its codes; write the participant's code on your own list."""
    with open_store(folder, create=True, min_free=min_free * MEGABYTE) as store:
        begun = store.new_session(SessionPlan(**plan))
        emit_json(begun.to_json()) if as_json else click.echo(views.new_session(begun))
        if begun.clock == "unset":
            note(f"The clock says {begun.recorded_at} and was not set since start; records are marked until it is.")


@session.command(short_help="Add images to a session.")
@click.argument("code", metavar="SESSION")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@with_all(image_options)
@store_option
@free_option
@json_option
@verbosity_options
def add(
    code: str,
    paths: tuple[str, ...],
    single: bool,
    model: str | None,
    folder: Path | None,
    min_free: int,
    as_json: bool,
) -> None:
    """Classify images and keep them in SESSION (`newest`: the newest one); images that are there already are skipped.

    Each image is on the disk before the next is read, so after a power cut the same command goes on where it stopped.
    """
    with open_store(folder, min_free=min_free * MEGABYTE) as store:
        views.note_set_aside(store)
        chosen = store.session(code)
        actions.add_images_to(store, chosen, paths, single, model, views.AddView(store, chosen, as_json))


@session.command(short_help="How far a count is.")
@session_argument
@click.option("--check", is_flag=True, help="Also prove the store sound: database, files, hashes.")
@store_option
@json_option
@verbosity_options
def status(code: str | None, check: bool, folder: Path | None, as_json: bool) -> None:
    """Cells so far, the stop rule, the review, and the disk."""
    from edge_runtime.sessions.store.integrity import check_store

    with open_existing(folder) as store:
        views.show_status(store, store.session(code), as_json)
        views.note_quarantine(store)
        problems = list(check_store(store)) if check else []
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise GateFailed(f"{len(problems)} problems in the store; restore what is named from a copy.")
    if check:
        note("The store is sound.")


@session.command("list", short_help="All sessions.")
@store_option
@json_option
@verbosity_options
def list_sessions(folder: Path | None, as_json: bool) -> None:
    """All sessions of the store, oldest first."""
    with open_existing(folder) as store:
        views.show_sessions(store, as_json)


@session.command(short_help="What the count supports.")
@session_argument
@click.option(
    "--out", "files", metavar="FILE", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
    help="Write FILE.html or FILE.pdf; may be given twice. Default: text on stdout.",
)  # fmt: skip
@click.option("--pictures", default=60, show_default=True, type=click.IntRange(0, 10_000), help="Cells to show.")
@store_option
@json_option
@verbosity_options
def report(code: str | None, files: tuple[Path, ...], pictures: int, folder: Path | None, as_json: bool) -> None:
    """The count with its uncertainty, the suspected cells, and what the count cannot exclude.

    The headline is the reviewed count of asexual parasites once every suspected cell has its verdict.
    """
    from edge_runtime.sessions.report.data import make_report

    wrong = next((path for path in files if path.suffix.lower() not in (".html", ".pdf")), None)
    if wrong is not None:
        raise WrongUsage(f"{printable(wrong)} is no kind of report; end its name with .html or .pdf.")
    with open_existing(folder) as store:
        made = make_report(store, store.session(code), pictures)
    for path in files:
        views.write_report(made, path)
        note(f"wrote {printable(path)}")
    if as_json:
        emit_json(made.to_json())
    elif not files:
        click.echo(views.report_text(made))


@session.command(short_help="A session as CSV or JSON.")
@session_argument
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Write session.json, cells.csv, fields.csv, verdicts.csv and manual_counts.csv there.",
)  # fmt: skip
@store_option
@json_option
@verbosity_options
def export(code: str | None, out: Path | None, folder: Path | None, as_json: bool) -> None:
    """Without --out: the cells as CSV on stdout, or with --json the whole session as one document."""
    from edge_runtime.sessions.export import csv_lines, json_pieces, write_all

    with open_existing(folder) as store:
        chosen = store.session(code)
        if out is not None:
            written = [as_utf8(path) for path in write_all(store, chosen, out)]
            emit_json({"session": chosen.code, "files": written}) if as_json else click.echo("\n".join(written))
            return
        pieces = json_pieces(store, chosen) if as_json else csv_lines(store, chosen, "cells")
        for piece in pieces:
            sys.stdout.write(piece)


@session.command(short_help="Remove what is older than needed.")
@click.option("--days", required=True, type=click.FloatRange(0, 36_500), help="Keep sessions begun since.")
@click.option(
    "--what", default="images", show_default=True, type=click.Choice(["images", "sessions"]),
    help="Images only (counts, verdicts and small pictures of suspected cells stay), or everything.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@store_option
@json_option
@verbosity_options
def retain(days: float, what: str, dry_run: bool, folder: Path | None, as_json: bool) -> None:
    """Remove old images, or old sessions; blank slides' counts stay until discarded, because counts rest on them."""
    from edge_runtime.sessions.store import retention

    with open_existing(folder) as store:
        removal = retention.retain(store, days, what, dry_run)
    emit_json(removal.to_json()) if as_json else click.echo(views.removal(removal))


@session.command(short_help="What holds for all sessions of a store.")
@click.option("--code", metavar="CODE", help="Site code of new sessions.")
@click.option(
    "--pattern", metavar="REGEX", help="Form of the site's own participant codes; names and dates are refused."
)
@click.option("--clock-is-right", is_flag=True, help="The wall clock was set by hand since this machine started.")
@store_option
@json_option
@verbosity_options
def site(code: str | None, pattern: str | None, clock_is_right: bool, folder: Path | None, as_json: bool) -> None:
    """Show or set the site's code and the form of its participant codes."""
    from edge_runtime.sessions.codes import checked_code, checked_pattern

    changes = {}
    if code is not None:
        changes["site"] = checked_code("site", code)
    if pattern is not None:
        changes["participant_pattern"] = checked_pattern(pattern)
    with open_store(folder, create=bool(changes), min_free=0) as store:
        for key, value in changes.items():
            store.set_setting(key, value)
        if clock_is_right:
            store.confirm_clock()
        views.show_site(store, as_json)
