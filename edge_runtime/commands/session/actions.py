"""What the commands do that is more than one call: adding a list of files, and what a reviewer may say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge_runtime.common.console import progress
from edge_runtime.common.text import printable
from edge_runtime.errors import GateFailed, WrongUsage
from edge_runtime.sessions.manual_counts import add_manual_count
from edge_runtime.sessions.records import VERDICTS
from edge_runtime.sessions.review import Verdict, give_verdicts, read_verdicts, undo_verdict

if TYPE_CHECKING:
    from edge_runtime.commands.session.views import AddView
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store


def add_images_to(
    store: Store, session: Session, paths: Iterable[str], single: bool, model: str | None, view: AddView
) -> None:
    """Add image files and folders to a session.

    Args:
        single: each image is one cell.
        model: file or name, None for the default.
        view: shows each image and the end.

    Raises:
        WrongUsage: there is no image.
        GateFailed: some could not be read; the others were added.
    """
    from edge_runtime.core.sources import find_sources
    from edge_runtime.inspection.opening import open_classifier
    from edge_runtime.sessions.adding import add_images
    from edge_runtime.sessions.analysis import cell_reader, field_reader

    found = find_sources(paths)
    if not found.sources:
        raise WrongUsage(f"There is no image to add ({found.others} other files passed over); name image files.")
    classifier = open_classifier(model)
    read = cell_reader(classifier) if single else field_reader(classifier, store, session)
    with progress(add_images(store, session, found.sources, classifier, read), "add", len(found.sources)) as outcomes:
        for outcome in outcomes:
            view.show(outcome)
    view.end(store, session)
    if view.bad:
        raise GateFailed(f"{view.bad} of {len(found.sources)} images could not be read; the others were added.")


def apply_review(
    store: Store,
    session: Session,
    reviewer: str | None = None,
    cell: str | None = None,
    verdict: str | None = None,
    species: str | None = None,
    stage: str | None = None,
    undo: str | None = None,
    table: Iterable[str] | None = None,
    counted: int | None = None,
    asexual: int = 0,
    gametocytes: int = 0,
) -> None:
    """One of: a verdict on ``cell``, an ``undo``, a ``table`` of verdicts, a count by eye; or nothing.

    Raises:
        WrongUsage: several at a time, or something is missing.
    """
    given = sum(wanted is not None for wanted in (cell, undo, table, counted))
    if not given:
        return
    if given > 1:
        raise WrongUsage("Give one of --cell, --undo, --from and --counted at a time.")
    if reviewer is None:
        raise WrongUsage("Say who decides: --reviewer CODE.")
    if counted is not None:
        add_manual_count(store, session, counted, asexual, gametocytes, reviewer)
    elif undo is not None:
        undo_verdict(store, session, undo, reviewer)
    elif table is not None:
        give_verdicts(store, session, read_verdicts(table), reviewer)
    elif cell is not None:
        if verdict is None:
            raise WrongUsage(f"Say what cell {printable(cell)} is: --verdict {'|'.join(VERDICTS)}.")
        give_verdicts(store, session, [Verdict(cell, verdict, species, stage)], reviewer)
