"""Retention and export: what goes, what stays, and what other programs read."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.errors import EnvironmentLacks
from edge_runtime.sessions import SessionPlan, export
from edge_runtime.sessions.blank_slides import discard_blank
from edge_runtime.sessions.manual_counts import add_manual_count
from edge_runtime.sessions.report.data import make_report
from edge_runtime.sessions.review import give_verdicts, undo_verdict
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.store.retention import retain
from edge_runtime.sessions.verdicts import Verdict
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, Clock, field, filled, image, store_in

DAY = 86_400.0
ROOT = Path(__file__).parents[3]


def test_old_images_go_and_counts_stay(tmp_path: Path) -> None:
    clock = Clock()
    with store_in(tmp_path / "s", clock) as store:
        old = filled(store, [[0.5, 0.01], [0.95]])
        clock.pass_seconds(40 * DAY)
        new = filled(store, [[0.5]])
        images = sorted((store.root / "images" / old.code).iterdir())
        size = sum(path.stat().st_size for path in images)
        planned = retain(store, 30, "images", dry_run=True)
        assert all(path.exists() for path in images)
        done = retain(store, 30, "images")
        assert (planned.sessions, planned.images, planned.image_bytes, planned.dry_run) == ((old.code,), 2, size, True)
        assert done.to_json() == {**planned.to_json(), "dry_run": False}
        assert [path.name for path in (store.root / "images").iterdir()] == [new.code]
        report = make_report(store, old)
        assert (report.totals.cells, report.quality.removed, len(report.pictures)) == (3, 2, 2)
        assert retain(store, 30, "images").images == 0 and list(check_store(store)) == []
        # the same image again is still known
        assert store.add_field(old, image(0), field([0.5, 0.01]), MODEL).repeat


def test_old_sessions_go_whole_but_blank_slides_stay(tmp_path: Path) -> None:
    clock = Clock()
    with store_in(tmp_path / "s", clock) as store:
        old = filled(store, [[0.5]])
        give_verdicts(store, old, [Verdict("1.1", "asexual")], "AB")
        add_manual_count(store, old, 100, 1, 0, "AB")
        blank = filled(store, [[0.01]], SessionPlan("NEG1", purpose="blank"))
        clock.pass_seconds(40 * DAY)
        done = retain(store, 30, "sessions")
        assert done.sessions == (old.code,) and [session.code for session in store.sessions()] == [blank.code]
        discard_blank(store, "NEG1")
        assert retain(store, 30, "sessions").sessions == (blank.code,)
        with store.reading() as connection:
            for table in ("verdicts", "manual_counts", "pictures"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
        assert list(check_store(store)) == []
    kept = b"".join(path.read_bytes() for path in (tmp_path / "s").glob("sessions.db*"))
    assert old.plan.participant is not None and old.plan.participant.encode() not in kept


def test_without_a_clock_nothing_is_old(tmp_path: Path) -> None:
    clock = Clock("unset", wall=1000.0)
    with store_in(tmp_path / "s", clock) as store:
        filled(store, [[0.5]])
        with pytest.raises(EnvironmentLacks, match="--clock-is-right"):
            retain(store, 0)
        clock.boot, clock.clock, clock.wall = "boot-2", "set", 1_790_000_000.0
        done = retain(store, 0)
        assert (done.images, done.undated) == (0, 1)


def test_export_holds_every_record(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = store.new_session(PLAN)
        store.add_field(session, image(1), field([0.01, 0.95]), MODEL, {"gain": 2})
        store.add_field(session, image(2), field([0.5], accepted=False), MODEL)
        give_verdicts(store, session, [Verdict("1.2", "asexual", "vivax"), Verdict("1.2", "unsure")], "AB")
        undo_verdict(store, session, "1.2", "AB")
        add_manual_count(store, session, 100, 1, 0, "AB")
        written = export.write_all(store, session, tmp_path / "out")
    tables = {path.stem: list(csv.DictReader(path.open())) for path in written if path.suffix == ".csv"}
    document = json.loads((tmp_path / "out" / "session.json").read_text())
    assert {name: len(rows) for name, rows in tables.items()} == {
        "cells": 3, "fields": 2, "verdicts": 3, "manual_counts": 1, "objects": 0, "object_verdicts": 0, "added_cells": 0,
    }  # fmt: skip
    cell = tables["cells"][1]
    assert (cell["field"], cell["cell"], cell["probability"], cell["count"], cell["verdict"], cell["species"]) == (
        "1", "2", "0.95", "1", "asexual", "vivax",
    )  # fmt: skip
    assert (
        cell["model"] == MODEL.sha256
        and cell["camera"] == '{"gain": 2}'
        and cell["participant"] == session.plan.participant
    )
    for name, rows in tables.items():
        assert [list(row) for row in document[name]] == [[key for key in row if key != "session"] for row in rows]
    assert document["cells"][1]["count"] is True and document["fields"][0]["camera"] == {"gain": 2}
    assert document["fields"][1]["quality"]["refused"][0]["kind"] == "focus"
    assert [row["undoes"] for row in document["verdicts"]] == [None, None, 2]
    assert document["export_version"] == 1 and document["slide"] == "A17"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_table_is_a_formula(tmp_path: Path, begin: str) -> None:
    """A participant's code of the site's own form may look like one; only CSV says so, with an apostrophe."""
    participant = f"{begin}cmd|' /C calc'!A0"
    with store_in(tmp_path / "s") as store:
        store.set_setting("participant_pattern", ".*")  # as an older version may have taken it
        session = store.new_session(replace(PLAN, participant=participant))
        store.add_field(session, image(1), field([0.95]), MODEL, {"gain": -1})
        export.write_all(store, session, tmp_path / "out")
    (cell,) = csv.DictReader(io.StringIO((tmp_path / "out" / "cells.csv").read_bytes().decode(), newline=""))
    assert cell["participant"] == f"'{participant}"
    assert (cell["probability"], cell["camera"]) == ("0.95", '{"gain": -1}')  # numbers, and what no formula is
    assert json.loads((tmp_path / "out" / "session.json").read_text())["participant"] == participant


def test_numbers_below_zero_stay_numbers(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        with store.writing() as connection:
            connection.execute("UPDATE fields SET monotonic = -1.5")
        (row,) = csv.DictReader(io.StringIO("".join(export.csv_lines(store, session, "fields"))))
    assert row["monotonic"] == "-1.5"


def test_every_column_is_documented(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "sessions.md").read_text()
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        with store.reading() as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        headings = {
            name: next(csv.reader(io.StringIO("".join(export.csv_lines(store, session, name)))))
            for name in export.TABLES
        }
    for names in (*headings.values(), [name for name in tables if not name.startswith("sqlite_")]):
        for name in names:
            assert re.search(rf"`{name}`", text), name
