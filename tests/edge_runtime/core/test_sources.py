"""Names on the command line become a sorted list of images."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.core.sources import find_sources, read_list


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as they occur: images, other files, hidden files, nesting."""
    for name in ("b.png", "a.JPG", "notes.txt", "Thumbs.db", ".hidden.png", "._b.png", "sub/c.tif", "sub/deep/d.webp"):
        path = tmp_path / "smear" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "smear" / ".git").mkdir()
    (tmp_path / "smear" / ".git" / "e.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "smear"


def paths(*names: str) -> list[str]:
    return [source.path for source in find_sources(names).sources]


def test_folders_are_walked_sorted_images_only(tree: Path) -> None:
    found = find_sources(["smear"])
    assert [source.path for source in found.sources] == [
        "smear/a.JPG", "smear/b.png", "smear/sub/c.tif", "smear/sub/deep/d.webp",
    ]  # fmt: skip
    assert found.others == 4  # notes, Thumbs.db, .hidden.png, ._b.png


@pytest.mark.parametrize(
    "names, expected",
    [
        (["smear/notes.txt"], ["smear/notes.txt"]),  # named, so it is tried
        (["smear/.hidden.png"], ["smear/.hidden.png"]),
        (["missing.png"], ["missing.png"]),
        (["-"], ["-"]),
        (["smear/b.png", "smear/a.JPG"], ["smear/b.png", "smear/a.JPG"]),  # in the order given
        (["smear/*.[pJ]*"], ["smear/a.JPG", "smear/b.png"]),
        (["smear/**/*.tif"], ["smear/sub/c.tif"]),
        (["smear/s*"], ["smear/sub/c.tif", "smear/sub/deep/d.webp"]),  # a glob may match a folder
        (["nothing*.png"], ["nothing*.png"]),
        ([], []),
    ],
)
def test_names(tree: Path, names: list[str], expected: list[str]) -> None:
    assert paths(*names) == expected


def test_a_file_whose_name_looks_like_a_glob(tree: Path) -> None:
    (tree / "cell[1].png").touch()
    (tree / "cell1.png").touch()
    assert paths("smear/cell[1].png") == ["smear/cell[1].png"]


def test_links_are_followed_and_loops_end(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to("..")
    (tree / "z.png").symlink_to("b.png")
    (tree / "broken.png").symlink_to("nowhere.png")
    (tree / "round.png").symlink_to("round.png")
    assert paths("smear") == [
        "smear/a.JPG", "smear/b.png", "smear/broken.png", "smear/round.png", "smear/sub/c.tif",
        "smear/sub/deep/d.webp", "smear/z.png",
    ]  # fmt: skip


def test_a_linked_folder_outside_is_entered(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").touch()
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    assert "smear/link/x.png" in paths("smear")


def test_pipes_in_folders_are_no_images(tree: Path) -> None:
    os.mkfifo(tree / "pipe.png")
    found = find_sources(["smear"])
    assert len(found.sources) == 4 and found.others == 5


def test_deep_nesting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    levels = 300
    os.makedirs("d/" * levels)
    Path("d/" * levels, "x.png").touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)  # any folder nests deeper than some recursion may go
    try:
        found = paths("d")
    finally:
        sys.setrecursionlimit(limit)
    assert found == ["d/" * levels + "x.png"]


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = os.path.join(tmp_path, os.fsdecode(b"\xff.png"))
    Path(path).touch()
    assert paths(str(tmp_path)) == [path]


def test_a_folder_that_does_not_open_is_reported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[str], object] = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("sub"):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_sources(["smear"])
    bad = [source for source in found.sources if source.problem]
    assert [source.path for source in bad] == ["smear/sub"]
    assert bad[0].problem is not None and bad[0].problem.kind == "unreadable-file"
    assert len(found.sources) == 3


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", []),
        (b"a.png\nb c.png\n\n", ["a.png", "b c.png"]),
        (b"a.png\r\nb.png\r\n", ["a.png", "b.png"]),
        (b"a\nb.png\0c.png\0", ["a\nb.png", "c.png"]),
        (b"-\n", ["./-"]),
        (b"\xff.png\n", [os.fsdecode(b"\xff.png")]),
    ],
)
def test_lists(content: bytes, expected: list[str]) -> None:
    assert read_list(content) == expected
