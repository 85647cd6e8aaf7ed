"""Files are replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_runtime.common.files import OLD, atomic_file, clear_leftovers, write_atomically


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


def test_what_killed_processes_left_is_cleared_by_name_and_age(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from edge_runtime.common.files import atomic_file\n"
        "with atomic_file(sys.argv[1]) as stream:\n"
        "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "report.pdf")]
    assert subprocess.run(command, cwd=Path(__file__).parents[3]).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    for name in ("photo.tmp", ".photo.tmp", ".photo.0123456789ab.tmp.png", "photo.0123456789ab.tmp"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".folder.0123456789ab.tmp").mkdir()
    os.utime(tmp_path / ".folder.0123456789ab.tmp", (0, 0))
    assert clear_leftovers(tmp_path) == 0 and left.exists()  # somebody may be writing it
    an_hour_ago = time.time() - OLD - 1
    os.utime(left, (an_hour_ago, an_hour_ago))
    assert clear_leftovers(tmp_path) == 1 and not left.exists() and len(list(tmp_path.iterdir())) == 5
    assert clear_leftovers(tmp_path / "nowhere") == 0
