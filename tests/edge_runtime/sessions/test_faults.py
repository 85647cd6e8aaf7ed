"""Power cuts, full disks and busy neighbours: after each the store is sound and nothing that was kept is lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.sessions import open_existing, open_store
from edge_runtime.sessions.review import give_verdicts, reviewed
from edge_runtime.sessions.store import ballast
from edge_runtime.sessions.store.connection import StoreProblem
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.store.retention import retain
from edge_runtime.sessions.verdicts import Verdict
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, Clock, field, filled, image, store_in

ROOT = Path(__file__).parents[3]
ADD_UNTIL_REFUSED = """
import resource, signal, sys
from pathlib import Path
from edge_runtime.errors import ThinsmearError
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, field, image, store_in
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
with store_in(folder) as store:
    session = store.new_session(PLAN)
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for number in range(10_000):
        try:
            store.add_field(session, image(number), field([0.5] * 3 + [0.01] * 60), MODEL)
        except (ThinsmearError, OSError) as error:
            print(number, type(error).__name__, error)
            break
"""
WRITE = """
import sys
from pathlib import Path
from tests.edge_runtime.sessions.session_tools import MODEL, field, image, store_in
first = int(sys.argv[2])
for number in range(first, first + int(sys.argv[3])):
    with store_in(Path(sys.argv[1])) as store:  # opened anew each time, which is when SQLite locks most
        store.add_field(store.session(), image(number), field([0.5] * 20), MODEL)
"""
REPORT = """
import sys
from pathlib import Path
from edge_runtime.sessions import open_existing
from edge_runtime.sessions.report.data import make_report
seen = 0
while seen < int(sys.argv[2]):
    with open_existing(Path(sys.argv[1])) as store:
        session = store.session()
        totals = store.totals(session)
        made = make_report(store, session, 5)
        assert made.totals.cells == 20 * made.totals.fields >= totals.cells, (made.totals, totals)
        seen = made.totals.fields
"""


def script(text: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str], seconds: float = 1200) -> str:
    output, error = process.communicate(timeout=seconds)
    assert process.returncode == 0, error
    return output


def kill(folder: Path, kills: int, seed: int) -> dict[str, int]:
    program = Path(__file__).with_name("session_kills.py")
    done = subprocess.run(
        [sys.executable, str(program), str(folder), str(kills), str(seed)], capture_output=True, text=True, timeout=3000
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, int] = json.loads(done.stdout)
    print(seen)
    assert seen.pop("problems") == []
    assert seen["kills"] == kills
    return seen


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_kills_at_random_instants(tmp_path: Path) -> None:
    kill(tmp_path / "s", 10, seed=1)


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_two_hundred_kills_at_random_instants(tmp_path: Path) -> None:
    seen = kill(tmp_path / "s", 200, seed=1000)
    assert seen["at_work"] > 100, "most kills must hit a process at work, else they prove nothing"


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits on the size of files")
@pytest.mark.parametrize("limit", [320_000, 380_000, 460_000])
def test_a_file_that_cannot_grow(tmp_path: Path, limit: int) -> None:
    """The database or its log meets the limit in the midst of a transaction."""
    output = finish(script(ADD_UNTIL_REFUSED, tmp_path / "s", limit))
    stored = int(output.split()[0])
    assert "what was stored before is untouched" in output
    with store_in(tmp_path / "s") as store:
        assert list(check_store(store)) == []
        assert store.totals(store.session()).fields == stored > 0
        store.add_field(store.session(), image(10_001), field([0.5]), MODEL)


@pytest.fixture(params=[4])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of so many MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a small file system needs Linux and root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"mount refuses: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """The store has no ballast here, so a person frees a little elsewhere, as the message asks."""
    folder = small_disk / "s"
    (small_disk / "other").write_bytes(bytes(200_000))
    output = finish(script(ADD_UNTIL_REFUSED, folder, 0))
    stored = int(output.split()[0])
    assert "full" in output or "No space left" in output
    (folder / "more").write_bytes(b"")  # the name alone finds room
    (small_disk / "other").unlink()
    with open_existing(folder) as store:
        assert list(check_store(store)) == []
        assert store.totals(store.session()).fields == stored > 5
        store.clock = Clock(wall=1_800_000_000.0)
        retain(store, 1, "images")
        assert store.totals(store.session()).fields == stored
        added = store.add_field(store.session(), image(10_001), field([0.5]), MODEL)
    assert added.number == stored + 1


@pytest.mark.parametrize("small_disk", [12], indirect=True)
def test_without_one_byte_left_a_store_still_opens_to_be_cleared(small_disk: Path) -> None:
    folder = small_disk / "s"
    with open_store(folder, create=True, min_free=100_000, clock=Clock()) as store:
        session = filled(store, [[0.5] * 20] * 4)
    assert (folder / ballast.NAME).stat().st_size == ballast.SIZE
    with open(small_disk / "other", "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
    assert ballast.free_bytes(folder) == 0
    with open_existing(folder) as store:
        assert not (folder / ballast.NAME).exists()
        give_verdicts(store, session, [Verdict("1.1", "unsure")], "RV")
        store.clock = Clock(wall=1_800_000_000.0)
        assert retain(store, 1).images == 4 and reviewed(store, session).unsure == 1
    (small_disk / "other").unlink()
    with open_store(folder, min_free=100_000):
        assert (folder / ballast.NAME).exists()


@pytest.mark.parametrize("small_disk", [4], indirect=True)
def test_a_disk_that_is_full_is_called_full(small_disk: Path) -> None:
    with store_in(small_disk / "s"):  # whose --min-free 0 leaves no room for ballast
        pass
    with open(small_disk / "other", "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
    with pytest.raises(StoreProblem, match="is full"):
        open_existing(small_disk / "s")


@pytest.mark.parametrize(("free", "kept"), [(10**9, True), (200_000_000 + ballast.SIZE, True), (200_000_001, False)])
def test_ballast_takes_nothing_of_what_must_stay_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kept: bool
) -> None:
    monkeypatch.setattr(ballast, "free_bytes", lambda folder: free)
    ballast.keep(tmp_path, 200_000_000)
    assert (tmp_path / ballast.NAME).exists() == kept
    ballast.release(tmp_path)
    assert (tmp_path / ballast.NAME).exists() == kept
    monkeypatch.setattr(ballast, "free_bytes", lambda folder: ballast.LITTLE - 1)
    ballast.release(tmp_path)
    assert not (tmp_path / ballast.NAME).exists()


@pytest.mark.parametrize(
    ("writers", "readers", "fields"), [(2, 2, 12), pytest.param(3, 3, 150, marks=pytest.mark.long)]
)
def test_processes_that_share_a_store_never_meet_a_lock(
    tmp_path: Path, writers: int, readers: int, fields: int
) -> None:
    with store_in(tmp_path / "s") as store:
        filled(store, [[0.5] * 20], PLAN)
    running = [script(WRITE, tmp_path / "s", 1000 * (i + 1), fields) for i in range(writers)]
    running += [script(REPORT, tmp_path / "s", 1 + writers * fields) for _ in range(readers)]
    for process in running:
        finish(process, 1000)
    with store_in(tmp_path / "s") as store:
        assert store.totals(store.session()).cells == 20 * (1 + writers * fields)
        assert list(check_store(store)) == []


def test_processes_that_make_a_store_at_once(tmp_path: Path) -> None:
    make = "import sys; from pathlib import Path; from tests.edge_runtime.sessions.session_tools import *; "
    make += "store = store_in(Path(sys.argv[1])); filled(store, [[0.5]], PLAN, int(sys.argv[2]))"
    for process in [script(make, tmp_path / "s", number) for number in range(4)]:
        finish(process)
    with store_in(tmp_path / "s") as store:
        assert len(store.sessions()) == 4 and list(check_store(store)) == []
