"""SQLite's errors as sentences with a kind, by its result codes; where Python keeps those to itself, by its words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge_runtime.errors import BadData, ThinsmearError
from edge_runtime.sessions.store import ballast
from edge_runtime.sessions.store.connection import BUSY, FAILING, FULL, READ_ONLY, StoreProblem, speaking


def full(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA max_page_count = 4")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (zeroblob(100000))")


def read_only(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("INSERT INTO t VALUES (1)")


def busy(path: Path) -> None:
    with sqlite3.connect(path) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        sqlite3.connect(path, timeout=0).execute("CREATE TABLE t (x)")


def nowhere(path: Path) -> None:
    sqlite3.connect(path / "no" / "folder")


def wrong(path: Path) -> None:
    sqlite3.connect(path).execute("SELECT * FROM absent")


@pytest.mark.parametrize(
    ("fail", "kind", "sentence"),
    [
        (full, FULL, "is full; what was stored before is untouched"),
        (read_only, READ_ONLY, "cannot be written"),
        (busy, BUSY, "was busy for 60 s"),
        (nowhere, READ_ONLY, "check the permissions"),
        (wrong, FAILING, "cannot be read or written"),
    ],
)
def test_each_error_has_its_kind_and_its_sentence(tmp_path: Path, fail: object, kind: str, sentence: str) -> None:
    path = tmp_path / "sessions.db"
    with pytest.raises(StoreProblem, match=sentence) as raised, speaking(path):
        fail(path)  # type: ignore[operator]
    assert raised.value.kind == kind
    assert kind_of_words(path, raised) == kind


def test_no_database_is_bad_data(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(BadData, match="damaged or no store") as raised, speaking(path):
        wrong(path)
    assert kind_of_words(path, raised) == "bad data"


def test_what_cannot_be_opened_on_a_full_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballast, "free_bytes", lambda folder: 0)
    with pytest.raises(StoreProblem) as raised, speaking(tmp_path / "sessions.db"):
        nowhere(tmp_path)
    assert raised.value.kind == FULL


def kind_of_words(path: Path, raised: pytest.ExceptionInfo[ThinsmearError]) -> str:
    """The kind of the same error when it brings no code, as on Python 3.10."""
    with pytest.raises(ThinsmearError) as again, speaking(path):
        raise sqlite3.OperationalError(str(raised.value.__cause__))
    return again.value.kind if isinstance(again.value, StoreProblem) else "bad data"
