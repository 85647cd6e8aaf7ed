"""Decode every image once: pixels of a data set at one size, kept as a checked, memory-mapped file."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge_runtime.common.console import note, progress
from edge_runtime.common.files import write_atomically
from edge_runtime.core.card import InputContract
from edge_runtime.core.images import load_image
from edge_runtime.core.preprocess import resize
from edge_runtime.errors import BadData, BadImage
from train.data.dataset import Cells

# Part of every key: raise it when decoding or resizing changes, so that no old pixels are trusted.
_PIXEL_VERSION = 1


class UnreadableCells(BadData):
    """Some images of a data set cannot be decoded.

    Attributes:
        indices: positions of the bad images in the data set.
    """

    def __init__(self, message: str, indices: list[int]) -> None:
        super().__init__(message)
        self.indices = indices


def default_cache() -> Path:
    """``$XDG_CACHE_HOME/thinsmear`` or ``~/.cache/thinsmear``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thinsmear"


def load_pixels(cells: Cells, contract: InputContract, cache: Path | None) -> np.ndarray:
    """All images as the device would see them before normalisation.

    Args:
        cells: n images.
        contract: size and resize method; normalisation plays no part here.
        cache: folder for the pixel file, or None to decode into memory.

    Returns:
        uint8 [n, height, width, 3] RGB, read-only and memory-mapped when a cache folder is given.

    Raises:
        UnreadableCells: some images cannot be decoded; the message names the first.
    """
    if cache is None:
        pixels = np.empty((len(cells), contract.height, contract.width, 3), np.uint8)
        _decode(cells, contract, pixels)
        return pixels
    size = f"{contract.height}x{contract.width}"
    identity = f"{_PIXEL_VERSION} {size} {contract.resample} {contract.fit} {cells.fingerprint}"
    key = hashlib.sha256(identity.encode()).hexdigest()[:24]
    path, sidecar = cache / f"{key}.npy", cache / f"{key}.json"
    pixels_or_none = _reopen(path, sidecar, (len(cells), contract.height, contract.width, 3))
    if pixels_or_none is not None:
        return pixels_or_none
    cache.mkdir(parents=True, exist_ok=True)
    partial = cache / f"{key}.{os.getpid()}.partial"
    try:
        fresh = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.uint8, shape=(len(cells), contract.height, contract.width, 3)
        )
        _decode(cells, contract, fresh)
        fresh.flush()
        document = {"identity": identity, "crc32": _crc32(fresh)}
        del fresh
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    write_atomically(sidecar, json.dumps(document))
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _reopen(path: Path, sidecar: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        document = json.loads(sidecar.read_text())
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        if pixels.shape == shape and pixels.dtype == np.uint8 and document["crc32"] == _crc32(pixels):
            return pixels
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    note(f"The pixel cache {path.name} is damaged; decoding the images again.")
    return None


def _crc32(pixels: np.ndarray) -> int:
    value = 0
    for start in range(0, len(pixels), 256):
        value = zlib.crc32(np.ascontiguousarray(pixels[start : start + 256]).data, value)
    return value


def _decode(cells: Cells, contract: InputContract, pixels: np.ndarray) -> None:
    files = list(cells.files())

    def one(index: int) -> str | None:
        try:
            pixels[index] = resize(load_image(files[index]), contract)
        except BadImage as error:
            return str(error)
        return None

    # Pillow releases the interpreter lock while it decodes, so threads are enough.
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress(pool.map(one, range(len(files))), "Decoding images", len(files)) as results,
    ):
        bad = [(index, message) for index, message in enumerate(results) if message is not None]
    if bad:
        raise UnreadableCells(
            f"{len(bad)} of {len(files)} images cannot be used, first: {bad[0][1]} "
            "Remove or replace them, or leave them out with --skip-bad.",
            [index for index, _ in bad],
        )
