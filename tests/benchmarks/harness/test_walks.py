"""The profile of a walk: what is counted, on small programs whose walk is known; and that a walk can be made."""

from __future__ import annotations

import importlib
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.calls import PACKAGES, CallTrace, Project, Walk
from benchmarks.harness.floors import floor_of, is_climb
from benchmarks.harness.transactions import StatementTrace
from benchmarks.harness.walks import classify, text_of

ROOT = Path(__file__).parents[3]
UPPER = """
from toyhouse import lower
from toyhouse.lower import twice

STARTED = twice(1)

def climb():
    return sum(map(lower.half, [2, 4, 6])) + lower.back(lambda: handed_in()) + late()

def handed_in():
    return twice(2)

def late():
    from toyhouse.cellar import dig
    return dig()
"""
LOWER = """
def twice(x):
    return 2 * x

def half(x):
    return x / 2

def back(call):
    return call()
"""
CELLAR = """
from toyhouse.lower import twice

DEPTH = twice(3)

def dig():
    return DEPTH
"""
STORE = """
import contextlib
import sqlite3

@contextlib.contextmanager
def reading(connection):
    connection.execute("BEGIN")
    yield
    connection.execute("COMMIT")

def use(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE sessions (code TEXT)")
    add(connection)
    look(connection)
    look(connection)
    connection.execute("SELECT count(*) FROM sessions")
    connection.close()

def add(connection):
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO sessions (code) VALUES (?)", ("it's 1",))
    connection.execute("UPDATE sessions SET code = 'b' WHERE code = 'c'")
    connection.execute("ROLLBACK")

def look(connection):
    with reading(connection):
        connection.execute("SELECT * FROM sessions WHERE code = ?", ("a",)).fetchone()
        connection.execute("SELECT s.code FROM sessions AS s JOIN sessions AS t ON s.code = t.code")
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A package of a few files, imported anew."""
    folder = tmp_path / "toyhouse"
    folder.mkdir()
    texts = {"__init__": "", "upper": UPPER, "lower": LOWER, "cellar": CELLAR, "store": STORE}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield Project(tmp_path, ("toyhouse",))
    for name in [name for name in sys.modules if name.partition(".")[0] == "toyhouse"]:
        del sys.modules[name]


def walk_through(house: Project, in_thread: bool = False) -> Walk:
    upper = importlib.import_module("toyhouse.upper")
    calls = CallTrace(house)
    with calls.watching():
        upper.climb()  # nothing is counted yet
        del sys.modules["toyhouse.cellar"]
        with calls.counting():
            if in_thread:
                other = threading.Thread(target=upper.climb, name="other")
                other.start()
                other.join()
            else:
                upper.climb()
    upper.climb()  # and no more
    return calls.walk()


def test_files_and_calls_between_them(house: Project) -> None:
    upper, lower, cellar = (f"toyhouse/{name}.py" for name in ("upper", "lower", "cellar"))
    walk = walk_through(house)
    assert walk.files == (upper, lower, cellar)  # an import runs code of a file, but is no part of the walk
    assert walk.transitions == ((upper, lower), (lower, upper), (upper, cellar))
    assert walk.calls == 7  # half three times, back, the lambda that it calls, twice, dig
    assert walk.steps == 5  # half counts once
    assert walk.returns == 3  # back, the lambda, twice
    assert walk.threads == {"MainThread": 3}


def test_other_threads_are_seen(house: Project) -> None:
    walk = walk_through(house, in_thread=True)
    assert walk.threads == {"other": 3} and walk.calls == 7


def test_transactions_by_function_and_table(house: Project, tmp_path: Path) -> None:
    store: ModuleType = importlib.import_module("toyhouse.store")
    statements = StatementTrace(house)
    with statements.watching(), statements.counting():
        store.use(tmp_path / "toy.db")
    found = statements.to_json()
    made, added, looked, again, counted = found.pop("list")
    assert made["opening"] == counted["opening"] == "single statement"
    assert added == {
        "opening": "BEGIN IMMEDIATE",
        "statements": {"INSERT sessions": 1, "UPDATE sessions": 1},
        "by": "toyhouse/store.py:add < toyhouse/store.py:use",
    }
    assert looked == again  # the context manager that says BEGIN is not named, who enters it is
    assert looked["by"] == "toyhouse/store.py:look < toyhouse/store.py:use"
    assert found == {
        "transactions": 5,
        "of_single_statements": 2,
        "that_write": 1,
        "connections_opened": 1,
        "settings": 1,
        "questions": 5,
        "reads": {"sessions": 5},
        "writes": {"sessions": 2},
        "session_lookups": 3,
        "sums": {"sessions": 1},
        "same_question_again": 2,
    }


def test_values_are_not_kept(house: Project, tmp_path: Path) -> None:
    store: ModuleType = importlib.import_module("toyhouse.store")
    statements = StatementTrace(house)
    real = sqlite3.connect
    with statements.watching(), statements.counting():
        store.use(tmp_path / "toy.db")
    assert statements.transactions[1].statements[0] == "INSERT INTO sessions (code) VALUES (?)"
    assert sqlite3.connect is real


def test_every_file_has_a_floor() -> None:
    """A new room needs a line in floors.py, or its climbs would be missed."""
    files = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [file for file in files if floor_of(file) is None] == []


def test_a_climb_goes_up_a_floor() -> None:
    assert is_climb("edge_runtime/core/pool.py", "edge_runtime/commands/classify/command.py")
    assert is_climb("edge_runtime/commands/classify/command.py", "edge_runtime/cli.py")
    assert is_climb("train/metrics/bootstrap.py", "convert/gate/drift.py")
    assert not is_climb("convert/commands.py", "train/metrics/bootstrap.py")
    assert not is_climb("edge_runtime/fields/reader.py", "edge_runtime/fields/quality.py")
    assert not is_climb("edge_runtime/errors.py", "elsewhere/x.py") and floor_of("elsewhere/x.py") is None


def test_a_command_is_walked(tmp_path: Path) -> None:
    cells = tmp_path / "smears" / "cells"
    cells.mkdir(parents=True)
    Image.new("RGB", (40, 40), (200, 120, 150)).save(cells / "cell.png")
    walk = classify(tmp_path)["classify"]
    assert walk["exit_code"] == 0 and walk["files"] > 8 and walk["without_floor"] == []
    assert walk["steps"] > walk["transitions"] > 8 and walk["calls"] >= walk["steps"]
    assert f"files{' ' * 24}{walk['files']}" in text_of("classify", walk)


@pytest.mark.long
def test_a_capture_is_walked(tmp_path: Path) -> None:
    from train.synthetic import draw_field, make_patient

    fields = tmp_path / "smears" / "fields"
    fields.mkdir(parents=True)
    for number in range(8):
        pixels = draw_field(np.random.default_rng(number), make_patient(number % 3, 0), 480, 360)[0]
        Image.fromarray(pixels).save(fields / f"{number}.png")
    command = [sys.executable, "-m", "benchmarks.harness.walks", "capture", "--within", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    walks = json.loads(done.stdout.splitlines()[-1])
    assert set(walks) == {"first capture", "capture"}
    for walk in walks.values():
        assert walk["files"] > 30 and len(walk["threads"]) > 3 and walk["without_floor"] == []
        assert walk["sqlite"]["that_write"] == 1 and walk["sqlite"]["writes"]["fields"] == 1
