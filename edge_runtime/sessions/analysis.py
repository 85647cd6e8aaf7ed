"""From an image file to a record: whole fields through segmentation and quality, or images of one cell each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage
from edge_runtime.sessions.records import CELL, Cell, FieldRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import Classifier
    from edge_runtime.fields import FieldResult
    from edge_runtime.fields.smear import Smear
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

Reader = Callable[["NDArray[np.uint8]"], FieldRecord]
_REMEMBERED = 50  # fields back that a repeat is looked for, as in edge_runtime.fields.smear


def cell_reader(classifier: Classifier) -> Reader:
    """Each image is one cell, as for ``thinsmear classify``."""

    def read(pixels: NDArray[np.uint8]) -> FieldRecord:
        found = classifier.classify(pixels)
        return FieldRecord((Cell(found.probability, found.review, found.count),), CELL)

    return read


def field_reader(classifier: Classifier, store: Store, session: Session) -> Reader:
    """Each image is a whole field; its quality is judged against the session's earlier fields, those stored included.

    Raises:
        EnvironmentLacks: OpenCV is not installed.
    """
    from edge_runtime.fields import classify_field

    judge = session_judge(store, session)

    def read(pixels: NDArray[np.uint8]) -> FieldRecord:
        return judged_record(judge, pixels, classify_field(classifier, pixels))

    return read


def session_judge(store: Store, session: Session) -> Smear:
    """A judge of fields that remembers those of the session that are stored."""
    from edge_runtime.fields.smear import Smear

    judge = Smear(_REMEMBERED)
    _recall(judge, store, session)
    return judge


def judged_record(judge: Smear, pixels: NDArray[np.uint8], result: FieldResult) -> FieldRecord:
    """What to store of a field: its result, with its quality judged against the session's other fields."""
    judged = judge.judge(pixels, result.quality)
    return FieldRecord.from_json(replace(result, quality=judged).to_json())


def _recall(judge: Smear, store: Store, session: Session) -> None:
    """Show the judge the sharpest stored field and the latest ones, so that a session can go on after a pause."""
    from edge_runtime.fields.quality import Quality

    kept = "SELECT number, image, cells, quality FROM fields WHERE session_id = ? AND accepted AND image IS NOT NULL"
    focus = "json_extract(quality, '$.focus')"
    with store.reading() as connection:
        rows = connection.execute(
            f"""SELECT * FROM ({kept} ORDER BY {focus} DESC LIMIT 1)
            UNION SELECT * FROM ({kept} ORDER BY number DESC LIMIT ?) ORDER BY number""",
            (session.id, session.id, _REMEMBERED),
        ).fetchall()
    for row in rows:
        stored = json.loads(row["quality"])
        try:
            values = [float(stored[name]) for name in ("focus", "saturated", "exposure", "density")]
            pixels = load_image(store.root / row["image"])
        except (KeyError, TypeError, ValueError, BadImage):  # of a camera that judges otherwise, or unreadable now
            continue
        sharpness, saturated, exposure, density = values
        judge.judge(pixels, Quality(sharpness, None, saturated, exposure, density, row["cells"]))
