"""``thinsmear session recover``: pictures without rows, counted again, listed or thrown away by a person."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.commands.session.actions import reader_of
from edge_runtime.commands.session.options import MEGABYTE, free_option, store_option
from edge_runtime.common.console import emit_json, json_option, note, progress, verbosity_options
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.errors import GateFailed, WrongUsage
from edge_runtime.sessions.records import CELL, FIELD, ModelRecord
from edge_runtime.sessions.store.opening import open_store
from edge_runtime.sessions.store.orphans import quarantined, remove

if TYPE_CHECKING:
    from edge_runtime.sessions.recovery import Recovered
    from edge_runtime.sessions.store.store import Store


@click.command(short_help="Count pictures again whose rows are lost.")
@click.option("--new-database", "anew", is_flag=True, help="The database is damaged: put it by, and make a new one.")
@click.option("--list", "only_list", is_flag=True, help="Only list the pictures that no row names.")
@click.option("--discard", is_flag=True, help="Remove those pictures for good instead.")
@click.option("--cells", "single", is_flag=True, help="Pictures of sessions that are lost as a whole are single cells.")
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@store_option
@free_option
@json_option
@verbosity_options
def recover(
    anew: bool,
    only_list: bool,
    discard: bool,
    single: bool,
    model: str | None,
    folder: Path | None,
    min_free: int,
    as_json: bool,
) -> None:
    """Bring pictures that no row names back into their sessions, by reading them again with the model.

    They lie in the store's folder `quarantine`: what a power cut left between a picture and its row, or everything
    where the database is gone or an older copy of it was put back. Verdicts, the slides' codes and who was counted are
    in the database alone: sessions that are made anew have the slide `recovered` and a new participant's code.
    """
    if only_list and discard:
        raise WrongUsage("Take --list or --discard, not both.")
    with _opened(folder, anew, min_free * MEGABYTE) as store:
        if only_list or discard:
            _show_files(store, discard, as_json)
        else:
            _recover(store, CELL if single else FIELD, model, as_json)


def _opened(folder: Path | None, anew: bool, min_free: int) -> Store:
    from edge_runtime.sessions.recovery import put_database_away
    from edge_runtime.sessions.store.identity import holds_database
    from edge_runtime.sessions.store.location import DATABASE, default_folder

    root = default_folder() if folder is None else folder
    if not root.is_dir():
        raise WrongUsage(f"There is no store in {printable(root)}; --store names another folder.")
    lost = not holds_database(root / DATABASE)
    if lost or anew:
        away = put_database_away(root)
        if away is not None:
            note(f"The database was put by as {printable(away)}; keep it, a copy of it may yet be read by others.")
    return open_store(root, anew=lost or anew, min_free=min_free)


def _show_files(store: Store, discard: bool, as_json: bool) -> None:
    paths = quarantined(store.root)
    size = sum(path.stat().st_size for path in paths)
    names = [as_utf8(path.relative_to(store.root)) for path in paths]
    if discard:
        remove(paths)
    if as_json:
        emit_json({"pictures": names, "bytes": size, "discarded": discard})
        return
    for name in names:
        click.echo(name)
    note(f"{len(paths):,} pictures without a row ({size / 1e6:,.1f} MB){' were removed' if discard else ''}.")


def _recover(store: Store, kind: str, model: str | None, as_json: bool) -> None:
    from edge_runtime.inspection.opening import open_classifier
    from edge_runtime.sessions.recovery import recover as recover_pictures

    count = len(quarantined(store.root))
    if not count:
        note("Every picture of the store has its row; there is nothing to recover.")
        return
    classifier = open_classifier(model)
    outcomes: list[Recovered] = []
    found = recover_pictures(
        store, ModelRecord.of(classifier), cache(lambda kind: reader_of(classifier, kind == CELL)), kind
    )
    with progress(found, "recover", count) as pictures:
        for one in pictures:
            outcomes.append(one)
            _show(one, as_json)
    back = sum(one.added is not None for one in outcomes)
    sessions = {one.session for one in outcomes if one.added is not None}
    note(f"{back:,} of {count:,} pictures are back, in {len(sessions):,} sessions.")
    if back < len(outcomes):
        raise GateFailed(f"{len(outcomes) - back} pictures stay in quarantine; see what was said of each.")


def _show(one: Recovered, as_json: bool) -> None:
    name = as_utf8(Path(*one.path.parts[-3:]))
    if as_json:
        added = one.added.number if one.added is not None else None
        line: dict[str, Any] = {"picture": name, "session": one.session, "field": added}
        emit_json(line if one.problem is None else {**line, "error": str(one.problem)})
    elif one.problem is not None:
        click.echo(f"stays: {name}: {one.problem}", err=True)
