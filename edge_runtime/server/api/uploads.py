"""Takes in ``multipart/form-data`` within limits that hold while the bytes arrive, not after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import PurePosixPath

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from edge_runtime.common.text import as_utf8
from edge_runtime.server.access.limits import Place
from edge_runtime.server.problems import Problem
from edge_runtime.server.settings import Settings
from edge_runtime.server.work.jobs import Upload

FIELD = "files"
_MOST_VALUES = 20  # form values other than files; none is used
_LONGEST_NAME = 200
_LONGEST = 10  # times the patience for a pause: so long may the whole take


class _InMemory(MultiPartParser):
    """Spools nothing: what a request may hold is bounded already, and patients' images belong into the store only."""

    spool_max_size = max_file_size = 1 << 62


async def read_uploads(request: Request, place: Place, settings: Settings) -> list[Upload]:
    """The files of a request, in their order.

    Raises:
        Problem: 400, 408, 413, 415, 422 or 503.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(415, "not-multipart", "Send the images as multipart/form-data, each in a part named `files`.")
    if int(request.headers.get("content-length") or 0) > settings.max_upload:
        raise _too_large(settings)
    parser = _InMemory(
        request.headers, _bounded(request, place, settings), max_files=settings.max_files, max_fields=_MOST_VALUES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise Problem(
                413, "too-many-files", f"A request takes {settings.max_files} images at most; send several."
            ) from error
        raise Problem(400, "bad-multipart", f"The multipart body is malformed: {error.message}") from error
    except KeyError as error:  # no boundary in the header
        raise Problem(400, "bad-multipart", "The Content-Type has no boundary.") from error
    except UnicodeError as error:
        raise Problem(400, "bad-multipart", "The Content-Type names a charset that does not fit.") from error
    files = [item for item in form.getlist(FIELD) if isinstance(item, UploadFile)]
    found = [Upload(_name(item.filename, number), await item.read()) for number, item in enumerate(files, 1)]
    await form.close()
    if not found:
        raise Problem(422, "no-files", f"The request holds no image; send each in a part named `{FIELD}`.")
    return found


async def _bounded(request: Request, place: Place, settings: Settings) -> AsyncGenerator[bytes, None]:
    total = 0
    stream = request.stream()
    until = time.monotonic() + _LONGEST * settings.upload_patience
    while True:
        try:
            patience = min(settings.upload_patience, until - time.monotonic())
            block = await asyncio.wait_for(anext(stream), patience)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:
            raise Problem(
                408, "too-slow", "The upload stood still, or took minutes; send it again, or fewer images at a time."
            ) from error
        total += len(block)
        if total > settings.max_upload:
            raise _too_large(settings)
        place.hold(len(block))
        yield block


def _too_large(settings: Settings) -> Problem:
    return Problem(
        413, "too-large", f"A request takes {settings.max_upload:,} bytes at most; send fewer images at a time."
    )


def _name(given: str | None, number: int) -> str:
    """The last part of a name, whichever way its system writes folders."""
    name = PurePosixPath((given or "").replace("\\", "/")).name
    return as_utf8(name)[:_LONGEST_NAME] or f"upload-{number}"
