"""Files are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_runtime.common.files import atomic_file, write_atomically


@pytest.mark.parametrize(
    "data, expected", [(b"\x00\xff", b"\x00\xff"), ("µL", "µL".encode()), ("C3_\udcff", b"C3_\xff")]
)
def test_bytes_and_text_are_written(tmp_path: Path, data: bytes | str, expected: bytes) -> None:
    write_atomically(tmp_path / "out", data)
    assert (tmp_path / "out").read_bytes() == expected


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_midway_keeps_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_file(target) as stream:
        stream.write(b"half")
        raise error
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_old_file_stays_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with atomic_file(target) as stream:
        stream.write(b"new")
        stream.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_read_back_mode_serves_writers_that_seek(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "out", "w+b") as stream:
        stream.write(b"abc")
        stream.seek(0)
        assert stream.read() == b"abc"


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "out", b"")
    assert os.stat(tmp_path / "out").st_mode == os.stat(tmp_path / "plain").st_mode


def test_a_long_name_works(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 250)
    write_atomically(target, b"x")
    assert target.read_bytes() == b"x"


def test_wrong_mode_and_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not supported"), atomic_file(tmp_path / "out", "ab"):
        pass
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "out", b"")
