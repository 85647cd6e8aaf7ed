"""What the worker threads do: classify cells, read fields, keep fields in a session; with the command line's code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from edge_runtime.common.text import printable
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.deep_pixels import refuse_dark
from edge_runtime.core.encoding import write_png
from edge_runtime.core.images import Reading, load_image
from edge_runtime.core.lines import Document, cell_line, error_line
from edge_runtime.errors import BadImage, WrongUsage
from edge_runtime.fields.reader import field_line
from edge_runtime.server.documents import field_document, status_document
from edge_runtime.server.problems import Problem
from edge_runtime.server.work.smears import Smears
from edge_runtime.server.work.workers import alive
from edge_runtime.sessions.browse import last_number, stored_field
from edge_runtime.sessions.intake import FROM_FILE, Intake, from_camera
from edge_runtime.sessions.left_out.added import added_cells
from edge_runtime.sessions.records import ModelRecord, Session
from edge_runtime.sessions.store.opening import open_existing
from edge_runtime.sessions.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.cameras import Frame
    from edge_runtime.fields import FieldReader
    from edge_runtime.server.settings import Settings


@dataclass(frozen=True)
class Upload:
    """One file of a request.

    Attributes:
        name: as the sender calls it, without folders; only ever repeated to the sender.
        content: its bytes.
    """

    name: str
    content: bytes

    @property
    def shown(self) -> str:
        """The name, fit for an error's sentence."""
        return printable(self.name)


@dataclass
class Tools:
    """What one worker has to itself.

    Attributes:
        classifier: an interpreter of its own.
        reader: of whole fields.
        store: a connection of its own.
    """

    classifier: Classifier
    reader: FieldReader
    store: Store


def tools_maker(settings: Settings, first: Classifier) -> Callable[[], Tools]:
    """A function that makes a worker's tools; the first worker gets the classifier that is there."""
    free = [first]
    lock = threading.Lock()

    def make() -> Tools:
        from edge_runtime.fields import FieldReader

        with lock:
            classifier = free.pop() if free else None
        if classifier is None:
            classifier = first.twin()
        # a person waits for a captured field: its cells are shared out, where there is a core for it
        several = settings.cores > 1 and not first.on_edgetpu
        readers = [classifier, classifier.twin()] if several else [classifier]
        return Tools(classifier, FieldReader(readers), open_existing(settings.store, min_free=settings.min_free))

    return make


def find_session(store: Store, code: str) -> Session:
    """A session by its code; 404 when there is none."""
    try:
        return store.session(code)
    except WrongUsage as error:
        raise Problem(404, "no-session", str(error)) from error


def classify_cells(uploads: Sequence[Upload], most_pixels: int) -> Callable[[Tools], list[Document]]:
    """A job: each image is one cell."""

    def work(tools: Tools) -> list[Document]:
        classifier = tools.classifier
        lines = []
        for upload in uploads:
            alive()
            try:
                pixels = load_image(upload.content, most_pixels, upload.shown)
                refuse_dark(pixels, upload.shown)
                lines.append(cell_line(upload.name, classifier.classify(pixels), classifier.model.id))
            except BadImage as error:
                lines.append(error_line(upload.name, error))
        return lines

    return work


def read_fields(uploads: Sequence[Upload], most_pixels: int) -> Callable[[Tools], list[Document]]:
    """A job: each image is a whole field that belongs to no session."""

    def work(tools: Tools) -> list[Document]:
        need_opencv()
        lines = []
        for upload in uploads:
            alive()
            try:
                result = tools.reader.read(load_image(upload.content, most_pixels, upload.shown))
                lines.append(field_line(upload.name, result, tools.classifier.model.id))
            except BadImage as error:
                lines.append(error_line(upload.name, error))
        return lines

    return work


def add_uploads(
    session: Session, uploads: Sequence[Upload], most_pixels: int, smears: Smears
) -> Callable[[Tools], list[Document]]:
    """A job: keep images of whole fields in a session, each durably before the next is read."""

    def work(tools: Tools) -> list[Document]:
        need_opencv()
        lines = []
        for upload in uploads:
            alive()
            try:
                pixels = load_image(upload.content, most_pixels, upload.shown)
            except BadImage as error:
                lines.append(error_line(upload.name, error))
                continue
            lines.append(_add(tools, session, smears, pixels, partial(bytes, upload.content), FROM_FILE))
        return lines

    return work


def add_frame(session: Session, frame: Frame, spec: str, smears: Smears) -> Callable[[Tools], Document]:
    """A job: keep a camera's frame in a session.

    Args:
        spec: the camera, as it may be shown.
    """

    def work(tools: Tools) -> Document:
        need_opencv()
        pixels = frame.pixels
        with _Encoding(pixels) as encoding:
            return _add(tools, session, smears, pixels, encoding.result, from_camera(spec, pixels, frame.settings))

    return work


def need_opencv() -> None:
    """EnvironmentLacks, without which whole fields cannot be read."""
    from edge_runtime.fields.opencv import opencv

    opencv()


def _add(
    tools: Tools,
    session: Session,
    smears: Smears,
    pixels: NDArray[np.uint8],
    content: Callable[[], bytes],
    camera: Mapping[str, Any],
) -> Document:
    result = tools.reader.read(pixels)
    model = ModelRecord.of(tools.classifier)
    encoded = content()
    with smears.using(session) as smear:
        try:
            taken = Intake(tools.store, session, model, smear).take(pixels, result, encoded, camera)
        except WrongUsage as error:  # another model, or another kind of image
            raise Problem(409, "not-this-session", str(error)) from error
    added, record = taken.added, taken.record
    if added.repeat:  # what was found the first time stays
        record = stored_field(tools.store, session, added.number).record
    size = (pixels.shape[1], pixels.shape[0])
    document = field_document(session, added.number, added.repeat, size, record, model.sha256)
    # only here: the store keeps how many were left out, not where they lie
    left_out = [{"box": list(item.box), "reason": item.reason} for item in result.field.excluded]
    document["result"]["excluded_boxes"] = left_out
    document["added"] = [cell.to_json() for cell in added_cells(tools.store, session, added.number)]
    return {**document, "status": status_document(tools.store, session)}


def require_field(store: Store, session: Session, number: int) -> None:
    """404 when a session has no field of that number."""
    if number > last_number(store, session):
        raise Problem(404, "no-field", f"Session {session.code} has no field {number}.")


def stored_document(store: Store, session: Session, number: int, most_pixels: int) -> Document:
    """A field as it was stored; 404 when there is none."""
    try:
        found = stored_field(store, session, number)
    except WrongUsage as error:
        raise Problem(404, "no-field", str(error)) from error
    size = None
    if found.image is not None:
        shape = load_image(found.image, reading=Reading(max(most_pixels, 1), as_it_is=True)).shape
        size = (shape[1], shape[0])
    document = field_document(session, number, False, size, found.record, found.model)
    document["added"] = [cell.to_json() for cell in added_cells(store, session, number)]
    return {**document, "status": status_document(store, session)}


class _Encoding:
    """Makes a PNG file of a frame while another thread reads the field: the camera's pixels are kept without loss."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels
        self._content = b""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="encode")

    def __enter__(self) -> _Encoding:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def result(self) -> bytes:
        """The file."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._content

    def _run(self) -> None:
        try:
            self._content = write_png(self._pixels)
        except Exception as error:
            self._error = error
