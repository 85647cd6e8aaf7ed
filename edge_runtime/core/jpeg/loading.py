"""Load an opened JPEG picture and refuse it when its data are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

from edge_runtime.core.jpeg.check import damage_of
from edge_runtime.core.jpeg.fit import can_watch, decode
from edge_runtime.core.jpeg.segments import read_segments
from edge_runtime.errors import BadImage

if TYPE_CHECKING:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile


def load_jpeg(image: Image.Image, stream: BinaryIO, name: str, thorough: bool = True, as_it_is: bool = False) -> None:
    """Decode the picture; one whose data are all there but whose end marker is missing is read too.

    Args:
        image: opened, not yet loaded.
        stream: of the whole file.
        thorough: walk through its codes, see :func:`edge_runtime.core.jpeg.check.damage_of`.
        as_it_is: do not refuse anything that the decoder takes.

    Raises:
        BadImage: the data are damaged: kind ``truncated-image`` where the file just ends, else ``damaged-image``.
        OSError: and others, as Pillow raises them.
    """
    if as_it_is:
        image.load()
        return
    stream.seek(0)
    content = stream.read()
    segments = read_segments(content)
    reason = None
    if can_watch(segments):
        reason = decode(cast("JpegImageFile", image), content, segments)
        walked = damage_of(content, segments) if thorough else None
        reason = walked or reason
    elif thorough:
        reason = damage_of(content, segments)
    if reason is None:
        return
    if segments.end is None:
        raise BadImage(
            f"{name} is incomplete: the JPEG data ends early at {len(content):,} bytes ({reason}); copy it again.",
            kind="truncated-image",
        )
    raise BadImage(f"{name} is damaged: its JPEG data {reason}; copy or record it again.", kind="damaged-image")
