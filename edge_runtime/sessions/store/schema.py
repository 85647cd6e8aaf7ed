"""The tables of a store, as steps from one version to the next, and how a database is brought to the newest."""

from __future__ import annotations

import sqlite3

from edge_runtime.errors import BadData

# When and on which boot a row was made. `clock` is "unset" while the wall clock cannot be trusted, "set" when it could
# be, and "settled" when the time was computed later from the boot's own monotonic clock.
_MOMENT = """
    software TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic REAL NOT NULL,
    clock TEXT NOT NULL CHECK (clock IN ('unset', 'set', 'settled'))
"""

# One entry a version; entries are never changed once released, only added to.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        """CREATE TABLE models (
            id INTEGER PRIMARY KEY,
            sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
            name TEXT NOT NULL,
            details TEXT NOT NULL
        ) STRICT""",
        f"""CREATE TABLE sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            code TEXT NOT NULL UNIQUE,
            purpose TEXT NOT NULL CHECK (purpose IN ('count', 'blank')),
            participant TEXT,
            slide TEXT NOT NULL,
            site TEXT,
            operator TEXT,
            stain TEXT,
            magnification REAL,
            red_cells REAL,
            haematocrit REAL,
            stop_rule TEXT,
            device TEXT NOT NULL,
            model_id INTEGER REFERENCES models (id),
            {_MOMENT},
            CHECK ((purpose = 'count') = (participant IS NOT NULL))
        ) STRICT""",
        f"""CREATE TABLE fields (
            id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('field', 'cell')),
            image TEXT,
            image_sha256 TEXT NOT NULL,
            image_bytes INTEGER NOT NULL,
            accepted INTEGER NOT NULL,
            quality TEXT NOT NULL,
            excluded TEXT NOT NULL,
            cells INTEGER NOT NULL,
            suspected INTEGER NOT NULL,
            infected INTEGER NOT NULL,
            model_id INTEGER NOT NULL REFERENCES models (id),
            review_point REAL NOT NULL,
            count_point REAL NOT NULL,
            camera TEXT NOT NULL,
            {_MOMENT},
            UNIQUE (session_id, number),
            UNIQUE (session_id, image_sha256)
        ) STRICT""",
        # holds all that the running totals need, so that they never touch the wide rows
        "CREATE INDEX fields_totals ON fields (session_id, accepted, kind, cells, suspected, infected)",
        """CREATE TABLE cells (
            id INTEGER PRIMARY KEY,
            field_id INTEGER NOT NULL REFERENCES fields (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x INTEGER, y INTEGER, w INTEGER, h INTEGER,
            probability REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),
            review INTEGER NOT NULL,
            count INTEGER NOT NULL,
            UNIQUE (field_id, number)
        ) STRICT""",
        "CREATE INDEX cells_suspected ON cells (field_id, probability) WHERE review OR count",
        """CREATE TABLE pictures (
            cell_id INTEGER PRIMARY KEY REFERENCES cells (id) ON DELETE CASCADE,
            jpeg BLOB NOT NULL
        ) STRICT""",
        f"""CREATE TABLE verdicts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            cell_id INTEGER NOT NULL REFERENCES cells (id) ON DELETE CASCADE,
            verdict TEXT CHECK (verdict IN ('asexual', 'gametocyte', 'no-parasite', 'unsure')),
            species TEXT,
            stage TEXT,
            reviewer TEXT NOT NULL,
            undoes INTEGER REFERENCES verdicts (id) ON DELETE CASCADE,
            {_MOMENT},
            CHECK ((verdict IS NULL) = (undoes IS NOT NULL))
        ) STRICT""",
        "CREATE INDEX verdicts_cell ON verdicts (cell_id, id)",
        # partial, or SQLite would look for verdicts that undo nothing here, which are nearly all
        "CREATE UNIQUE INDEX verdicts_undoes ON verdicts (undoes) WHERE undoes IS NOT NULL",
        # the last verdict of each cell that was not undone
        """CREATE VIEW current_verdicts AS
            SELECT * FROM verdicts AS v WHERE v.id = (
                SELECT max(w.id) FROM verdicts AS w
                WHERE w.cell_id = v.cell_id AND w.undoes IS NULL
                AND NOT EXISTS (SELECT 1 FROM verdicts AS u WHERE u.undoes = w.id)
            )""",
        f"""CREATE TABLE manual_counts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            counted INTEGER NOT NULL CHECK (counted > 0),
            asexual INTEGER NOT NULL CHECK (asexual BETWEEN 0 AND counted),
            gametocytes INTEGER NOT NULL CHECK (gametocytes BETWEEN 0 AND counted),
            operator TEXT NOT NULL,
            {_MOMENT}
        ) STRICT""",
    ),
    # a blank slide that was none, or was spoilt: its counts stay, and no later count rests on them
    ("ALTER TABLE sessions ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0 CHECK (discarded IN (0, 1))",),
)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the tables to the newest version, all steps in one transaction.

    Args:
        connection: in autocommit mode.
        name: of the database, for the error.

    Raises:
        BadData: the tables are newer than this program.
    """
    newest = len(MIGRATIONS)
    if version_of(connection) == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection)  # another process may have been faster
        if version > newest:
            raise BadData(
                f"{name} has tables of version {version}, this program knows up to {newest}; upgrade thinsmear."
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
