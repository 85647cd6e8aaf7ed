"""Review by rank: which cells come next, what becomes of the answers, when it is enough, and what is estimated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.counting import Batch, CurveSource, ranked_count
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions import Session, Store
from edge_runtime.sessions.control_slides import control_slides
from edge_runtime.sessions.ranking.answers import PageAnswer, answer_page, undo_page
from edge_runtime.sessions.ranking.grid import GRID, next_page
from edge_runtime.sessions.ranking.ranked_review import ranked_review, running_check
from edge_runtime.sessions.review import give_verdicts, undo_verdict
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.verdicts import NoVerdict, Verdict
from tests.edge_runtime.sessions.ranking_tools import (
    POSITIVE,
    TRUSTED,
    Reader,
    add_fields,
    card_curve,
    scores,
    session_of,
)
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, field, image, store_in

FIELDS = [scores(100, 2, seed) for seed in range(6)]  # 600 cells, the first two of each field infected
TRUTH = {f"{number}.{cell}": "asexual" for number in range(1, 7) for cell in (1, 2)}


def ranking(fields: list[list[float]]) -> list[str]:
    """Names of all cells, highest score first."""
    cells = [(-p, f, c) for f, values in enumerate(fields, 1) for c, p in enumerate(values, 1)]
    return [f"{f}.{c}" for _, f, c in sorted(cells)]


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_slide_is_reviewed_in_a_few_pages(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        before = ranked_review(store, reader.session)
        assert reader.read_all() == 5  # 12 infected and 96 clean cells, a page of 24 each
        after = ranked_review(store, reader.session)
        assert reader.next() is None
        said = rows(store, "SELECT rank, inclusion, page_id FROM verdicts ORDER BY id")
    by_rank = [cell for page in reader.pages for cell in page.cells if not cell.audit]
    assert [cell.name for cell in by_rank] == ranking(FIELDS)[:108]
    assert [cell.rank for cell in by_rank] == list(range(1, 109))
    assert [page.last for page in reader.pages] == [False] * 4 + [True]
    assert [sum(cell.audit for cell in page.cells) for page in reader.pages] == [0, 0, 0, 0, 24]
    assert {page.kind for page in reader.pages} == {"rank"}  # nothing tells a page which cells are random ones
    assert (before.leading, before.enough and before.enough.to_go) == ("machine", 96)
    assert (after.leading, after.by_rank, after.found, after.looked, after.alarm) == ("reviewed", True, 12, 132, False)
    curve = card_curve()
    right = ranked_count([Batch(576, 108, 12, 96), Batch(24, 24, 0)], curve)
    assert after.asexual == right and after.rest == right.rest and after.reason is None
    assert after.to_json()["rest"]["statement"] == right.rest.statement(after.red_cells)
    assert len(said) == 132 and {row[2] for row in said} == {1, 2, 3, 4, 5}
    assert sorted(row[0] for row in said if row[0] is not None) == list(range(1, 109))
    assert {row[1] for row in said} == {1.0, 24 / 492}


def test_the_random_cells_stand_anywhere_and_are_drawn_once(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        reader.read_all(4)
        first = reader.next()
        again = next_page(store, reader.session, "OTHER", 24)
        assert first is not None and again == first  # a second device, or a page that is loaded again
        places = [number for number, cell in enumerate(first.cells) if cell.audit]
        assert len(first.cells) == 36 and places != list(range(12, 36)) and len(set(places)) == 24
        assert rows(store, "SELECT looked, rest, size FROM audits") == [(108, 492, 24)]
        assert {cell.rank for cell in first.cells if cell.audit} == {None}
        wide = next_page(store, reader.session, "OTHER", GRID["desktop"])
        assert wide is not None and len(wide.cells) == 72 and sum(cell.audit for cell in wide.cells) == 24


def test_a_parasite_among_the_random_cells_asks_for_everything_above_the_review_point(tmp_path: Path) -> None:
    fields = [[*values[:40], *[0.15] * 60] for values in FIELDS]  # far more suspected cells than the rule looks at
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, fields), dict(TRUTH))
        reader.read_all(4)
        last = reader.next()
        assert last is not None
        drawn = next(cell for cell in last.cells if cell.audit)
        reader.truth[drawn.name] = "gametocyte"
        reader.answer(last)
        alarmed = ranked_review(store, reader.session)
        assert alarmed.alarm and alarmed.enough is not None and not alarmed.enough.reached
        assert "not to be trusted on this slide" in alarmed.enough.reason and alarmed.leading == "begun"
        assert alarmed.found_gametocytes == 1 and alarmed.gametocytes is not None
        assert reader.next() is not None
        reader.read_all()
        ended = ranked_review(store, reader.session)
        assert ended.enough is not None and ended.enough.reached and ended.alarm and ended.leading == "reviewed"
        assert sum(batch.pending for batch in ended.batches) == 0 and ended.looked < ended.cells


def test_fields_that_come_later_are_a_batch_of_their_own_and_go_in_front(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        reader.read_all()
        settled = ranked_review(store, reader.session)
        add_fields(store, reader.session, [scores(100, 3, 77)], first=50)
        later = ranked_review(store, reader.session)
        assert later.leading == "reviewed" and later.asexual == settled.asexual and later.later == 100
        assert (later.enough is not None and later.enough.reached, len(later.batches)) == (False, 2)
        page = reader.next()
        assert page is not None and page.batch == 2 and page.cells[0].name.startswith("7.")
        reader.truth |= {f"7.{cell}": "asexual" for cell in (1, 2, 3)}
        reader.answer(page)
        reader.read_all()
        both = ranked_review(store, reader.session)
    assert [(batch.first, batch.last, batch.cells) for batch in both.batches] == [(1, 6, 600), (7, 7, 100)]
    assert both.found == 15 and both.asexual is not None and both.asexual.counted == 700 and both.later == 0
    assert both.leading == "reviewed" and both.enough is not None and both.enough.reached


def test_a_batch_closes_with_its_first_page(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS[:2]), TRUTH)
        add_fields(store, reader.session, FIELDS[2:3], first=2)
        assert not rows(store, "SELECT * FROM review_batches")
        first = reader.next()
        add_fields(store, reader.session, FIELDS[3:4], first=3)
        assert rows(store, "SELECT number, first_field, last_field FROM review_batches") == [(1, 1, 3)]
        assert first is not None
        reader.answer(first)
        second = reader.next()
        assert second is not None and second.batch == 2
        assert rows(store, "SELECT first_field, last_field FROM review_batches") == [(1, 3), (4, 4)]


def test_verdicts_of_the_queue_and_by_rank_are_mixed(tmp_path: Path) -> None:
    order = ranking(FIELDS)
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        give_verdicts(store, session, [Verdict(name, TRUTH.get(name, "no-parasite")) for name in order[:5]], "QU")
        give_verdicts(store, session, [Verdict(order[200], "asexual"), Verdict(order[400], "no-parasite")], "QU")
        reader = Reader(store, session, TRUTH)
        first = reader.next()
        assert first is not None and [cell.rank for cell in first.cells] == list(range(6, 30))
        reader.answer(first)
        found = ranked_review(store, session)
        (batch,) = found.batches
        assert (batch.top.looked, batch.top.asexual, batch.below.looked, batch.below.asexual) == (29, 12, 2, 1)
        # what lies below the first cell that nobody saw is counted, but says nothing of how far down the review went
        assert found.asexual == ranked_count([Batch(598, 29, 12, 17), Batch(2, 2, 1)], card_curve())


def test_unsure_cells_break_the_run_and_stay_open(tmp_path: Path) -> None:
    order = ranking(FIELDS)
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), {order[60]: "unsure"})
        reader.read_all()
        found = ranked_review(store, reader.session)
        assert found.batches[0].top.looked >= 61 + 96 and found.unsure == 1 and found.found == 0
        assert found.asexual is not None and found.most is not None and found.most > found.asexual.high


def test_without_a_curve_all_above_the_review_point_is_looked_at_and_nothing_estimated(tmp_path: Path) -> None:
    fields = [[0.95, *[0.12] * 70, *[0.01] * 100] for _ in range(3)]
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, fields, MODEL), {"1.1": "asexual"}, size=72)
        reader.read_all(2)
        early = ranked_review(store, reader.session)
        assert early.asexual is None and early.reason is not None and "no estimate until every cell" in early.reason
        assert early.curve is None and early.enough is not None and not early.enough.reached
        assert early.to_json()["at_least"] == {"asexual": 1, "gametocytes": 0}
        reader.read_all()
        ended = ranked_review(store, reader.session)
        assert ended.leading == "reviewed" and ended.batches[0].pending == 0 and ended.asexual is None


def test_a_small_slide_is_looked_at_to_the_last_cell(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, [scores(40, 2, 3)], MODEL), {"1.1": "asexual"})
        assert reader.read_all() == 2 and not any(cell.audit for page in reader.pages for cell in page.cells)
        found = ranked_review(store, reader.session)
    assert found.asexual is not None and found.asexual.rests_on == "everything was looked at" and found.looked == 40


def test_refused_images_are_never_ranked(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS[:2])
        store.add_field(session, image(60, 20, 20), field([0.99] * 50, accepted=False), TRUSTED)
        reader = Reader(store, session, TRUTH)
        reader.read_all()
        names = [cell.name for page in reader.pages for cell in page.cells]
        assert not any(name.startswith("3.") for name in names) and ranked_review(store, session).cells == 200
        empty = session_of(store, [], plan=PLAN)
        store.add_field(empty, image(61, 20, 20), field([0.99], accepted=False), TRUSTED)
        assert next_page(store, empty, "RV", 24) is None and ranked_review(store, empty).to_json()["cells"] == 0


def test_the_same_answer_counts_once(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        page = reader.next()
        assert page is not None
        first, again = reader.answer(page, "key-00001"), reader.answer(page, "key-00001")
        assert (first.accepted, first.repeat, again.accepted, again.repeat) == (24, False, 24, True)
        assert (again.batch, again.number, again.cells) == (first.batch, first.number, first.cells)
        assert rows(store, "SELECT count(*) FROM verdicts") == [(24,)]


def test_a_page_answered_on_another_device_keeps_its_parasites(tmp_path: Path) -> None:
    order = ranking(FIELDS)
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        page = reader.next()
        assert page is not None
        reader.answer(page, "device-one")
        reader.truth = {
            order[20]: "asexual"
        }  # the other device shows the page still, and one more cell is marked there
        late = reader.answer(page, "device-two")
        assert late.kept == tuple(order[:12]) and late.accepted == 1
        assert ranked_review(store, reader.session).found == 13
        other = PageAnswer("somebody-else", "XX", (order[0],), {})
        assert answer_page(store, reader.session, other).accepted == 1  # another person's verdict is one of its own
        assert ranked_review(store, reader.session).found == 12


def test_a_page_is_taken_back_and_comes_again(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        reader.read_all(3)
        assert undo_page(store, reader.session, "RV", "RV-page-0001") == 24  # an earlier page than the last
        found = ranked_review(store, reader.session)
        (batch,) = found.batches
        assert (batch.top.looked, batch.below.looked, found.pages, found.leading) == (0, 48, 2, "begun")
        page = reader.next()
        assert page is not None and page.cells == reader.pages[0].cells and page.number == 3
        reader.answer(page)
        assert ranked_review(store, reader.session).batches[0].top.looked == 72
        assert undo_page(store, reader.session, "RV") == 24
        assert ranked_review(store, reader.session).batches[0].top.looked == 0
        with pytest.raises(NoVerdict, match="no page with the key"):
            undo_page(store, reader.session, "RV", "RV-page-0001")
        assert undo_page(store, reader.session, "RV") + undo_page(store, reader.session, "RV") == 48
        with pytest.raises(NoVerdict, match="Reviewer RV has no answered page"):
            undo_page(store, reader.session, "RV")
        assert not ranked_review(store, reader.session).begun and list(check_store(store)) == []


def test_taking_back_an_alarm_ends_it(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), TRUTH)
        reader.read_all(4)
        last = reader.next()
        assert last is not None
        drawn = next(cell.name for cell in last.cells if cell.audit)
        reader.truth = {**TRUTH, drawn: "asexual"}
        reader.answer(last)
        assert ranked_review(store, reader.session).alarm
        undo_verdict(store, reader.session, drawn, "RV")
        give_verdicts(store, reader.session, [Verdict(drawn, "no-parasite")], "RV")
        found = ranked_review(store, reader.session)
        assert not found.alarm and found.leading == "reviewed"


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (PageAnswer("short", "RV", ("1.1",), {}), "8 to 64 letters"),
        (PageAnswer("long-enough", "R V", ("1.1",), {}), "reviewer"),
        (PageAnswer("long-enough", "RV", (), {}), "1 to 10,000 cells"),
        (PageAnswer("long-enough", "RV", ("1.1", "1.1"), {}), "each once"),
        (PageAnswer("long-enough", "RV", ("1.1", "9.9"), {}), "no cell '9.9'"),
        (PageAnswer("long-enough", "RV", ("1.1",), {"1.2": Verdict("1.2", "asexual")}), "none of the page's"),
        (PageAnswer("long-enough", "RV", ("1.1",), {"1.1": Verdict("1.1", "sick")}), "verdict 'sick'"),
        (PageAnswer("long-enough", "RV", ("1.1", "2.1"), {}), "of one batch"),
    ],
)
def test_a_wrong_answer_adds_nothing(tmp_path: Path, answer: PageAnswer, match: str) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS[:1])
        next_page(store, session, "RV", 24)
        add_fields(store, session, FIELDS[1:2], first=1)
        with pytest.raises(WrongUsage, match=match):
            answer_page(store, session, answer)
        assert (
            rows(store, "SELECT count(*) FROM verdicts") == rows(store, "SELECT count(*) FROM review_pages") == [(0,)]
        )
    with pytest.raises(WrongUsage, match="1 to 1,000 cells, not 0"), store_in(tmp_path / "s") as store:
        next_page(store, session, "RV", 0)


def test_two_reviewers_agree_and_what_both_missed(tmp_path: Path) -> None:
    order = ranking(FIELDS)
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        first = Reader(store, session, dict.fromkeys(order[:8], "asexual"), "AA")
        first.read_all()
        assert ranked_review(store, session).readers is None
        second = Reader(store, session, dict.fromkeys(order[2:10], "asexual"), "BB")
        assert second.next() is None  # enough was looked at
        pages = list(second.read(again=True))
        looked = {cell.name for page in first.pages for cell in page.cells}
        again = [cell.name for page in pages for cell in page.cells]
        assert set(again) == looked and len(again) == len(looked) and pages[-1].last
        assert second.next(again=True) is None
        found = ranked_review(store, session).readers
        assert found is not None and (found.first, found.second, found.kappa.cells) == ("AA", "BB", len(looked))
        assert (found.missed.both, found.missed.only_first, found.missed.only_second) == (6, 2, 2)
        assert set(found.disputed) == {*order[:2], *order[8:10]}
        assert found.kappa.value == pytest.approx(0.736, abs=0.01)
        assert ranked_review(store, session).found == 8  # the later verdict holds
        undo_page(store, session, "BB", "BB-page-0001")
        assert ranked_review(store, session).found == 8 and ranked_review(store, session).readers is not None


def control(store: Store, number: int, infected: int = 12, cells: int = 1000) -> tuple[Session, Reader]:
    plan = replace(POSITIVE, slide=f"POS{number}")
    fields = [scores(cells // 2, infected // 2, 900 + 2 * number + half) for half in (0, 1)]
    session = session_of(store, fields, plan=plan, first=100 * number)
    truth = {f"{half}.{cell}": "asexual" for half in (1, 2) for cell in range(1, infected // 2 + 1)}
    return session, Reader(store, session, truth, size=500)


def test_control_slides_are_looked_at_to_the_last_cell_and_lead_from_five_on(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        assert session.plan.participant is not None
        slide, reader = control(store, 1)
        assert slide.plan.participant is None
        reader.read_all(1)
        state = control_slides(store, TRUSTED.sha256, session.device, "field")
        assert (state.curve, state.slides[0].lacks) == (None, "500 cells to look at")
        assert reader.read_all() == 1 and not any(cell.audit for page in reader.pages for cell in page.cells)
        state = control_slides(store, TRUSTED.sha256, session.device, "field")
        assert state.curve is not None and state.curve.infected == (12,) and state.curve.share(0.01) == 1
        assert control_slides(store, TRUSTED.sha256, session.device, "cell").curve is None
        assert control_slides(store, "cd" * 32, session.device, "field").curve is None
        curve = ranked_review(store, session).curve
        assert curve is not None and curve.source is CurveSource.CARD  # one slide is too few
        for number in (2, 3, 4, 5):
            control(store, number)[1].read_all()
        control(store, 6, infected=8)[1].read_all()
        control(store, 7, cells=900)[1].read_all()
        curve = ranked_review(store, session).curve
        assert curve is not None and curve.source is CurveSource.OWN and len(curve.found) == 5
        lacking = [one.lacks for one in control_slides(store, TRUSTED.sha256, session.device, "field").slides]
        assert lacking == [None] * 5 + ["fewer than 10 infected cells", "fewer than 1,000 cells"]
        undo_page(store, slide, "RV")
        curve = ranked_review(store, session).curve
        assert curve is not None and curve.source is CurveSource.CARD  # and with a page taken back, four are left


def test_audits_of_many_slides_check_the_curve(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        assert running_check(store, TRUSTED.sha256, session.device, "field") is None
        for number in range(3):
            reader = Reader(store, session_of(store, FIELDS, first=100 * number), TRUTH)
            reader.read_all()
        check = running_check(store, TRUSTED.sha256, session.device, "field")
        assert check is not None and (check.slides, check.audited, check.infected) == (3, 72, 0)
        assert check.captured == 1 and check.claimed is not None and 0.5 < check.claimed < 1 and not check.overstated
        assert running_check(store, "cd" * 32, session.device, "field") is None
