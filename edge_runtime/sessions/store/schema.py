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

_STAMP = "software, recorded_at, boot_id, monotonic, clock"
_SESSION = (
    "id, code, purpose, participant, slide, site, operator, stain, magnification, red_cells, haematocrit, stop_rule, "
    f"device, model_id, {_STAMP}, discarded"
)

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
    # review by rank, and slides known to hold parasites
    (
        # SQLite cannot change a check, so the table is made anew; the numbers of removed sessions are not given again
        f"""CREATE TABLE new_sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            code TEXT NOT NULL UNIQUE,
            purpose TEXT NOT NULL CHECK (purpose IN ('count', 'blank', 'positive')),
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
            discarded INTEGER NOT NULL DEFAULT 0 CHECK (discarded IN (0, 1)),
            CHECK ((purpose = 'count') = (participant IS NOT NULL))
        ) STRICT""",
        """INSERT INTO sqlite_sequence (name, seq)
            SELECT 'new_sessions', seq FROM sqlite_sequence WHERE name = 'sessions'""",
        f"INSERT INTO new_sessions ({_SESSION}) SELECT {_SESSION} FROM sessions",
        "DROP TABLE sessions",
        "ALTER TABLE new_sessions RENAME TO sessions",
        # cells of accepted fields from the first to the last one, ranked together; closed once a page of it was drawn
        f"""CREATE TABLE review_batches (
            id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            first_field INTEGER NOT NULL,
            last_field INTEGER NOT NULL CHECK (last_field >= first_field),
            {_MOMENT},
            UNIQUE (session_id, number)
        ) STRICT""",
        # a page that was answered; the client chose its key, so that an answer sent twice counts once
        f"""CREATE TABLE review_pages (
            id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            batch_id INTEGER NOT NULL REFERENCES review_batches (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('rank', 'audit', 'objects')),
            key TEXT NOT NULL,
            reviewer TEXT NOT NULL,
            cells INTEGER NOT NULL CHECK (cells > 0),
            undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)),
            {_MOMENT},
            UNIQUE (session_id, key)
        ) STRICT""",
        "CREATE INDEX review_pages_batch ON review_pages (batch_id)",
        # random cells of what a batch leaves out, drawn once; `looked` ranks had been looked at, `rest` cells had not
        f"""CREATE TABLE audits (
            id INTEGER PRIMARY KEY,
            batch_id INTEGER NOT NULL UNIQUE REFERENCES review_batches (id) ON DELETE CASCADE,
            looked INTEGER NOT NULL CHECK (looked >= 0),
            rest INTEGER NOT NULL CHECK (rest > 0),
            size INTEGER NOT NULL CHECK (size BETWEEN 1 AND rest),
            {_MOMENT}
        ) STRICT""",
        """CREATE TABLE audit_cells (
            audit_id INTEGER NOT NULL REFERENCES audits (id) ON DELETE CASCADE,
            cell_id INTEGER NOT NULL UNIQUE REFERENCES cells (id) ON DELETE CASCADE,
            PRIMARY KEY (audit_id, cell_id)
        ) STRICT, WITHOUT ROWID""",
        "ALTER TABLE verdicts ADD COLUMN page_id INTEGER REFERENCES review_pages (id) ON DELETE CASCADE",
        "ALTER TABLE verdicts ADD COLUMN rank INTEGER CHECK (rank > 0)",
        "ALTER TABLE verdicts ADD COLUMN inclusion REAL CHECK (inclusion > 0 AND inclusion <= 1)",
        "CREATE INDEX verdicts_page ON verdicts (page_id) WHERE page_id IS NOT NULL",
        # a contact sheet that was made: its cells by name in a list for each batch, [[batch, [name, ...]], ...]
        f"""CREATE TABLE review_sheets (
            id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            code TEXT NOT NULL UNIQUE,
            cells TEXT NOT NULL,
            {_MOMENT}
        ) STRICT""",
        "CREATE INDEX review_sheets_session ON review_sheets (session_id)",
        # image files whose rows a person had removed, until they are removed too
        "CREATE TABLE removals (image TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        # places in what a field leaves out that look infected; their verdicts have a history of their own, for no count
        # of the machine's, and no rank, rests on them
        """CREATE TABLE objects (
            id INTEGER PRIMARY KEY,
            field_id INTEGER NOT NULL REFERENCES fields (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x INTEGER NOT NULL, y INTEGER NOT NULL, w INTEGER NOT NULL, h INTEGER NOT NULL,
            reason TEXT NOT NULL,
            probability REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),
            jpeg BLOB NOT NULL,
            UNIQUE (field_id, number)
        ) STRICT""",
        f"""CREATE TABLE object_verdicts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            object_id INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
            verdict TEXT CHECK (verdict IN ('asexual', 'gametocyte', 'no-parasite', 'unsure')),
            species TEXT,
            stage TEXT,
            reviewer TEXT NOT NULL,
            undoes INTEGER REFERENCES object_verdicts (id) ON DELETE CASCADE,
            page_id INTEGER REFERENCES review_pages (id) ON DELETE CASCADE,
            {_MOMENT},
            CHECK ((verdict IS NULL) = (undoes IS NOT NULL))
        ) STRICT""",
        "CREATE INDEX object_verdicts_object ON object_verdicts (object_id, id)",
        "CREATE INDEX object_verdicts_page ON object_verdicts (page_id) WHERE page_id IS NOT NULL",
        "CREATE UNIQUE INDEX object_verdicts_undoes ON object_verdicts (undoes) WHERE undoes IS NOT NULL",
        """CREATE VIEW current_object_verdicts AS
            SELECT * FROM object_verdicts AS v WHERE v.id = (
                SELECT max(w.id) FROM object_verdicts AS w
                WHERE w.object_id = v.object_id AND w.undoes IS NULL
                AND NOT EXISTS (SELECT 1 FROM object_verdicts AS u WHERE u.undoes = w.id)
            )""",
        # cells that a person saw and the machine neither boxed nor offered; the client may give a key, so that one
        # sent twice counts once. `undone_by` took it back; the row stays
        f"""CREATE TABLE added_cells (
            id INTEGER PRIMARY KEY,
            field_id INTEGER NOT NULL REFERENCES fields (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x INTEGER NOT NULL, y INTEGER NOT NULL, w INTEGER NOT NULL, h INTEGER NOT NULL,
            verdict TEXT NOT NULL CHECK (verdict IN ('asexual', 'gametocyte', 'unsure')),
            species TEXT,
            stage TEXT,
            reviewer TEXT NOT NULL,
            key TEXT,
            undone_by TEXT,
            jpeg BLOB NOT NULL,
            {_MOMENT},
            UNIQUE (field_id, number),
            UNIQUE (field_id, key)
        ) STRICT""",
        # a review that is complete now stays so, whatever fields come later
        f"""WITH said AS (
                SELECT f.session_id AS id, max(v.id) AS last, sum(c.review OR c.count) AS suspected
                FROM current_verdicts AS v CROSS JOIN cells AS c ON c.id = v.cell_id
                CROSS JOIN fields AS f ON f.id = c.field_id
                WHERE f.accepted GROUP BY f.session_id
            ),
            seen AS (
                SELECT session_id AS id, min(number) AS first, max(number) AS last, sum(suspected) AS suspected
                FROM fields WHERE accepted AND cells > 0 GROUP BY session_id
            )
            INSERT INTO review_batches (session_id, number, first_field, last_field, {_STAMP})
            SELECT seen.id, 1, seen.first, seen.last, v.software, v.recorded_at, v.boot_id, v.monotonic, v.clock
            FROM said JOIN seen ON seen.id = said.id JOIN verdicts AS v ON v.id = said.last
            WHERE seen.suspected > 0 AND said.suspected = seen.suspected""",
    ),
)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the tables to the newest version, all steps in one transaction.

    Foreign keys are not enforced meanwhile, or a table that is made anew would take all rows along that name it.

    Args:
        connection: in autocommit mode.
        name: of the database, for the error.

    Raises:
        BadData: the tables are newer than this program.
    """
    newest = len(MIGRATIONS)
    if version_of(connection) == newest:
        return
    connection.execute("PRAGMA foreign_keys = OFF")  # which a transaction cannot
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
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
