"""Infected cells outside the machine's count: pages of objects, cells that a person adds, and what they do to the count."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.counting import exact
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions import Session, Store
from edge_runtime.sessions.export import csv_lines, json_pieces
from edge_runtime.sessions.left_out.added import (
    Place,
    PlaceTaken,
    add_cell,
    added_cells,
    added_picture,
    take_added_back,
)
from edge_runtime.sessions.left_out.counts import LeftOut
from edge_runtime.sessions.left_out.objects import give_object_verdict, object_picture, undo_object_verdict
from edge_runtime.sessions.ranking.answers import PageAnswer, PageResult
from edge_runtime.sessions.ranking.object_pages import (
    ObjectPage,
    answer_any_page,
    marks_of_page,
    next_object_page,
    undo_any_page,
)
from edge_runtime.sessions.ranking.object_sprite import object_sprite
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.records import ObjectRecord
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import make_report
from edge_runtime.sessions.report.html import html_pages
from edge_runtime.sessions.review import give_verdicts, reviewed, suspected_cells
from edge_runtime.sessions.status import session_status
from edge_runtime.sessions.store.retention import retain
from edge_runtime.sessions.verdicts import NoVerdict, Verdict
from tests.edge_runtime.sessions.ranking_tools import TRUSTED, Reader, scores
from tests.edge_runtime.sessions.session_tools import PLAN, field, image, store_in

CELLS = 150  # of each field
OBJECTS = [
    (ObjectRecord((10, 5, 20, 20), "clump", 0.97), ObjectRecord((60, 5, 20, 20), "debris", 0.7)),
    (ObjectRecord((10, 5, 20, 20), "border", 0.8),),
]


def slide(store: Store, infected: int = 1) -> Session:
    """A session of two fields with ``infected`` cells each, and three objects."""
    session = store.new_session(PLAN)
    for number, objects in enumerate(OBJECTS):
        add(store, session, number, infected, objects)
    return session


def add(store: Store, session: Session, number: int, infected: int, objects: tuple[ObjectRecord, ...] = ()) -> None:
    record = replace(field(scores(CELLS, infected, number)), objects=objects)
    cells = tuple(replace(cell, box=(150, 10, 20, 22)) for cell in record.cells)  # all at one place leave room
    record = replace(record, cells=cells)
    store.add_field(session, image(number), record, TRUSTED)


def page(store: Store, session: Session, size: int = 24) -> ObjectPage:
    found = next_object_page(store, session, "RV", size)
    assert found is not None
    return found


def answer(
    store: Store,
    session: Session,
    shown: ObjectPage,
    marks: dict[str, str],
    key: str = "objects-1",
    reviewer: str = "RV",
) -> PageResult:
    names = tuple(item.name for item in shown.objects)
    verdicts = {name: Verdict(name, verdict) for name, verdict in marks.items()}
    return answer_any_page(store, session, PageAnswer(key, reviewer, names, verdicts))


def read(store: Store, session: Session, infected: int = 1) -> None:
    """Review the cells by rank to the end."""
    truth = {f"{number}.{cell}": "asexual" for number in (1, 2) for cell in range(1, infected + 1)}
    Reader(store, session, truth).read_all()


def test_objects_have_a_page_of_their_own_highest_first(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        shown = page(store, session)
        first = page(store, session, 2)
        assert [(item.name, item.reason) for item in shown.objects] == [
            ("1.o1", "clump"), ("2.o1", "border"), ("1.o2", "debris"),
        ]  # fmt: skip
        assert shown.last and not first.last and len(first.objects) == 2
        assert answer(store, session, first, {}).accepted == 2
        rest = page(store, session)
        assert [item.name for item in rest.objects] == ["1.o2"] and rest.last and rest.number == 2
        answer(store, session, rest, {}, "objects-2")
        assert next_object_page(store, session, "RV", 24) is None
        assert store.totals(session).cells == 2 * CELLS  # objects are in no count of the machine's


def test_a_confirmed_object_is_one_more_infected_cell_among_one_more(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        read(store, session)
        before = ranked_review(store, session)
        answer(store, session, page(store, session), {"1.o1": "asexual", "2.o1": "gametocyte"})
        after, review = ranked_review(store, session), reviewed(store, session)
        report = make_report(store, session)
    assert before.asexual is not None and after.asexual is not None and after.gametocytes is not None
    assert (after.asexual.infected, after.asexual.counted) == (3, 2 * CELLS + 2)
    assert (after.gametocytes.infected, after.gametocytes.counted) == (1, 2 * CELLS + 2)
    assert after.asexual.looked == before.asexual.looked + 2 and after.asexual.rate > before.asexual.rate
    assert after.looked == before.looked and after.cells == 2 * CELLS  # of the cells that were counted
    assert after.found == 3 and after.leading == "reviewed"
    assert (review.asexual, review.gametocytes, review.no_parasite) == (3, 1, after.looked - 2)
    assert review.outside == LeftOut(3, 3, 1, 1) and review.counted(report.totals) == 2 * CELLS + 2
    comes = "2 cells with parasites come on top of the machine's: 2 from objects that the machine left out"
    assert comes in words.headline(report).remark
    rows = dict(words.figures(report))
    assert (
        "3 objects that the machine left out and that look infected, all looked at: 1 with asexual" in rows["Left out"]
    )
    page_text = "".join(html_pages(report))
    assert "one more infected cell among one more cell" in page_text
    assert "Left out by the machine, counted by a reviewer" in page_text and "<b>1.o1</b> · clump" in page_text
    told = [(cell["cell"], cell["origin"], cell["verdict"]) for cell in report.to_json()["confirmed_outside"]]
    assert told == [("1.o1", "clump", "asexual"), ("2.o1", "border", "gametocyte")]


def test_only_objects_hold_parasites_and_the_headline_says_so(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store, 0)
        read(store, session, 0)
        nothing = session_status(store, session).headline()
        answer(store, session, page(store, session), {"1.o1": "asexual"})
        status = session_status(store, session)
        found = status.headline()
    assert nothing is not None and nothing.title == "No asexual parasite found, reviewed"
    assert found is not None and found.kind == "reviewed" and found.title == "Asexual parasites, reviewed"
    assert "1 cell with parasites comes on top" in found.remark
    told = status.to_json()
    assert told["rank"]["left_out"]["asexual"] == told["review"]["outside"]["asexual"] == 1
    assert told["rank"]["at_least"] == {"asexual": 1, "gametocytes": 0}


def test_a_review_of_suspected_cells_counts_them_too(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store, 2)
        give_verdicts(store, session, [Verdict(cell.name, "asexual") for cell in suspected_cells(store, session)], "RV")
        give_object_verdict(store, session, Verdict("1.o1", "asexual"), "RV")
        status, review = session_status(store, session), reviewed(store, session)
        report = make_report(store, session)
    infected, counted = review.asexual, 2 * CELLS + 1
    assert report.asexual is not None and (report.asexual.infected, report.asexual.counted) == (infected, counted)
    assert report.asexual.exact.high == exact(infected, counted).high
    found = status.headline()
    assert found is not None and f"{infected:,} of {counted:,} red cells" in found.interval
    assert "2 objects still to be looked at" in found.remark


def test_a_page_of_objects_is_undone_and_answered_once(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        shown = page(store, session)
        first = answer(store, session, shown, {"1.o1": "asexual", "1.o2": "unsure"})
        again = answer(store, session, shown, {"1.o1": "gametocyte"})
        assert again == replace(first, repeat=True) and first.accepted == 3
        marks = marks_of_page(store, session, "RV")
        assert [(mark.verdict.cell, mark.probability) for mark in marks] == [("1.o1", 0.97), ("1.o2", 0.7)]
        assert reviewed(store, session).outside == LeftOut(3, 3, 1, 0, 1)
        late = answer(store, session, shown, {}, "objects-2")  # a second device with the same page
        assert late.accepted == 0 and set(late.kept) == {"1.o1", "1.o2"}
        assert undo_any_page(store, session, "RV", "objects-1") == 3
        assert reviewed(store, session).outside == LeftOut(3)
        with pytest.raises(NoVerdict):
            undo_any_page(store, session, "RV", "objects-1")
        assert {item.name for item in page(store, session).objects} == {"1.o1", "1.o2", "2.o1"}


def test_pages_of_cells_go_the_same_way(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        names = ("1.1", "2.1")
        done = answer_any_page(store, session, PageAnswer("cells-01", "RV", names, {"1.1": Verdict("1.1", "asexual")}))
        assert done.accepted == 2 and [mark.verdict.cell for mark in marks_of_page(store, session, "RV")] == ["1.1"]
        assert undo_any_page(store, session, "RV") == 2
        with pytest.raises(WrongUsage, match="not both"):
            answer_any_page(store, session, PageAnswer("mixed-01", "RV", ("1.1", "1.o1"), {}))
        with pytest.raises(WrongUsage, match=r"no object '1\.o9'"):
            answer_any_page(store, session, PageAnswer("none-001", "RV", ("1.o9",), {}))


def test_objects_of_later_fields_do_not_enter_a_count_that_stands(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        read(store, session)
        add(store, session, 2, 1, (ObjectRecord((10, 5, 20, 20), "clump", 0.9),))
        give_object_verdict(store, session, Verdict("3.o1", "asexual"), "RV")
        found = ranked_review(store, session)
    assert found.asexual is not None and (found.asexual.infected, found.asexual.counted) == (2, 2 * CELLS)
    assert found.found == 3 and found.settled == 1 and found.leading == "reviewed"


def test_a_verdict_on_an_object_can_be_changed_and_taken_back(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        assert give_object_verdict(store, session, Verdict("1.o1", "unsure"), "RV")
        assert not give_object_verdict(store, session, Verdict("1.o1", "unsure"), "RV")
        give_object_verdict(store, session, Verdict("1.o1", "asexual", "falciparum"), "RV")
        assert reviewed(store, session).outside == LeftOut(3, 1, 1)
        undo_object_verdict(store, session, "1.o1", "RV")
        assert reviewed(store, session).outside == LeftOut(3, 1, 0, 0, 1)
        undo_object_verdict(store, session, "1.o1", "RV")
        with pytest.raises(NoVerdict):
            undo_object_verdict(store, session, "1.o1", "RV")


def test_a_person_adds_a_cell_and_takes_it_back(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store, 0)
        one = add_cell(store, session, Place(1, 120, 20), "asexual", "RV", "vivax", "trophozoite", key="tap-0001")
        same = add_cell(store, session, Place(1, 120, 20), "asexual", "RV", "vivax", "trophozoite", key="tap-0001")
        corner = add_cell(store, session, Place(2, 199, 39), "gametocyte", "RV")
        assert one == same and one.name == "1.a1" and one.box == (109, 9, 22, 22)  # as large as the field's cells
        assert corner.box == (188, 28, 12, 12)
        assert [cell.name for cell in added_cells(store, session)] == ["1.a1", "2.a1"]
        ranked, review = ranked_review(store, session), reviewed(store, session)
        assert ranked.begun and ranked.found == 1 and ranked.found_gametocytes == 1 and ranked.leading == "begun"
        assert review.begun and review.counted(store.totals(session)) == 2 * CELLS + 2
        found = session_status(store, session).headline()
        assert found is not None and found.kind == "begun" and "2 from cells that a reviewer added" in found.remark
        take_added_back(store, session, "1.a1", "RV")
        with pytest.raises(NoVerdict):
            take_added_back(store, session, "1.a1", "RV")
        assert reviewed(store, session).asexual == 0
        assert (
            add_cell(store, session, Place(1, 120, 20), "unsure", "RV").name == "1.a2"
        )  # its number is not given again
        assert reviewed(store, session).outside == LeftOut(3, added_gametocytes=1, added_unsure=1)


def test_where_something_is_no_cell_is_added(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        for place, there in ((Place(1, 160, 20), "cell 1.1 "), (Place(1, 15, 10), "object 1.o1")):
            with pytest.raises(PlaceTaken, match=there):
                add_cell(store, session, place, "asexual", "RV")
        add_cell(store, session, Place(1, 120, 20), "asexual", "RV")
        with pytest.raises(PlaceTaken, match=r"cell 1\.a1"):
            add_cell(store, session, Place(1, 121, 21), "asexual", "RV")
        for place, verdict, reason in (
            (Place(1, 200, 20), "asexual", "outside the image of 200 x 40"),
            (Place(1, 120, 40), "asexual", "outside"),
            (Place(9, 1, 1), "asexual", "no field 9"),
            (Place(1, 50, 20), "no-parasite", "none of asexual, gametocyte, unsure"),
        ):
            with pytest.raises(WrongUsage, match=reason):
                add_cell(store, session, place, verdict, "RV")
        store.add_field(session, image(7), field([0.5] * 9, accepted=False), TRUSTED)
        with pytest.raises(WrongUsage, match="counts no cells"):
            add_cell(store, session, Place(3, 1, 1), "asexual", "RV")


@pytest.mark.parametrize("text", ["", "7", "7:1", "0:1,1", "7:1,1,1", "7:-1,1", "7:1.5,2", "x:1,1", "7:1, 1"])
def test_a_place_has_one_form(text: str) -> None:
    with pytest.raises(WrongUsage, match="must be FIELD:X,Y"):
        Place.parse(text)
    assert Place.parse("7:310,205") == Place(7, 310, 205)


def test_pictures_stay_when_images_go(tmp_path: Path) -> None:
    from tests.edge_runtime.sessions.session_tools import Clock

    clock = Clock()
    with store_in(tmp_path / "s", clock) as store:
        session = slide(store)
        add_cell(store, session, Place(1, 120, 20), "asexual", "RV")
        clock.pass_seconds(90 * 86_400)
        assert retain(store, 30, "images").images == 2
        assert object_picture(store, session, "1.o1").startswith(b"\xff\xd8")
        assert added_picture(store, session, "1.a1").startswith(b"\xff\xd8")
        assert object_sprite(store, session, ["1.o1", "2.o1"], 64).jpeg.startswith(b"\xff\xd8")
        with pytest.raises(WrongUsage, match="image of field 1 was removed"):
            add_cell(store, session, Place(1, 60, 30), "asexual", "RV")


def test_the_export_has_objects_and_added_cells_with_their_denominator(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        answer(store, session, page(store, session), {"1.o1": "asexual"})
        add_cell(store, session, Place(1, 120, 20), "unsure", "RV")
        add_cell(store, session, Place(2, 120, 20), "gametocyte", "RV")
        tables = {
            name: list(csv.DictReader(io.StringIO("".join(csv_lines(store, session, name)))))
            for name in ("objects", "object_verdicts", "added_cells")
        }
        document = json.loads("".join(json_pieces(store, session)))
    assert [(row["object"], row["reason"], row["verdict"], row["denominator"]) for row in tables["objects"]] == [
        ("1.o1", "clump", "asexual", "1"), ("1.o2", "debris", "no-parasite", "0"), ("2.o1", "border", "no-parasite", "0"),
    ]  # fmt: skip
    assert [(row["cell"], row["verdict"], row["denominator"]) for row in tables["added_cells"]] == [
        ("1.a1", "unsure", "0"), ("2.a1", "gametocyte", "1"),
    ]  # fmt: skip
    assert len(tables["object_verdicts"]) == 3 and {row["page"] for row in tables["object_verdicts"]} == {"1"}
    assert document["objects"][0]["probability"] == 0.97 and document["added_cells"][1]["verdict"] == "gametocyte"


def test_a_session_takes_its_objects_along_when_it_goes(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = slide(store)
        answer(store, session, page(store, session), {"1.o1": "asexual"})
        add_cell(store, session, Place(1, 120, 20), "asexual", "RV")
        with store.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (session.id,))
            for table in ("objects", "object_verdicts", "added_cells"):
                assert _rows(connection, table) == 0


def _rows(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
