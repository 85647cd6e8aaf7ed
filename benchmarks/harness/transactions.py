"""Counts what a program asks of SQLite: transactions, statements by table, and the functions that issued them."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any
from unittest import mock

from benchmarks.harness.calls import Project

_VALUE = re.compile(r"[xX]?'(?:[^']|'')*'|\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(\w+)", re.IGNORECASE)
_SUM = re.compile(r"\b(?:sum|count|total|avg)\s*\(", re.IGNORECASE)
_SHOWN = 4  # functions of the project that are named, innermost first
_ENDS = ("COMMIT", "END", "ROLLBACK")


@dataclass
class Transaction:
    """One transaction, from BEGIN to COMMIT or of a single statement outside of one.

    Attributes:
        opening: its first words, such as "BEGIN IMMEDIATE"; "" for a single statement.
        by: the functions that opened it, innermost first.
        statements: its SQL, values replaced by question marks.
    """

    opening: str
    by: str
    statements: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: the statements by their first word and table."""
        kinds = Counter(f"{_word(text)} {table_of(text)}" for text in self.statements)
        return {"opening": self.opening or "single statement", "statements": dict(kinds), "by": self.by}


class _State:
    """The transaction that is open on one connection."""

    def __init__(self) -> None:
        self.open: Transaction | None = None


class StatementTrace:
    """Hears every statement of the connections that are opened within :meth:`watching`, on any thread.

    Attributes:
        transactions: of the last :meth:`counting`, in the order in which they began.
        settings: statements that read or set the connection itself (PRAGMA).
        connections: opened.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._counting = False
        self._clear()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Connections opened within the block are heard; nothing is counted yet."""
        real = sqlite3.connect

        def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real(*arguments, **options)
            connection.set_trace_callback(partial(self._heard, _State()))
            self.connections += self._counting
            return connection

        with mock.patch.object(sqlite3, "connect", connect):
            yield

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count, from zero, what is asked during the block."""
        self._clear()
        self._counting = True
        try:
            yield
        finally:
            self._counting = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: how many of what, then the transactions one by one."""
        statements = [text for transaction in self.transactions for text in transaction.statements]
        reads = [text for text in statements if _word(text) in ("SELECT", "WITH")]
        return {
            "transactions": len(self.transactions),
            "of_single_statements": sum(not transaction.opening for transaction in self.transactions),
            "that_write": sum(any(map(_writes, transaction.statements)) for transaction in self.transactions),
            "connections_opened": self.connections,
            "settings": self.settings,
            "questions": len(reads),
            "reads": _by_table(reads),
            "writes": _by_table([text for text in statements if _writes(text)]),
            "session_lookups": sum(table_of(text) == "sessions" and " JOIN " not in text.upper() for text in reads),
            "sums": _by_table([text for text in reads if _SUM.search(text)]),
            "same_question_again": sum(times - 1 for times in Counter(reads).values()),
            "list": [transaction.to_json() for transaction in self.transactions],
        }

    def _clear(self) -> None:
        self.transactions: list[Transaction] = []
        self.settings = self.connections = 0

    def _heard(self, state: _State, statement: str) -> None:
        if statement.startswith("--"):  # what a trigger does belongs to the statement that fired it
            return
        text = " ".join(_VALUE.sub("?", statement).split())
        word = _word(text)
        with self._lock:
            if word in _ENDS:
                state.open = None
            elif word == "PRAGMA":
                self.settings += self._counting
            elif word == "BEGIN":
                state.open = self._begin(text)
            else:
                (state.open or self._begin("")).statements.append(text)

    def _begin(self, opening: str) -> Transaction:
        transaction = Transaction(opening, self._callers())
        if self._counting:
            self.transactions.append(transaction)
        return transaction

    def _callers(self) -> str:
        """The project's functions on the way here, without context managers, which issue for those who enter them."""
        found: list[str] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and len(found) < _SHOWN:
            file, above = self._project.file_of(frame), frame.f_back
            if file is not None and (above is None or above.f_globals.get("__name__") != "contextlib"):
                found.append(f"{file}:{frame.f_code.co_name}")
            frame = above
        return " < ".join(found)


def table_of(statement: str) -> str:
    """The first table that a statement names; "" when it names none."""
    found = _TABLE.search(statement)
    return found[1] if found else ""


def _word(statement: str) -> str:
    return statement.split(maxsplit=1)[0].rstrip(";").upper()


def _writes(statement: str) -> bool:
    return _word(statement) in ("INSERT", "UPDATE", "DELETE", "REPLACE")


def _by_table(statements: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(map(table_of, statements)).items()))
