"""What a capture asks of the database: counted, for each transaction of a slow card is time that a person waits."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.core.classifier import Classifier
from edge_runtime.sessions import ModelRecord, open_existing, open_store
from edge_runtime.sessions import clock as clocks
from tests.edge_runtime.server.server_tools import begin, client, field_image
from tests.edge_runtime.sessions.session_tools import field, image

pytest.importorskip("cv2", reason="whole fields need OpenCV")

MOST = 8
TOTALS = re.compile(r"SELECT sum\(accepted AND kind")
SESSION = re.compile(r"SELECT \* FROM sessions")


class Statements:
    """Hears what every connection executes, transactions apart from single statements."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.transactions = 0
        self._lock = threading.Lock()
        self._real = sqlite3.connect

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._real(*arguments, **options)
        connection.set_trace_callback(lambda statement: self._hear(connection, statement))
        return connection

    def _hear(self, connection: sqlite3.Connection, statement: str) -> None:
        word = statement.split(maxsplit=1)[0].upper()
        with self._lock:
            self.heard.append(statement)
            # outside of BEGIN and COMMIT each statement is a transaction of its own
            self.transactions += word == "BEGIN" or (
                word not in ("COMMIT", "ROLLBACK", "PRAGMA", "--") and not connection.in_transaction
            )

    def count(self, pattern: re.Pattern[str]) -> int:
        return sum(bool(pattern.match(" ".join(statement.split()))) for statement in self.heard)

    def forget(self) -> None:
        self.heard, self.transactions = [], 0


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    heard = Statements()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", heard.connect)
        yield heard


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The state of the machine's clock, to be changed."""
    state = ["unset"]
    monkeypatch.setattr(clocks, "_is_set", lambda wall: state[0] == "set")
    return state


def captured(caller: Any, code: str, statements: Statements) -> dict[str, Any]:
    """One capture through the API, with what it asked for."""
    statements.forget()
    answer = caller.post(f"/v1/sessions/{code}/capture", headers={"X-Thinsmear": "page"})
    assert answer.status_code == 201, answer.text
    assert 1 < statements.transactions <= MOST, statements.heard
    assert statements.count(SESSION) == 1 and statements.count(TOTALS) == 1, statements.heard
    return dict(answer.json())


def test_a_capture_takes_few_transactions(tmp_path: Path, statements: Statements, clock: list[str]) -> None:
    """The first of a session, a repeat, one after another process added a field, one when the clock has just been set."""
    (tmp_path / "field.png").write_bytes(field_image(0))
    with client(tmp_path, camera=f"replay:{tmp_path / 'field.png'}@20,loop") as caller:
        first, second = begin(caller, stop="who"), begin(caller, stop="who")
        assert captured(caller, first, statements)["field"] == 1
        assert captured(caller, first, statements)["repeat"]
        with open_store(tmp_path / "store", min_free=0) as store:
            store.add_field(store.session(first), image(1), field([0.5]), ModelRecord.of(classifier_of(caller)))
        assert captured(caller, first, statements)["status"]["totals"]["fields"] == 2
        clock[0] = "set"  # what was stored before is dated with the next field
        assert captured(caller, second, statements)["field"] == 1
    with open_existing(tmp_path / "store") as store:
        assert [session.clock for session in store.sessions()] == ["settled", "settled"]


def classifier_of(caller: Any) -> Classifier:
    classifier: Classifier = caller.app.state.service.classifier
    return classifier
