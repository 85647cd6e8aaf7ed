"""The store: what is kept, in which order it reaches the disk, and what happens when that fails."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import __version__
from edge_runtime.errors import BadData, EnvironmentLacks, WrongUsage
from edge_runtime.sessions import ModelRecord, SessionPlan, Store, StoreProblem, open_existing, open_store
from edge_runtime.sessions.records import CellRecord, FieldRecord
from edge_runtime.sessions.store import schema
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.store.orphans import finish_removals, quarantined, set_aside
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, Clock, field, filled, image, store_in


def files_of(store: Store) -> set[str]:
    return {str(path.relative_to(store.root)) for path in (store.root / "images").rglob("*") if path.is_file()}


def named(store: Store) -> set[str]:
    with store.reading() as connection:
        return {row[0] for row in connection.execute("SELECT image FROM fields WHERE image IS NOT NULL")}


def test_fields_and_totals(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = store.new_session(PLAN)
        first = store.add_field(session, image(1), field([0.01, 0.2, 0.95]), MODEL, {"gain": 1.5})
        store.add_field(session, image(2), field([0.99] * 4, accepted=False), MODEL)
        last = store.add_field(session, image(3), field([0.01]), MODEL)
        assert (first.number, last.number, last.repeat) == (1, 3, False)
        assert store.totals(session).to_json() == {
            "fields": 2, "single_cells": 0, "refused": 1, "cells": 4, "suspected": 2, "infected": 1,
        }  # fmt: skip
        assert files_of(store) == named(store) and len(named(store)) == 3
        assert list(check_store(store)) == []
        with store.reading() as connection:
            row = dict(connection.execute("SELECT * FROM fields WHERE number = 1").fetchone())
            pictures = connection.execute("SELECT jpeg FROM pictures").fetchall()
    assert (row["camera"], row["review_point"], row["count_point"]) == ('{"gain": 1.5}', 0.1, 0.9)
    assert (row["software"], row["boot_id"], row["clock"]) == (__version__, "boot-1", "set")
    # six suspected ones, and the two others of accepted fields, which an audit may draw
    assert len(pictures) == 8 and all(picture[0].startswith(b"\xff\xd8\xff") for picture in pictures)


def test_the_same_image_again_is_a_repeat(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        again = store.add_field(session, image(0), field([0.5]), MODEL)
        assert (again.number, again.repeat, store.totals(session).cells) == (1, True, 1)


def test_one_model_and_one_kind_of_image_a_session(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        with pytest.raises(WrongUsage, match="counted with model abababababab"):
            store.add_field(session, image(1), field([0.5]), ModelRecord("cd" * 32, "other", 0.1, 0.9))
        with pytest.raises(WrongUsage, match="holds whole fields"):
            store.add_field(session, image(1), FieldRecord((CellRecord(0.5, True, False),), "cell"), MODEL)
        assert store.totals(session).cells == 1
        assert finish_removals(store) > 0 and set_aside(store) == 0
        assert files_of(store) == named(store)  # the refused images left nothing


def test_an_image_is_durable_before_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def spy(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if name == "fsync":
                target = os.readlink(f"/proc/self/fd/{arguments[0]}")
                steps.append("fsync folder" if os.path.isdir(target) else f"fsync {Path(target).suffix}")
            else:
                steps.append(name)
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        spy("fsync")
        spy("replace")
        store._connection.set_trace_callback(
            lambda text: steps.append(text.split()[0]) if text.startswith(("BEGIN IMM", "COMMIT")) else None
        )
        store.add_field(session, image(1), field([0.01]), MODEL)
        wanted = ["fsync .tmp", "replace", "fsync folder", "BEGIN", "COMMIT"]
        begin = steps.index("fsync .tmp")
        assert steps[begin : begin + 5] == wanted
        with store.reading() as connection:
            settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


@pytest.mark.parametrize("name", ["open", "fsync", "replace", "mkdir"])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), OSError(28, "No space left on device")])
def test_a_failing_disk_loses_the_field_in_flight_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: OSError
) -> None:
    """Every call of the kind fails once, the first one first, until adding succeeds."""
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        other = store.new_session(PLAN)
        real = getattr(os, name)
        for failing in range(6):
            calls = iter(range(100))

            def call(*arguments: Any, failing: int = failing, calls: Any = calls, **options: Any) -> Any:
                if next(calls) == failing:
                    raise error
                return real(*arguments, **options)

            with monkeypatch.context() as patch:
                patch.setattr(os, name, call)
                try:
                    store.add_field(other, image(9), field([0.01]), MODEL)
                    break
                except OSError as raised:
                    assert raised is error
            assert store.totals(other).cells == 0
            with store_in(tmp_path / "s"):  # clears away what the failure left
                pass
            assert files_of(store) == named(store) and list(check_store(store)) == []
        assert store.totals(other).cells == 1 and store.totals(session).cells == 1


def test_strays_are_set_aside_unless_somebody_adds(tmp_path: Path) -> None:
    from edge_runtime.sessions.store import locks

    with store_in(tmp_path / "s") as store:
        filled(store, [[0.5]])
        stray = store.root / "images" / "S-2222222" / "left.png"
        stray.parent.mkdir()
        stray.write_bytes(b"half")
        with locks.adding(store.root):
            assert set_aside(store) == 0 and stray.exists()
        assert set_aside(store) == 1 and not stray.parent.exists()
        assert [path.read_bytes() for path in quarantined(store.root)] == [b"half"]
        assert list(check_store(store)) == []


def test_check_finds_what_is_missing_or_changed(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        filled(store, [[0.5], [0.5]])
        first, second = sorted(named(store))
        (store.root / first).unlink()
        (store.root / second).write_bytes(b"changed")
        found = list(check_store(store))
    assert (
        len(found) == 2 and any("cannot be read" in line for line in found) and any("changed" in line for line in found)
    )


def test_low_disk_is_refused_with_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**10, 10**10, 150_000_000))
    with pytest.raises(EnvironmentLacks, match=r"Only 150 MB are free .* needs 200 MB"):
        open_store(tmp_path / "s")
    with open_store(tmp_path / "s", min_free=149_999_999) as store:
        with pytest.raises(EnvironmentLacks, match="Only 150 MB"):
            store.add_field(session, image(1), field([0.5]), MODEL)
        assert store.totals(session).cells == 1


def test_tables_of_a_newer_program_are_refused(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store, store.writing() as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(BadData, match="upgrade thinsmear"):
        open_existing(tmp_path / "s")


def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
    good = ("ALTER TABLE sessions ADD COLUMN room TEXT", "UPDATE sessions SET room = 'lab'")
    released = len(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, (*good, "UPDATE nothing SET x = 1")))
    with pytest.raises(StoreProblem):
        open_existing(tmp_path / "s")
    database = sqlite3.connect(tmp_path / "s" / "sessions.db")
    assert schema.version_of(database) == released
    assert "room" not in [row[1] for row in database.execute("PRAGMA table_info(sessions)")]
    database.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], good))
    with open_existing(tmp_path / "s") as store, store.reading() as connection:
        assert connection.execute("SELECT room FROM sessions").fetchone()[0] == "lab"
        assert store.totals(session).cells == 1


def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s").mkdir()
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        database = sqlite3.connect(tmp_path / "s" / "sessions.db", isolation_level=None)
        schema.migrate(database, "sessions.db")
        database.execute(
            """INSERT INTO sessions (code, purpose, slide, device, software, recorded_at, boot_id, monotonic, clock)
            VALUES ('S-2222222', 'blank', 'NEG1', 'x', '0.1', '2026-01-01', 'b', 0, 'set')"""
        )
        database.close()
    with open_existing(tmp_path / "s") as store:
        (session,) = store.sessions()
    assert (session.plan.slide, session.discarded) == ("NEG1", False)


@pytest.mark.parametrize(("content", "kind"), [(b"no database at all, but long enough to be one" * 40, BadData)])
def test_what_is_no_database_is_said(tmp_path: Path, content: bytes, kind: type[Exception]) -> None:
    (tmp_path / "sessions.db").write_bytes(content)
    with pytest.raises(kind, match=r"damaged or no store"):
        open_existing(tmp_path)


def test_no_store_and_no_session(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="no store"):
        open_existing(tmp_path / "nowhere")
    with store_in(tmp_path / "s") as store:
        with pytest.raises(WrongUsage, match="no session yet"):
            store.session()
        code = store.new_session(PLAN).code
        assert store.session().code == store.session("newest").code == store.session(code.lower()).code == code
        with pytest.raises(WrongUsage, match="no session code"):
            store.session("S-2222223")


def test_records_made_before_the_clock_is_set_get_their_time_later(tmp_path: Path) -> None:
    clock = Clock("unset", wall=1_000.0, monotonic=50.0)
    with store_in(tmp_path / "s", clock) as store:
        session = store.new_session(PLAN)
        assert (session.clock, session.recorded_at) == ("unset", "1970-01-01T00:16:40.000Z")
        clock.pass_seconds(10)
        store.add_field(session, image(1), field([0.5]), MODEL)
        clock.clock, clock.wall, clock.monotonic = "set", 1_790_000_100.0, 150.0  # the network came
        store.add_field(session, image(2), field([0.5]), MODEL)
        settled = store.session(session.code)
        assert (settled.clock, settled.recorded_at) == (
            "settled",
            "2026-09-21T14:13:20.000Z",
        )
        with store.reading() as connection:
            rows = connection.execute("SELECT recorded_at, clock FROM fields ORDER BY number").fetchall()
    assert [tuple(row) for row in rows] == [
        ("2026-09-21T14:13:30.000Z", "settled"),
        ("2026-09-21T14:15:00.000Z", "set"),
    ]


def test_a_clock_set_by_hand_is_confirmed_until_the_next_start(tmp_path: Path) -> None:
    clock = Clock("unset")
    with store_in(tmp_path / "s", clock) as store:
        session = store.new_session(PLAN)
        store.confirm_clock()
        assert store.session(session.code).clock == "settled"
        assert store.new_session(PLAN).clock == "set"
        clock.boot = "boot-2"
        assert store.new_session(PLAN).clock == "unset"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"slide": "A 17"}, "slide code"),
        ({"operator": "Dr. Jane Doe"}, "operator code"),
        ({"stain": "blue"}, "stain"),
        ({"magnification": 5.0}, "magnification"),
        ({"red_cells": 4.5}, "red cell count"),
        ({"haematocrit": 0.4}, "haematocrit"),
        ({"stop_rule": "soon"}, "stop rule"),
        ({"participant": "Jane Doe"}, "Never use a name"),
    ],
)
def test_a_plan_is_checked(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    with store_in(tmp_path / "s") as store, pytest.raises(WrongUsage, match=match):
        store.new_session(SessionPlan(**{"slide": "A17", **change}))


def test_the_store_is_the_users_alone(tmp_path: Path) -> None:
    with store_in(tmp_path / "s"):
        assert (tmp_path / "s").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("made", "kept"), [(0o755, 0o700), (0o777, 0o770), (0o750, 0o700), (0o2775, 0o2770), (0o700, 0o700)]
)
def test_a_folder_made_by_hand_is_narrowed(tmp_path: Path, made: int, kept: int) -> None:
    """A group that may write keeps what it may: the store is shared with it on purpose."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(made)
    with store_in(tmp_path / "s"):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == kept


def test_in_a_folder_that_holds_more_the_store_alone_is_narrowed(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(0o755)
    (tmp_path / "s" / "letters").mkdir()
    (tmp_path / "s" / "letters").chmod(0o755)
    with store_in(tmp_path / "s") as store:
        filled(store, [[0.5]])
    with store_in(tmp_path / "s"):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").iterdir()}
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == modes.pop("letters") == 0o755
    assert {"sessions.db", "images"} <= set(modes) and not any(mode & 0o077 for mode in modes.values())


def test_what_killed_commands_left_goes_at_the_next_start(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
    (tmp_path / "s" / "serve").mkdir()
    left = [
        tmp_path / "s" / part / ".x.png.0123456789ab.tmp" for part in (".", "serve", "images", f"images/{session.code}")
    ]
    for path in left:
        path.write_bytes(image(1))
        os.utime(path, (0, 0))
    with store_in(tmp_path / "s") as store:
        assert not any(path.exists() for path in left) and files_of(store) == named(store)
