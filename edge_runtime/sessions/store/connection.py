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
FULL, READ_ONLY, BUSY, FAILING, GONE = "full", "read-only", "busy", "failing", "gone"  # kinds of StoreProblem
_OLDEST_SQLITE = (3, 37, 0)  # strict tables
# SQLite's primary result codes, which Python names from 3.11 on, and its words for them (sqlite3_errstr)
_ERROR, _BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 1, 5, 6, 8, 10, 11, 13, 14, 26
_CODES = {
    "database is locked": _BUSY,
    "database table is locked": _LOCKED,
    "attempt to write a readonly database": _READONLY,
    "disk I/O error": _IOERR,
    "database disk image is malformed": _CORRUPT,
    "database or disk is full": _FULL,
    "unable to open database file": _CANTOPEN,
    "file is not a database": _NOTADB,
}


class StoreProblem(ThinsmearError):
    """The database could not be read or written; what was stored before is untouched.

    Attributes:
        kind: :data:`FULL`, :data:`READ_ONLY`, :data:`BUSY` or :data:`FAILING`; :data:`GONE` when the session was
            removed meanwhile.
    """

    def __init__(self, message: str, kind: str = FAILING) -> None:
        super().__init__(message)
        self.kind = kind


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
                if _code_of(error) not in (_BUSY, _LOCKED) or time.monotonic() > deadline:
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
        raise _problem(error, path) from error


def _problem(error: sqlite3.DatabaseError, path: Path) -> ThinsmearError:
    """What an error of SQLite's means for the store, in a sentence."""
    code, name, kept = _code_of(error), printable(path), "what was stored before is untouched"
    # where there is no room for the log, SQLite speaks of an error of the disk, or cannot open the file
    if code == _FULL or (code in (_IOERR, _CANTOPEN) and _has_no_room(path)):
        sentence = f"The disk of {name} is full; {kept}. Free some space, or see `thinsmear session retain`."
        return StoreProblem(sentence, FULL)
    if code in (_CORRUPT, _NOTADB):
        return BadData(
            f"{name} is damaged or no store ({error}); restore it from a copy, or have it built anew from the "
            "pictures with `thinsmear session recover --new-database`."
        )
    if code in (_CANTOPEN, _READONLY):
        sentence = f"{name} cannot be written ({error}); check the permissions and that the disk is mounted."
        return StoreProblem(sentence, READ_ONLY)
    if code in (_BUSY, _LOCKED):
        sentence = f"{name} was busy for {PATIENCE:.0f} s; end the process that holds it and try again."
        return StoreProblem(sentence, BUSY)
    return StoreProblem(f"{name} cannot be read or written ({error}); {kept}. Check the disk with `dmesg`.", FAILING)


def _code_of(error: sqlite3.DatabaseError) -> int:
    """SQLite's primary result code; https://www.sqlite.org/rescode.html."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python 3.10 has SQLite's own words for it only
        return _CODES.get(str(error), _ERROR)
    return int(code) & 0xFF


def _has_no_room(path: Path) -> bool:
    try:
        return ballast.free_bytes(path.parent) < ballast.LITTLE
    except OSError:
        return False
