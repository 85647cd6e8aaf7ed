"""The one way of a picture into a session: judged against the session's other fields, recorded, kept durably.

Whatever a picture came from (a file, a camera that is watched, the page), the same holds for it:

- It comes with the classifier's result, :class:`FieldResult` or :class:`CellResult`.
- A field is judged against the fields of its session that are stored, those of other processes included.
- A file is kept byte for byte; the pixels of a camera become a PNG file without loss, always by the same encoder.
- A file that the session holds already, byte for byte, is not added again.
- A refused field is kept, with its reasons, and its cells count nowhere. Only where nobody chose the picture
  (:mod:`edge_runtime.sessions.recorder`) are refused ones left out that would only fill the disk.
- Records name no file and no folder, for such a name may be a person's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.core.classifier import CellResult
from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage
from edge_runtime.sessions.browse import last_number
from edge_runtime.sessions.records import Added, FieldRecord
from edge_runtime.sessions.store.pictures import stored_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.core.sources import Source
    from edge_runtime.fields import FieldResult
    from edge_runtime.fields.quality import Quality
    from edge_runtime.fields.smear import Smear
    from edge_runtime.sessions.records import ModelRecord, Session
    from edge_runtime.sessions.store.store import Store

    Result = CellResult | FieldResult

FROM_FILE: Mapping[str, Any] = {"source": "file"}
_REMEMBERED = 50  # fields back that a repeat is looked for, as in edge_runtime.fields.smear


def from_camera(spec: str, pixels: NDArray[np.uint8], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What records say of a camera's picture: neither the path of a replay nor a time, which is the record's own.

    Args:
        spec: the camera, as it may be shown.
        pixels: uint8 [h, w, 3].
        settings: of the camera for this picture, plain JSON values.
    """
    height, width = pixels.shape[:2]
    source = "replay" if spec.lower().startswith("replay:") else spec
    return {"source": source, "width": width, "height": height, **settings}


@dataclass(frozen=True)
class Taken:
    """What became of a picture.

    Attributes:
        added: its place in the session.
        record: what was found in it; of a repeat too, whose first record is the one that is stored.
    """

    added: Added
    record: FieldRecord


class SessionSmear:
    """The fields of one session, for a new one to be judged against; those that are stored are recalled.

    One thread at a time may use it, each with its own connection to the store.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._smear: Smear | None = None
        self._last = 0  # number of the newest field that it knows

    def recall(self, store: Store) -> Smear:
        """Know all fields that are stored, those included that another process has added meanwhile.

        Raises:
            EnvironmentLacks: OpenCV is not installed.
        """
        smear = self._smear
        if smear is None or self._last != last_number(store, self._session):
            smear, self._last = _recalled(store, self._session)
            self._smear = smear
        return smear

    def judge(self, store: Store, pixels: NDArray[np.uint8], quality: Quality) -> Quality:
        """The quality of a field within its session; an accepted one is remembered, so keep it or :meth:`forget`."""
        return self.recall(store).judge(pixels, quality)

    def kept(self, added: Added) -> None:
        """What was judged last is stored now."""
        if added.number == self._last + 1:  # else another process was faster with a field that is to be recalled
            self._last = added.number

    def forget(self) -> None:
        """What was judged last was not stored: recall all fields at the next one."""
        self._smear = None


class Intake:
    """Takes pictures into one session.

    Attributes:
        session: where they go.
    """

    def __init__(self, store: Store, session: Session, model: ModelRecord, smear: SessionSmear | None = None) -> None:
        """
        Args:
            model: what classifies them.
            smear: of the session, where it is kept for longer; None to begin with what is stored.
        """
        self.session = session
        self._store = store
        self._model = model
        self._smear = smear or SessionSmear(session)

    def judge(self, pixels: NDArray[np.uint8], quality: Quality) -> Quality:
        """The quality of a field within the session; see :meth:`edge_runtime.fields.smear.Smear.judge`."""
        return self._smear.judge(self._store, pixels, quality)

    def take(
        self,
        pixels: NDArray[np.uint8],
        result: Result,
        content: bytes,
        camera: Mapping[str, Any],
    ) -> Taken:
        """Judge a picture within the session and keep it.

        Args:
            pixels: uint8 [h, w, 3], RGB, upright.
            result: what the classifier found in it.
            content: the file to keep.
            camera: :data:`FROM_FILE`, or of :func:`from_camera`.

        Raises:
            as :meth:`keep`.
        """
        if not isinstance(result, CellResult):
            result = replace(result, quality=self.judge(pixels, result.quality))
        return self.keep(pixels, result, content, camera)

    def keep(
        self,
        pixels: NDArray[np.uint8],
        result: Result,
        content: bytes,
        camera: Mapping[str, Any],
    ) -> Taken:
        """Keep a picture whose quality was judged by :meth:`judge` already; durable when this returns.

        Raises:
            as :meth:`edge_runtime.sessions.store.store.Store.add_field`.
        """
        record = FieldRecord.of(result)
        try:
            added = self._store.add_field(self.session, content, record, self._model, camera, pixels)
        except BaseException:
            self._smear.forget()
            raise
        self._smear.kept(added)
        return Taken(added, record)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file.

    Attributes:
        source: which.
        taken: None for a bad file.
        problem: why it could not be read.
    """

    source: Source
    taken: Taken | None = None
    problem: BadImage | None = None


def take_files(
    intake: Intake, sources: Iterable[Source], read: Callable[[NDArray[np.uint8]], Result]
) -> Iterator[FileOutcome]:
    """Take files in their order, each durably before the next one is read; goes on after a bad one.

    Args:
        read: classifies a picture, as one cell or as a whole field.

    Raises:
        as :meth:`Intake.take`.
    """
    for source in sources:
        try:
            if source.problem is not None:
                raise source.problem
            content = _content(Path(source.path))
            pixels = load_image(content)
        except BadImage as error:
            yield FileOutcome(source, problem=error)
            continue
        yield FileOutcome(source, intake.take(pixels, read(pixels), content, FROM_FILE))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{path} cannot be read: {reason}; check the path and the permissions."
        raise BadImage(message, kind="unreadable-file") from error


def _recalled(store: Store, session: Session) -> tuple[Smear, int]:
    """A smear that knows the sharpest stored field and the latest ones, and the number of the newest field."""
    from edge_runtime.fields.quality import Quality
    from edge_runtime.fields.smear import Smear

    kept = "SELECT number, image, cells, quality FROM fields WHERE session_id = ? AND accepted AND image IS NOT NULL"
    focus = "json_extract(quality, '$.focus')"
    with store.reading() as connection:
        last = last_number(store, session)
        rows = connection.execute(
            f"""SELECT * FROM ({kept} ORDER BY {focus} DESC LIMIT 1)
            UNION SELECT * FROM ({kept} ORDER BY number DESC LIMIT ?) ORDER BY number""",
            (session.id, session.id, _REMEMBERED),
        ).fetchall()
    smear = Smear(_REMEMBERED)
    for row in rows:
        stored = json.loads(row["quality"])
        try:
            values = [float(stored[name]) for name in ("focus", "saturated", "exposure", "density")]
            pixels = stored_image(store.root, row["image"])
        except (KeyError, TypeError, ValueError, BadImage):  # of a camera that judges otherwise, or unreadable now
            continue
        sharpness, saturated, exposure, density = values
        smear.judge(pixels, Quality(sharpness, None, saturated, exposure, density, row["cells"]))
    return smear, last
