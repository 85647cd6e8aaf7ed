"""What is given for a data set and is neither a folder nor a list is called by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edge_runtime.errors import BadData
from train.data.lists import read_list
from train.data.reading import Reading


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "cell_images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cell_images/Parasitized/a.png", b"x")
    with pytest.raises(BadData, match=r"is a ZIP archive .*, no folder of cells and no list of them; unpack it"):
        read_list(tmp_path, path, Reading())


def test_a_phones_picture_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "x.heic"
    path.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    with pytest.raises(BadData, match="is a HEIC picture, no folder of cells"):
        read_list(tmp_path, path, Reading())
