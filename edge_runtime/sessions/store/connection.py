"""A connection to a store's SQLite database: durable, patient with other processes, errors in sentences."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, EnvironmentLacks, ThinsmearError
from edge_runtime.sessions.store import ballast
from edge_runtime.sessions.store.schema import migrate

PATIENCE = 60.0  # seconds a process waits for another one's transaction, which lasts milliseconds
_OLDEST_SQLITE = (3, 37, 0)  # strict tables


class StoreProblem(ThinsmearError):
    """The database could not be read or written; what was stored before is untouched."""


def connect(path: Path) -> sqlite3.Connection:
    """Open (or make) the database with its newest tables; autocommit, rows by name.

    Write-ahead logging lets a report read while a camera writes; ``synchronous = FULL`` brings every commit to the
    disk before it returns; ``secure_delete`` leaves nothing of deleted rows in the file.

    Raises:
        BadData: no database, a damaged one, or one of a newer program.
        StoreProblem: the disk is full or fails.
        EnvironmentLacks: SQLite is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise EnvironmentLacks(f"SQLite is {sqlite3.sqlite_version}; sessions need 3.37 or newer.")
    deadline = time.monotonic() + PATIENCE
    with speaking(path):
        while True:
            try:
                return _open(path)
            except sqlite3.OperationalError as error:
                # while another process turns write-ahead logging on, SQLite refuses at once instead of waiting
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        migrate(connection, printable(path))
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def writing(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction that may write; committed at the end of the block, rolled back when the block raises.

    It takes the write lock at once: a transaction that begins by reading could find that another process has written
    since, and then SQLite refuses without waiting.
    """
    with speaking(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def reading(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction that sees the same state throughout, whatever other processes write meanwhile.

    Inside another transaction it adds nothing: that one's state is seen already.
    """
    if connection.in_transaction:
        yield connection
        return
    with speaking(path):
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")


@contextlib.contextmanager
def speaking(path: Path) -> Iterator[None]:
    """SQLite's errors as sentences; broken constraints (``sqlite3.IntegrityError``) pass."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise _sentence(str(error), path) from error


def _is_full(path: Path) -> bool:
    try:
        return ballast.free_bytes(path.parent) < ballast.LITTLE
    except OSError:
        return False


def _sentence(text: str, path: Path) -> ThinsmearError:
    name, kept = printable(path), "what was stored before is untouched"
    # where there is no room for the log, SQLite speaks of an error of the disk, or cannot open the file
    if "full" in text or (("I/O" in text or "unable to open" in text) and _is_full(path)):
        return StoreProblem(f"The disk of {name} is full; {kept}. Free some space, or see `thinsmear session retain`.")
    if "malformed" in text or "not a database" in text:
        return BadData(f"{name} is damaged or no store ({text}); restore it from a copy.")
    if "unable to open" in text or "readonly" in text:
        return StoreProblem(f"{name} cannot be written ({text}); check the permissions and that the disk is mounted.")
    if "locked" in text:
        return StoreProblem(f"{name} was busy for {PATIENCE:.0f} s; end the process that holds it and try again.")
    return StoreProblem(f"{name} cannot be read or written ({text}); {kept}. Check the disk with `dmesg`.")
