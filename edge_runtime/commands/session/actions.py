"""What the commands do that is more than one call: adding a list of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from edge_runtime.common.console import progress
from edge_runtime.errors import GateFailed, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.commands.session.views import AddView
    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.fields import FieldResult
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
    from edge_runtime.sessions.intake import Intake, take_files
    from edge_runtime.sessions.records import ModelRecord

    found = find_sources(paths)
    if not found.sources:
        raise WrongUsage(f"There is no image to add ({found.others} other files passed over); name image files.")
    classifier = open_classifier(model)
    intake = Intake(store, session, ModelRecord.of(classifier))
    files = take_files(intake, found.sources, reader_of(classifier, single))
    with progress(files, "add", len(found.sources)) as outcomes:
        for outcome in outcomes:
            view.show(outcome)
    view.end()
    if view.bad:
        raise GateFailed(f"{view.bad} of {len(found.sources)} images could not be read; the others were added.")


def reader_of(classifier: Classifier, single: bool) -> Callable[[NDArray[np.uint8]], CellResult | FieldResult]:
    """How a picture is read: as one cell, or as a whole field, which needs OpenCV."""
    if single:
        return classifier.classify
    from edge_runtime.fields import FieldReader

    return FieldReader([classifier]).read
