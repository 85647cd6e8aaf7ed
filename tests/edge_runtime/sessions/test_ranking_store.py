"""Review by rank in the store: tables of the version before, full disks, devices that answer at once, many cells."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.sessions import Session, SessionPlan, StoreProblem, open_existing
from edge_runtime.sessions.export import csv_lines
from edge_runtime.sessions.left_out.added import Place, add_cell
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.records import BLANK
from edge_runtime.sessions.report.data import make_report
from edge_runtime.sessions.review import give_verdicts, reviewed, suspected_cells
from edge_runtime.sessions.store import rows, schema
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.store.retention import retain
from edge_runtime.sessions.verdicts import Verdict
from tests.edge_runtime.sessions.ranking_tools import POSITIVE, Reader, add_fields, scores, session_of
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, Clock, field, filled, image, store_in

ROOT = Path(__file__).parents[3]
SECOND = schema.MIGRATIONS[:2]  # the tables of 2.0
REMOVALS = "CREATE TABLE removals (image TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
SAY = """INSERT INTO verdicts (cell_id, verdict, reviewer, undoes, software, recorded_at, boot_id, monotonic, clock)
    SELECT id, ?, 'RV', ?, '2.0', '2026-01-01T00:00:00Z', 'b', 1.0, 'set' FROM cells WHERE id = ?"""


def store_of_second_version(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Session], dict[str, list[tuple[object, ...]]]]:
    """A store of 2.0 with a blank slide and three sessions: reviewed to the end, begun, and with a verdict taken back.

    Returns:
        the sessions, and all rows by table.
    """
    with monkeypatch.context() as older:
        # this program, which makes it, wants that table at every opening
        older.setattr(schema, "MIGRATIONS", (*SECOND[:-1], (*SECOND[-1], REMOVALS)))
        older.setattr(rows, "_STAMPED", ("sessions", "fields", "verdicts", "manual_counts"))
        with store_in(folder) as store:
            filled(store, [[0.01] * 9], SessionPlan("NEG1", purpose=BLANK), first=90)
            sessions = [filled(store, [[0.5, 0.95, 0.01], [0.2, 0.01]], first=10 * n) for n in (1, 2, 3)]
            sessions.append(gone := store.new_session(PLAN))
            with store.writing() as connection:
                cells = {
                    session.code: [
                        row[0]
                        for row in connection.execute(
                            """SELECT c.id FROM cells AS c JOIN fields AS f ON f.id = c.field_id
                            WHERE f.session_id = ? AND (c.review OR c.count) ORDER BY c.id""",
                            (session.id,),
                        )
                    ]
                    for session in sessions
                }
                for cell in cells[sessions[0].code]:
                    connection.execute(SAY, ("asexual", None, cell))
                connection.execute(SAY, ("no-parasite", None, cells[sessions[1].code][0]))
                taken = cells[sessions[2].code]
                for cell in taken:
                    connection.execute(SAY, ("no-parasite", None, cell))
                last = connection.execute("SELECT max(id) FROM verdicts").fetchone()[0]
                connection.execute(SAY, (None, last, taken[-1]))
                connection.execute("UPDATE sessions SET discarded = 1 WHERE purpose = 'blank'")
                connection.execute("DELETE FROM sessions WHERE id = ?", (gone.id,))
            with store.reading() as connection:
                names = [
                    row[0]
                    for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
                    if not row[0].startswith("sqlite_") and row[0] != "removals"
                ]
                held = {
                    name: [tuple(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1")]
                    for name in names
                }
            with store.writing() as connection:
                connection.execute("DROP TABLE removals")
    return sessions, held


def test_a_store_of_the_version_before_keeps_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, held = store_of_second_version(tmp_path / "s", monkeypatch)
    with store_in(tmp_path / "s") as store:
        assert list(check_store(store)) == []
        with store.reading() as connection:
            assert schema.version_of(connection) == 3
            assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
            for name, lines in held.items():
                width = len(lines[0]) if lines else None
                kept = [tuple(row)[:width] for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1")]
                assert kept == lines, name
        done, begun, undone = sessions[:3]
        assert [ranked_review(store, session).leading for session in sessions[:3]] == ["reviewed", "begun", "begun"]
        assert reviewed(store, done).complete and reviewed(store, undone).pending == 1
        for table in ("objects", "object_verdicts", "added_cells"):  # fields of before offer none
            with store.reading() as connection:
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
        assert add_cell(store, begun, Place(1, 199, 39), "asexual", "RV").name == "1.a1"  # but can be added to
        store.add_field(done, image(80), field([0.5, 0.9]), MODEL)  # fields to come turn no finished review back
        assert ranked_review(store, done).leading == "reviewed" and not reviewed(store, done).complete
        assert make_report(store, done).to_json()["headline"] == "reviewed"
        assert store.new_session(PLAN).id == sessions[-1].id + 1  # the number of a removed session is not given again
        assert store.new_session(POSITIVE).plan.purpose == "positive"
        with pytest.raises(sqlite3.IntegrityError), store.writing() as connection:
            connection.execute("UPDATE sessions SET purpose = 'other'")
        give_verdicts(store, begun, [Verdict(c.name, "unsure") for c in suspected_cells(store, begun)], "RV")
        with store.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (begun.id,))
        assert list(check_store(store)) == []
        with store.reading() as connection:
            left = {row[0] for row in connection.execute("SELECT session_id FROM review_batches")}
        assert begun.id not in left and done.id in left


def test_a_removed_session_takes_its_pages_along(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, [scores(150, 3, 1)]), {"1.1": "asexual"})
        control = Reader(store, session_of(store, [scores(50, 3, 1)], plan=POSITIVE, first=9), {})
        reader.read_all()
        control.read_all()
        store.clock = Clock(wall=1_800_000_000.0)
        retain(store, 1, "sessions")
        assert [session.plan.purpose for session in store.sessions()] == ["positive"]  # curves rest on it
        with store.reading() as connection:
            for table in ("review_batches", "review_pages", "verdicts"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0, table
            assert connection.execute("SELECT count(*) FROM audits").fetchone()[0] == 0
        assert list(check_store(store)) == []


def test_pages_are_in_the_export(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, [scores(200, 2, 1)]), {"1.1": "asexual"})
        reader.read_all()
        heading, *lines = "".join(csv_lines(store, reader.session, "verdicts")).splitlines()
    said = [dict(zip(heading.split(","), line.split(","), strict=True)) for line in lines]
    assert (said[0]["batch"], said[0]["page"], said[0]["rank"], said[0]["inclusion"]) == ("1", "1", "1", "1.0")
    assert sum(row["rank"] == "" and float(row["inclusion"]) < 1 for row in said) == 24


@pytest.mark.parametrize("statement", ["INSERT INTO review_pages", "INSERT INTO verdicts", "COMMIT"])
def test_a_disk_that_fills_up_in_an_answer_keeps_none_of_it(tmp_path: Path, statement: str) -> None:
    class Full(sqlite3.Connection):
        failing = False

        def execute(self, text: str, *values: object) -> sqlite3.Cursor:
            if self.failing and text.startswith(statement):
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(text, *values)  # type: ignore[arg-type]

    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, [scores(150, 3, 1)]), {"1.1": "asexual"})
        page = reader.next()
        assert page is not None
        store.close()
        full = sqlite3.connect(store.database, isolation_level=None, factory=Full)
        full.row_factory = sqlite3.Row
        store._connection, full.failing = full, True
        with pytest.raises(StoreProblem, match="what was stored before is untouched"):
            reader.answer(page, "the-same-key")
        full.failing = False
        assert not ranked_review(store, reader.session).begun
        assert reader.answer(page, "the-same-key").accepted == 24  # sent again once there is room


ANSWER = """
import sys
from pathlib import Path
from edge_runtime.sessions import open_existing
from tests.edge_runtime.sessions.ranking_tools import Reader
with open_existing(Path(sys.argv[1])) as store:
    reader = Reader(store, store.session(), {"1.1": "asexual", "1.2": "asexual"}, sys.argv[2])
    print(reader.read_all())
"""


def test_devices_that_answer_at_once_end_with_one_review(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, [scores(300, 2, 1)])
    command = [sys.executable, "-c", ANSWER, str(tmp_path / "s")]
    running = [subprocess.Popen([*command, code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for code in ("AA", "BB")]
    pages = [int(process.communicate(timeout=120)[0]) for process in running]
    with open_existing(tmp_path / "s") as store:
        found = ranked_review(store, session)
        assert found.pages == sum(pages) and found.found == 2 and found.leading == "reviewed"
        assert list(check_store(store)) == []
        with store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM audits").fetchone()[0] == 1


LARGE = r"""
import json, re, sys, time
from pathlib import Path
from edge_runtime.sessions import open_existing
from edge_runtime.sessions.left_out.added import Place, add_cell
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.status import session_status
from tests.edge_runtime.sessions.ranking_tools import Reader
def timed(call, *arguments, times=1):
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        result = call(*arguments)
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result
seconds = {}
with open_existing(Path(sys.argv[1])) as store:
    session = store.session(sys.argv[2])
    truth = {f"{n}.{c}": "asexual" for n in range(1, 1001) for c in range(1, 5)}
    reader = Reader(store, session, truth, size=72)
    seconds["first page"], page = timed(reader.next)
    reader.answer(page)
    reader.read_all(int(sys.argv[3]))
    seconds["page"], page = timed(reader.next, times=3)
    seconds["answer"], _ = timed(reader.answer, page)
    seconds["review"], found = timed(ranked_review, store, session, times=3)
    seconds["status"], _ = timed(lambda: session_status(store, session).to_json(), times=3)
# not getrusage: its peak is inherited from the process that started this one
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"cells": found.cells, "looked": found.looked, "seconds": seconds, "peak": peak}))
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read where Linux keeps it")
def test_a_page_of_a_hundred_thousand_cells_takes_half_a_second(tmp_path: Path) -> None:
    """1,000 fields of 100 cells, 3,024 of them looked at; memory against 1,000 cells."""
    with store_in(tmp_path / "s") as store:
        sessions = [session_of(store, [scores(100, 4, n) for n in range(number)]) for number in (10, 1000)]
    seen = []
    for session, pages in zip(sessions, (0, 40), strict=True):
        command = [sys.executable, "-c", LARGE, str(tmp_path / "s"), session.code, str(pages)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seen.append(json.loads(done.stdout))
    print(seen)
    assert seen[1]["cells"] == 100_000 and seen[1]["looked"] == 42 * 72
    assert max(seen[1]["seconds"].values()) < 0.5
    assert seen[1]["peak"] < seen[0]["peak"] + 16e6


def test_many_fields_later_are_one_batch_until_a_page_is_drawn(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, [scores(120, 1, 1)]), {"1.1": "asexual"})
        reader.read_all()
        add_fields(store, reader.session, [scores(60, 0, n) for n in (2, 3, 4)], first=5)
        assert [batch.cells for batch in ranked_review(store, reader.session).batches] == [120, 180]
