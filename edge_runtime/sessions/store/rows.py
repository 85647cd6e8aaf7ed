"""Rows of the database: how a field with its cells is written, and how a session is read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.records import KINDS, FieldRecord, ModelRecord, Session, SessionPlan

if TYPE_CHECKING:
    from edge_runtime.sessions.clock import Moment
    from edge_runtime.sessions.store.pictures import Pictures

Stamp = tuple[str, str, str, float, str]  # the columns of MOMENT
MOMENT = "software, recorded_at, boot_id, monotonic, clock"
PLAN = (
    "slide", "participant", "site", "operator", "stain", "magnification", "red_cells", "haematocrit", "stop_rule",
    "purpose",
)  # fmt: skip
_STAMPED = (
    "sessions", "fields", "verdicts", "manual_counts", "review_batches", "review_pages", "audits", "review_sheets",
    "object_verdicts", "added_cells",
)  # fmt: skip
_FIELD = (
    "session_id, number, kind, image, image_sha256, image_bytes, accepted, quality, excluded, cells, suspected, "
    f"infected, model_id, review_point, count_point, camera, {MOMENT}"
)
_CELL = "field_id, number, x, y, w, h, probability, review, count"
_OBJECT = "field_id, number, x, y, w, h, reason, probability, jpeg"


def insert_field(
    connection: sqlite3.Connection,
    session: Session,
    image: tuple[str, str, int],
    record: FieldRecord,
    model: ModelRecord,
    camera: Mapping[str, Any],
    pictures: Pictures,
    stamp: Stamp,
) -> int:
    """Write a field, its cells, its objects and their pictures; the field's number in the session.

    Args:
        connection: in a transaction that may write.
        session: where it belongs.
        image: path relative to the store, SHA-256, bytes.
        record: the machine's result.
        model: what classified it.
        camera: its settings.
        pictures: of suspected cells and of all objects.
        stamp: when, and by which version.

    Raises:
        WrongUsage: the session was begun with another model, or holds images of the other kind.
        sqlite3.IntegrityError: the session has this image, or is not there.
    """
    model_id = _model_id(connection, session, model)
    other = connection.execute(
        "SELECT kind FROM fields WHERE session_id = ? AND kind <> ? LIMIT 1", (session.id, record.kind)
    ).fetchone()
    if other is not None:
        raise WrongUsage(
            f"Session {session.code} holds {KINDS[other['kind']]}, this is one of the {KINDS[record.kind]}; they "
            "differ in their blank rate, so begin another session for it."
        )
    number = 1 + one(connection, "SELECT coalesce(max(number), 0) FROM fields WHERE session_id = ?", session.id)
    values = (
        session.id, number, record.kind, *image, int(record.accepted), as_json(record.quality),
        as_json(record.excluded), len(record.cells), sum(cell.suspected for cell in record.cells),
        sum(cell.count for cell in record.cells), model_id, model.review_point, model.count_point, as_json(camera),
        *stamp,
    )  # fmt: skip
    field_id = insert(connection, "fields", _FIELD, values)
    for index, cell in enumerate(record.cells):
        box = cell.box or (None, None, None, None)
        row = (field_id, index + 1, *box, cell.probability, int(cell.review), int(cell.count))
        cell_id = insert(connection, "cells", _CELL, row)
        if index in pictures.cells:
            insert(connection, "pictures", "cell_id, jpeg", (cell_id, pictures.cells[index]))
    for index, found in enumerate(record.objects):
        row = (field_id, index + 1, *found.box, found.reason, found.probability, pictures.objects[index])
        insert(connection, "objects", _OBJECT, row)
    return int(number)


def session_of(row: sqlite3.Row) -> Session:
    """A row of ``sessions`` as a value."""
    plan = SessionPlan(**{name: row[name] for name in PLAN})
    return Session(
        row["id"], row["code"], plan, row["device"], row["model_id"], row["software"], row["recorded_at"], row["clock"],
        bool(row["discarded"]),
    )  # fmt: skip


def unsettled_tables(connection: sqlite3.Connection, boot_id: str) -> list[str]:
    """Tables with rows of this boot that were made before its clock was set."""
    query = "SELECT EXISTS (SELECT 1 FROM {} WHERE boot_id = ? AND clock = 'unset')"
    return [table for table in _STAMPED if one(connection, query.format(table), boot_id)]


def settle(connection: sqlite3.Connection, table: str, moment: Moment) -> None:
    """Give the rows that this boot made before its clock was set the time that follows from its monotonic clock."""
    connection.execute(
        f"""UPDATE {table} SET clock = 'settled',
        recorded_at = strftime('%Y-%m-%dT%H:%M:%fZ', ? + monotonic, 'unixepoch')
        WHERE boot_id = ? AND clock = 'unset'""",
        (moment.wall - moment.monotonic, moment.boot_id),
    )


def insert(connection: sqlite3.Connection, table: str, columns: str, values: tuple[Any, ...]) -> int:
    """One row; its id."""
    marks = ", ".join("?" * len(values))
    row_id = connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values).lastrowid
    assert row_id is not None  # every table here has one
    return row_id


def one(connection: sqlite3.Connection, query: str, *values: Any) -> Any:
    """The one value that a query gives."""
    return connection.execute(query, values).fetchone()[0]


def as_json(values: Mapping[str, Any]) -> str:
    """A mapping as the columns hold it."""
    return json.dumps(values, sort_keys=True, allow_nan=False)


def _model_id(connection: sqlite3.Connection, session: Session, model: ModelRecord) -> int:
    """The model's row, made at its first use; refuses to mix models in one session."""
    connection.execute(
        "INSERT OR IGNORE INTO models (sha256, name, details) VALUES (?, ?, ?)",
        (model.sha256, model.name, as_json(model.details)),
    )
    (model_id,) = connection.execute("SELECT id FROM models WHERE sha256 = ?", (model.sha256,)).fetchone()
    connection.execute("UPDATE sessions SET model_id = ? WHERE id = ? AND model_id IS NULL", (model_id, session.id))
    used = connection.execute(
        "SELECT m.id, m.sha256 FROM sessions AS s JOIN models AS m ON m.id = s.model_id WHERE s.id = ?", (session.id,)
    ).fetchone()
    if used is not None and used["id"] != model_id:
        raise WrongUsage(
            f"Session {session.code} is counted with model {used['sha256'][:12]}, this is {model.sha256[:12]}; "
            "go on with the same model (--model), or begin a new session."
        )
    return int(model_id)
