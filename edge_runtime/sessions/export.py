"""A session for other programs: CSV tables and one JSON document, row by row; docs/sessions.md names the columns."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from edge_runtime.common.files import atomic_file, clear_leftovers
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.sessions.records import Session

if TYPE_CHECKING:
    from edge_runtime.sessions.store.store import Store

VERSION = 1
_MOMENT = "software, recorded_at, clock, boot_id, monotonic"
_OF_FIELD = ", ".join(f"f.{name} AS {name}" for name in _MOMENT.split(", "))
_OF_VERDICT = ", ".join(f"v.{name} AS {name}" for name in _MOMENT.split(", "))
_RECORD = "m.sha256 AS model, f.review_point, f.count_point, f.camera"
TABLES = {
    "cells": f"""SELECT s.code AS session, s.participant, s.slide, f.number AS field, c.number AS cell, f.kind,
            f.accepted, c.x, c.y, c.w, c.h, c.probability, c.review, c.count, v.verdict, v.species, v.stage, v.reviewer,
            {_RECORD}, {_OF_FIELD}
        FROM fields AS f JOIN sessions AS s ON s.id = f.session_id JOIN models AS m ON m.id = f.model_id
        JOIN cells AS c ON c.field_id = f.id LEFT JOIN current_verdicts AS v ON v.cell_id = c.id
        WHERE f.session_id = ? ORDER BY f.number, c.number""",
    "fields": f"""SELECT s.code AS session, f.number AS field, f.kind, f.accepted, f.cells, f.suspected, f.infected,
            f.quality, f.excluded, f.image, f.image_sha256, f.image_bytes, {_RECORD}, {_OF_FIELD}
        FROM fields AS f JOIN sessions AS s ON s.id = f.session_id JOIN models AS m ON m.id = f.model_id
        WHERE f.session_id = ? ORDER BY f.number""",
    "verdicts": f"""SELECT s.code AS session, v.id AS number, f.number AS field, c.number AS cell, v.verdict, v.species,
            v.stage, v.reviewer, v.undoes, {_OF_VERDICT}, b.number AS batch, p.number AS page, v.rank, v.inclusion
        FROM verdicts AS v JOIN cells AS c ON c.id = v.cell_id JOIN fields AS f ON f.id = c.field_id
        JOIN sessions AS s ON s.id = f.session_id LEFT JOIN review_pages AS p ON p.id = v.page_id
        LEFT JOIN review_batches AS b ON b.id = p.batch_id WHERE f.session_id = ? ORDER BY v.id""",
    "manual_counts": f"""SELECT s.code AS session, n.counted, n.asexual, n.gametocytes, n.operator,
            {_OF_VERDICT.replace("v.", "n.")}
        FROM manual_counts AS n JOIN sessions AS s ON s.id = n.session_id WHERE n.session_id = ? ORDER BY n.id""",
    "objects": f"""SELECT s.code AS session, f.number AS field, f.number || '.o' || o.number AS object, f.accepted, o.x,
            o.y, o.w, o.h, o.reason, o.probability, v.verdict, v.species, v.stage, v.reviewer,
            coalesce(v.verdict IN ('asexual', 'gametocyte'), 0) AS denominator, {_RECORD}, {_OF_FIELD}
        FROM fields AS f JOIN sessions AS s ON s.id = f.session_id JOIN models AS m ON m.id = f.model_id
        JOIN objects AS o ON o.field_id = f.id LEFT JOIN current_object_verdicts AS v ON v.object_id = o.id
        WHERE f.session_id = ? ORDER BY f.number, o.number""",
    "object_verdicts": f"""SELECT s.code AS session, v.id AS number, f.number AS field,
            f.number || '.o' || o.number AS object, v.verdict, v.species, v.stage, v.reviewer, v.undoes,
            {_OF_VERDICT}, p.number AS page
        FROM object_verdicts AS v JOIN objects AS o ON o.id = v.object_id JOIN fields AS f ON f.id = o.field_id
        JOIN sessions AS s ON s.id = f.session_id LEFT JOIN review_pages AS p ON p.id = v.page_id
        WHERE f.session_id = ? ORDER BY v.id""",
    "added_cells": f"""SELECT s.code AS session, f.number AS field, f.number || '.a' || a.number AS cell, f.accepted,
            a.x, a.y, a.w, a.h, a.verdict, a.species, a.stage, a.reviewer, a.undone_by,
            a.undone_by IS NULL AND a.verdict <> 'unsure' AS denominator, {_OF_VERDICT.replace("v.", "a.")}
        FROM added_cells AS a JOIN fields AS f ON f.id = a.field_id JOIN sessions AS s ON s.id = f.session_id
        WHERE f.session_id = ? ORDER BY f.number, a.number""",
}
_FLAGS = ("accepted", "review", "count")
_DOCUMENTS = ("quality", "excluded", "camera")
_BLOCK = 1 << 16
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one


def csv_lines(store: Store, session: Session, table: str) -> Iterator[str]:
    """A table as CSV (RFC 4180), heading first; flags are 0 and 1, what is not there is empty.

    A text that a spreadsheet would run as a formula has an apostrophe before it; numbers are as they are.
    """
    with store.reading() as connection:
        cursor = connection.execute(TABLES[table], (session.id,))
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow([column[0] for column in cursor.description])
        for row in cursor:
            writer.writerow([_harmless(value) for value in row])
            if stream.tell() > _BLOCK:
                yield stream.getvalue()
                stream.seek(0)
                stream.truncate()
        yield stream.getvalue()


def json_pieces(store: Store, session: Session) -> Iterator[str]:
    """The whole session as one JSON document, in pieces: the session's own values, then each table as a list."""
    head = {"notice": RESEARCH_USE, "export_version": VERSION, **session.to_json()}
    yield json.dumps(head)[:-1]
    with store.reading() as connection:
        for table, query in TABLES.items():
            yield f', "{table}": ['
            first = True
            for row in connection.execute(query, (session.id,)):
                yield ("" if first else ", ") + json.dumps(_plain(row))
                first = False
            yield "]"
    yield "}\n"


def write_all(store: Store, session: Session, folder: Path) -> list[Path]:
    """Write ``session.json`` and a CSV file of each table into a folder, all of one state of the store.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    pieces = _files(store, session)
    with store.reading():
        for name, make in pieces.items():
            with atomic_file(folder / name) as stream:
                for piece in make():
                    stream.write(piece.encode())
    return [folder / name for name in pieces]


def write_zip(store: Store, session: Session, stream: BinaryIO) -> None:
    """The same files as :func:`write_all`, as one ZIP; the same state of the store gives the same bytes."""
    with store.reading(), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, make in _files(store, session).items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                for piece in make():
                    entry.write(piece.encode())


def _files(store: Store, session: Session) -> dict[str, Callable[[], Iterable[str]]]:
    """What each file of an export holds, by its name."""
    pieces: dict[str, Callable[[], Iterable[str]]] = {"session.json": lambda: json_pieces(store, session)}
    for table in TABLES:
        pieces[f"{table}.csv"] = lambda table=table: csv_lines(store, session, table)  # type: ignore[misc]
    return pieces


def _harmless(value: Any) -> Any:
    """The apostrophe is what spreadsheets themselves write before a text that looks like a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    values = dict(row)
    del values["session"]  # the document's own
    for name in _FLAGS:
        if name in values:
            values[name] = bool(values[name])
    for name in _DOCUMENTS:
        if name in values:
            values[name] = json.loads(values[name])
    return values
