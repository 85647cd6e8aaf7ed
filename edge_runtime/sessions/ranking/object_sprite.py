"""Pictures of many objects as one image, as :mod:`edge_runtime.sessions.ranking.sprite` has those of cells."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_runtime.sessions.left_out.objects import object_picture
from edge_runtime.sessions.ranking.sprite import COLUMNS, Sprite, square

if TYPE_CHECKING:
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_JPEG_QUALITY = 85


def object_sprite(store: Store, session: Session, names: Sequence[str], side: int) -> Sprite:
    """The pictures of objects, each cut to a square and scaled to ``side`` pixels; none is ever missing.

    Args:
        names: ``FIELD.oNUMBER`` each, 1 or more.
        side: pixels of a square.

    Raises:
        WrongUsage: there is no such object.
    """
    from PIL import Image

    with store.reading():
        jpegs = [object_picture(store, session, name) for name in names]
    sheet = Image.new("RGB", (side * min(COLUMNS, len(names)), side * -(-len(names) // COLUMNS)))
    for place, jpeg in enumerate(jpegs):
        with Image.open(io.BytesIO(jpeg)) as picture:
            shown = square(picture.convert("RGB"), side)
        sheet.paste(shown, (side * (place % COLUMNS), side * (place // COLUMNS)))
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return Sprite(stream.getvalue(), ())
