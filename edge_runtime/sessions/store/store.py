"""The store of sessions: a folder with a SQLite database and image files, consistent after a power cut at any instant.

An image is on the disk, under its final name, before the row that names it is written; the row comes with all its cells
in one durable transaction. So a cut loses the image in flight at most, and leaves at most a file that no row names,
which the next process that writes sets aside. Several processes may use one store at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edge_runtime import __version__
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions import clock as clocks
from edge_runtime.sessions import codes
from edge_runtime.sessions.records import COUNT, Added, FieldRecord, ModelRecord, Session, SessionPlan, Totals
from edge_runtime.sessions.store import locks, pictures
from edge_runtime.sessions.store.connection import GONE, StoreProblem, reading, speaking, writing
from edge_runtime.sessions.store.location import DATABASE, require_space
from edge_runtime.sessions.store.rows import (
    MOMENT,
    PLAN,
    Stamp,
    insert,
    insert_field,
    session_of,
    settle,
    unsettled_tables,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEWEST = "newest"
MIN_FREE = 200_000_000  # bytes; some fifty sessions' worth of images on a small card would be gigabytes
_CONFIRMED = "clock_confirmed_on_boot"


class Store:
    """One open store; close it, or use it in a ``with`` block. An instance serves one thread.

    Attributes:
        root: the folder.
        min_free: bytes that must stay free on its disk.
        clock: tells the time.
        set_aside: pictures without a row that were moved to ``quarantine/`` when it was opened.
    """

    def __init__(
        self, root: Path, connection: sqlite3.Connection, min_free: int = MIN_FREE, clock: clocks.Clock = clocks.now
    ) -> None:
        self.root = root
        self.min_free = min_free
        self.clock = clock
        self.set_aside = 0
        self._connection = connection
        self._unsettled = True  # rows of this boot may wait for a clock

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.root / DATABASE

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """See :func:`edge_runtime.sessions.store.connection.reading`."""
        return reading(self._connection, self.database)

    def writing(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """See :func:`edge_runtime.sessions.store.connection.writing`."""
        return writing(self._connection, self.database)

    # -- sessions ---------------------------------------------------------------------------------------------------

    def new_session(self, plan: SessionPlan, code: str | None = None) -> Session:
        """Begin a session; a participant code is generated unless the plan has one.

        Args:
            code: of a session whose row is lost; generated for all others.

        Raises:
            WrongUsage: the participant code is neither a generated one nor of the site's declared pattern.
        """
        plan.check()
        participant = plan.participant
        if plan.purpose == COUNT:
            pattern = self.setting("participant_pattern")
            participant = codes.checked_participant(participant, pattern) if participant else codes.new_participant()
        plan = replace(plan, participant=participant, site=plan.site or self.setting("site"))
        columns = f"code, {', '.join(PLAN)}, device, {MOMENT}"
        code = codes.new_session() if code is None else codes.checked_session(code)
        with self.writing() as connection:
            values = (code, *(getattr(plan, name) for name in PLAN), clocks.device_id(), *self.stamp())
            insert(connection, "sessions", columns, values)
        return self.session(code)

    def session(self, code: str | None = None) -> Session:
        """A session by its code; None or "newest": the newest count.

        Raises:
            WrongUsage: there is none.
        """
        with self.reading() as connection:
            if code is None or code == NEWEST:
                row = connection.execute(
                    "SELECT * FROM sessions WHERE purpose = ? ORDER BY id DESC", (COUNT,)
                ).fetchone()
                if row is None:
                    raise WrongUsage("There is no session yet; begin one with `thinsmear session new`.")
                return session_of(row)
            known = codes.checked_session(code)
            row = connection.execute("SELECT * FROM sessions WHERE code = ?", (known,)).fetchone()
        if row is None:
            raise WrongUsage(f"There is no session {known} in {printable(self.root)}; see `thinsmear session list`.")
        return session_of(row)

    def sessions(self) -> list[Session]:
        """All sessions, oldest first, those on blank slides included."""
        with self.reading() as connection:
            return [session_of(row) for row in connection.execute("SELECT * FROM sessions ORDER BY id")]

    def setting(self, key: str) -> str | None:
        """A setting of the store."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row["value"])

    def set_setting(self, key: str, value: str) -> None:
        """Make or replace a setting of the store."""
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))

    # -- fields -----------------------------------------------------------------------------------------------------

    def add_field(
        self,
        session: Session,
        content: bytes,
        record: FieldRecord,
        model: ModelRecord,
        camera: Mapping[str, Any] | None = None,
        pixels: NDArray[np.uint8] | None = None,
    ) -> Added:
        """Keep one image with its result: all of it, durably, or nothing.

        Args:
            session: where it belongs.
            content: the image's file, kept byte for byte.
            record: the machine's result.
            model: what classified it; a session is counted with one model from beginning to end.
            camera: its settings, plain JSON values.
            pixels: uint8 [h, w, 3], RGB, upright: the decoded image, if at hand (saves decoding it again).

        Raises:
            WrongUsage: the session was begun with another model.
            EnvironmentLacks: too little space is left on the disk.
            StoreProblem, OSError: the disk is full or fails; nothing was kept of this image, and all of the others.
        """
        digest = hashlib.sha256(content).hexdigest()
        shown = pictures.kept_pictures(session.id, digest, record, content, pixels)
        require_space(self.root, self.min_free + len(content))
        with locks.adding(self.root):
            number = self._number_of(session, digest)
            repeat = number is not None
            if number is None:
                relative = pictures.image_path(session.code, digest, content)
                pictures.write_image(self.root, relative, content)
                # When this fails, the file stays, and the next start sets it aside: a failed commit may yet prove to
                # have happened.
                image = (relative, digest, len(content))
                try:
                    with self.writing() as connection:
                        stamp = self.stamp()
                        number = insert_field(connection, session, image, record, model, camera or {}, shown, stamp)
                except WrongUsage:  # nothing was committed, that is sure
                    with self.writing() as connection:
                        connection.execute("INSERT OR IGNORE INTO removals VALUES (?)", (relative,))
                    raise
                except sqlite3.IntegrityError as error:
                    number, repeat = self._number_of(session, digest), True  # another process added it meanwhile
                    if number is None:
                        sentence = f"Session {session.code} is no longer there; was it removed?"
                        raise StoreProblem(sentence, GONE) from error
        self.settle()
        return Added(number, repeat)

    def totals(self, session: Session) -> Totals:
        """The session so far."""
        with self.reading() as connection:
            row = connection.execute(
                """SELECT sum(accepted AND kind = 'field'), sum(accepted AND kind = 'cell'), sum(NOT accepted),
                    sum(accepted * cells), sum(accepted * suspected), sum(accepted * infected)
                FROM fields WHERE session_id = ?""",
                (session.id,),
            ).fetchone()
        return Totals(*(value or 0 for value in row))

    def model_of(self, session: Session) -> ModelRecord | None:
        """The model that a session is counted with, None before its first field."""
        with self.reading() as connection:
            row = connection.execute(
                """SELECT m.sha256, m.name, m.details, f.review_point, f.count_point FROM sessions AS s
                JOIN models AS m ON m.id = s.model_id JOIN fields AS f ON f.session_id = s.id
                WHERE s.id = ? LIMIT 1""",
                (session.id,),
            ).fetchone()
        if row is None:
            return None
        details = json.loads(row["details"])
        return ModelRecord(row["sha256"], row["name"], row["review_point"], row["count_point"], details)

    # -- the disk ---------------------------------------------------------------------------------------------------

    def shrink_log(self) -> None:
        """Empty the write-ahead log, so that what was removed is in no file any more.

        Left to a later time while other processes read, or while the disk has no room for it.
        """
        with contextlib.suppress(StoreProblem), speaking(self.database):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def moment(self) -> clocks.Moment:
        """Now; a clock that a person has confirmed since this machine started counts as set."""
        moment = self.clock()
        if moment.clock == "unset" and self.setting(_CONFIRMED) == moment.boot_id:
            return replace(moment, clock="set")
        return moment

    def confirm_clock(self) -> None:
        """A person says that the wall clock is right, until this machine starts again; earlier rows get their time."""
        self.set_setting(_CONFIRMED, self.clock().boot_id)
        self.settle()

    def stamp(self) -> Stamp:
        """The columns that say when and by which version a row is made."""
        moment = self.moment()
        if moment.clock == "unset":
            self._unsettled = True
        return __version__, moment.text, moment.boot_id, moment.monotonic, moment.clock

    def _number_of(self, session: Session, digest: str) -> int | None:
        with self.reading() as connection:
            row = connection.execute(
                "SELECT number FROM fields WHERE session_id = ? AND image_sha256 = ?", (session.id, digest)
            ).fetchone()
        return None if row is None else int(row["number"])

    def settle(self) -> None:
        """Once the clock is set, date the rows that this boot made before."""
        moment = self.moment() if self._unsettled else None
        if moment is None or moment.clock != "set":
            return
        with self.reading() as connection:
            waiting = unsettled_tables(connection, moment.boot_id)
        if waiting:
            with self.writing() as connection:
                for table in waiting:
                    settle(connection, table, moment)
        self._unsettled = False
