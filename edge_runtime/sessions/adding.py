"""Adds image files to a session one by one: reads, classifies, stores, and goes on after a bad one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage
from edge_runtime.sessions.records import Added, FieldRecord, ModelRecord

if TYPE_CHECKING:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.sources import Source
    from edge_runtime.sessions.analysis import Reader
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

# Only that it came as a file: a file's name may hold a person's.
_CAMERA = {"source": "file"}


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: which.
        record: the machine's result, None for a bad file.
        added: its place in the session, None for a bad file.
        problem: why it could not be read.
    """

    source: Source
    record: FieldRecord | None = None
    added: Added | None = None
    problem: BadImage | None = None


def add_images(
    store: Store, session: Session, sources: Iterable[Source], classifier: Classifier, read: Reader
) -> Iterator[Outcome]:
    """Add files in their order; each is stored durably before the next one is read.

    Raises:
        as :meth:`edge_runtime.sessions.store.store.Store.add_field`.
    """
    model = ModelRecord.of(classifier)
    for source in sources:
        try:
            if source.problem is not None:
                raise source.problem
            content = _content(Path(source.path))
            pixels = load_image(content)
        except BadImage as error:
            yield Outcome(source, problem=error)
            continue
        record = read(pixels)
        yield Outcome(source, record, store.add_field(session, content, record, model, _CAMERA, pixels))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{path} cannot be read: {reason}; check the path and the permissions."
        raise BadImage(message, kind="unreadable-file") from error
