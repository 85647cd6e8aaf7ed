"""Images of a store: the camera's own files, and the small pictures of cells that a person will look at."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.files import sync_folder, write_atomically
from edge_runtime.sessions.records import FIELD
from edge_runtime.sessions.store.reserve import audit_reserve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.sessions.records import CellRecord, FieldRecord

FOLDER = "images"
_ENDINGS = (
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"II*\x00", ".tif"),
    (b"MM\x00*", ".tif"),
    (b"BM", ".bmp"),
    (b"RIFF", ".webp"),
    (b"P6", ".ppm"),
)
_LONGEST_SIDE = 320  # pixels of a cell's picture: native resolution, for cells in fields measure 25 to 260 at most
_MARGIN = 0.25  # of the box's longer side, all around: the surroundings help a person to judge
_JPEG_QUALITY = 92


def image_path(session: str, digest: str, content: bytes) -> str:
    """Where an image belongs, relative to the store: below the session's code, named by its own hash."""
    ending = next((ending for magic, ending in _ENDINGS if content.startswith(magic)), ".img")
    return f"{FOLDER}/{session}/{digest[:32]}{ending}"


def write_image(root: Path, relative: str, content: bytes) -> None:
    """Bring an image to the disk, its name and its folder's name included, before this returns."""
    path = root / relative
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent.parent)
    write_atomically(path, content)


@dataclass(frozen=True)
class Pictures:
    """Small JPEG pictures that stay when retention removes an image.

    Attributes:
        cells: of suspected cells and of those an audit may draw, by the cell's index in the record.
        objects: of all objects, in the record's order.
    """

    cells: Mapping[int, bytes]
    objects: tuple[bytes, ...]


def kept_pictures(
    session: int, digest: str, record: FieldRecord, content: bytes, pixels: NDArray[np.uint8] | None
) -> Pictures:
    """What a person may have to look at, cut out: suspected cells, those an audit may draw, and objects.

    Args:
        session: row of the session.
        digest: SHA-256 of ``content``, in hexadecimal digits.
        content: the image's file, decoded only when there is something to cut out and ``pixels`` is None.
        pixels: uint8 [h, w, 3], RGB, upright.
    """
    suspected = [cell.suspected for cell in record.cells]
    wanted = [index for index, is_suspected in enumerate(suspected) if is_suspected]
    if record.accepted and record.kind == FIELD:
        wanted += audit_reserve(session, digest, suspected)
    if not wanted and not record.objects:
        return Pictures({}, ())
    if pixels is None:
        from edge_runtime.core.images import Reading, load_image

        pixels = load_image(content, reading=Reading(as_it_is=True))
    return Pictures(
        {index: cell_picture(pixels, record.cells[index]) for index in wanted},
        tuple(box_picture(pixels, found.box) for found in record.objects),
    )


def stored_image(root: Path, relative: str) -> NDArray[np.uint8]:
    """The pixels of a stored image, uint8 [h, w, 3] RGB, upright; what it shows, whatever is refused today.

    Raises:
        BadImage: it is gone, or shows nothing.
    """
    from edge_runtime.core.images import Reading, load_image

    return load_image(root / relative, reading=Reading(as_it_is=True))


def cell_picture(pixels: NDArray[np.uint8], cell: CellRecord) -> bytes:
    """JPEG of one cell of an image, uint8 [h, w, 3] RGB, with a little of its surroundings."""
    return box_picture(pixels, cell.box)


def box_picture(pixels: NDArray[np.uint8], box: tuple[int, int, int, int] | None) -> bytes:
    """JPEG of a part of an image, uint8 [h, w, 3] RGB, with a little of its surroundings; without a box of all."""
    from PIL import Image

    height, width = pixels.shape[:2]
    left, top, right, bottom = 0, 0, width, height
    if box is not None:
        x, y, w, h = box
        half = (0.5 + _MARGIN) * max(w, h)
        left, right = max(0, int(x + w / 2 - half)), min(width, int(x + w / 2 + half) + 1)
        top, bottom = max(0, int(y + h / 2 - half)), min(height, int(y + h / 2 + half) + 1)
    # a box outside the image would be the classifier's fault; its cell is kept, with one pixel for a picture
    left, top = min(left, width - 1), min(top, height - 1)
    image = Image.fromarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return stream.getvalue()
