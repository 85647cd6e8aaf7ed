"""What report and status say of a review by rank, in every form: estimate, rest, audit, reviewers, later fields."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.commands.session import views
from edge_runtime.counting import exact
from edge_runtime.sessions import Store
from edge_runtime.sessions.numbers import per_microlitre_up, percent_up
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import Report, make_report
from edge_runtime.sessions.report.html import html_pages
from edge_runtime.sessions.report.pdf import write_report
from edge_runtime.sessions.report.rank_words import ALARM
from edge_runtime.sessions.review import suspected_cells
from tests.edge_runtime.sessions.ranking_tools import Reader, add_fields, scores, session_of
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, store_in
from tests.edge_runtime.sessions.test_report import pages, review_all

FIELDS = [scores(100, 2, seed) for seed in range(6)]  # 600 cells, the first two of each field infected
TRUTH = {f"{number}.{cell}": "asexual" for number in range(1, 7) for cell in (1, 2)}


def rows(report: Report) -> dict[str, str]:
    return dict(words.figures(report))


def reader(store: Store, truth: dict[str, str]) -> Reader:
    return Reader(store, session_of(store, FIELDS), truth)


def test_a_review_that_has_begun_gives_a_lower_bound_and_no_estimate(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = reader(store, TRUTH)
        assert "By rank" not in rows(make_report(store, person.session))
        person.read_all(1)
        report = make_report(store, person.session)
    said = rows(report)
    assert said["Estimate"] == "None yet: while the review goes on, what was found is a lower bound."
    assert (
        said["By rank"]
        == "24 of 600 cells looked at in 1 page. 84 more cells in a row without a parasite end the review."
    )
    assert said["Rest"].startswith("The other 576 cells hold at most ") and "Audit" not in said
    assert "asexual parasites in 12 cells, not a parasite 12" in said["Review"] and "to go" in said["Review"]
    assert words.headline(report).figure == "at least 12 cells with parasites"
    assert report.to_json()["headline_words"]["kind"] == "begun"


def test_an_estimate_says_what_it_rests_on_and_what_the_rest_holds(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = reader(store, {**TRUTH, "6.1": "gametocyte"})
        person.read_all()
        Reader(store, person.session, {**TRUTH, "1.1": "no-parasite"}, "BB").read_all(again=True)
        report = make_report(store, person.session)
    count = report.ranked.asexual
    assert count is not None and count.infected == 11 and report.to_json()["rank"]["leading"] == "reviewed"
    said = rows(report)
    assert f"to {percent_up(count.high)}, " in said["Estimate"] and "11 cells with asexual" in said["Estimate"]
    assert "Rests on 10 held-out patients of the model card, not this microscope." in said["Estimate"]
    assert said["Audit"] == "24 random cells of 492 left out: no parasite."
    assert said["Reviewers"].startswith("BB and RV on 132 cells: kappa 0.") and "2 in dispute" in said["Reviewers"]
    assert said["By rank"] == "132 of 600 cells looked at in 11 pages, enough: the last 96 in a row clean."
    assert said["Review"].startswith("by rank; asexual parasites in 11 cells")
    assert "machine's count takes gametocytes along" in said["Side by side"]
    for page in pages(report):
        flat = " ".join(page.split())
        assert said["Rest"] in flat and "kappa 0." in flat and "24 random cells of 492" in flat
    assert any("By the ranking nobody looked further down." in line for line in words.not_excluded(report))


def test_nothing_found_by_rank_excludes_what_the_ranking_supports(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = reader(store, {})
        person.read_all()
        report = make_report(store, person.session)
        add_fields(store, person.session, [scores(100, 2, 9)], first=50)
        later = make_report(store, person.session)
    count = report.ranked.asexual
    assert count is not None and count.infected == 0
    assert rows(report)["Estimate"].startswith(
        f"No cell with asexual parasites among {count.looked} looked at: at most"
    )
    line = next(line for line in words.not_excluded(report) if "excludes only" in line)
    assert f"among {count.looked} of 600 looked at excludes only more than {percent_up(count.high)} (" in line
    assert "held-out patients of the model card" in line
    top = words.headline(later)
    assert top.title == words.headline(report).title and "100 cells in fields taken since" in top.remark
    assert "at least 0" not in top.remark
    assert words.quality_problems(later)[0] == "100 cells in fields taken after the review are not reviewed."


def test_gametocytes_have_an_estimate_of_their_own(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = reader(store, dict.fromkeys(TRUTH, "gametocyte"))
        person.read_all()
        report = make_report(store, person.session)
    assert words.headline(report).title == "Gametocytes only, reviewed"
    assert (
        rows(report)["Gametocytes"].startswith("Apart: ")
        and "12 cells with gametocytes only" in rows(report)["Gametocytes"]
    )


def test_a_parasite_among_the_random_cells_is_said_first(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = reader(store, dict(TRUTH))
        person.read_all(4)
        last = person.next()
        assert last is not None
        person.truth[next(cell.name for cell in last.cells if cell.audit)] = "asexual"
        person.answer(last)
        report = make_report(store, person.session)
    assert words.quality_problems(report)[0] == ALARM and rows(report)["Audit"].endswith("1 with parasites, an alarm.")
    assert rows(report)["Estimate"].startswith("None yet") and words.headline(report).kind == "begun"


def test_without_a_curve_there_is_no_estimate_and_the_report_says_why(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = Reader(store, session_of(store, FIELDS, MODEL), TRUTH)
        person.read_all(1)
        by_rank = make_report(store, person.session)
        queue = session_of(store, FIELDS, MODEL)
        review_all(store, queue, TRUTH)
        assert not list(suspected_cells(store, queue, pending_only=True))
        old = make_report(store, queue)
    assert rows(by_rank)["Estimate"].startswith("None: neither control slides nor the model's card say")
    assert "By rank" not in rows(old) and rows(old)["Review"].startswith(
        "complete; asexual parasites in 12 cells (2.0 %"
    )


def test_a_zero_over_cells_that_were_called_is_never_large(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        report = make_report(store, session_of(store, [[0.95] * 2 + [0.01] * 1998]))
    top = words.headline(report)
    assert report.machine.summary.infected == 2 and top.kind == "not-told-from-blank"
    assert top.figure.startswith("at most ") and top.density.startswith("at most ")
    for page in pages(report):
        assert f"{top.title}: {top.figure}" in page or top.figure in page
    html = "".join(html_pages(report))
    assert "<b>0&nbsp;%</b>" not in html and "<b>at most" in html


@pytest.mark.parametrize(("called", "cells"), [(0, 1000), (3, 997), (0, 73)])
def test_upper_limits_are_never_printed_lower_than_they_are(tmp_path: Path, called: int, cells: int) -> None:
    high = exact(called, cells).high
    with store_in(tmp_path / "s") as store:
        report = make_report(store, session_of(store, [[0.95] * called + [0.01] * (cells - called)]))
    assert f"to {percent_up(high)} raw" in words.machine_line(report)
    assert float(percent_up(high).split()[0]) >= 100 * high
    if not called:
        line = next(line for line in words.not_excluded(report) if "excludes only" in line)
        assert f"{percent_up(high)} ({per_microlitre_up(high * 5e6)})" in line


def test_the_page_of_paper_holds_all_of_it(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        person = Reader(
            store, session_of(store, FIELDS, plan=replace(PLAN, stop_rule="who")), {**TRUTH, "6.1": "gametocyte"}
        )
        person.read_all()
        Reader(store, person.session, {**TRUTH, "1.1": "no-parasite"}, "BB").read_all(again=True)
        report = make_report(store, person.session)
    stream = io.BytesIO()
    write_report(stream, report)
    assert stream.getvalue().count(b"/Type /Page ") == 1
    assert "No room for pictures" not in pages(report)[2]


def test_the_status_for_people_has_the_same_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with store_in(tmp_path / "s") as store:
        person = reader(store, TRUTH)
        views.show_status(store, person.session, False)
        before = capsys.readouterr().out
        person.read_all()
        views.show_status(store, person.session, False)
        after = " ".join(capsys.readouterr().out.split())
        views.show_status(store, person.session, True)
        document = json.loads(capsys.readouterr().out)
        report = make_report(store, person.session)
    assert "0 of 600 cells looked at. 96 more cells" in " ".join(before.split()) and "Estimate" not in before
    for label in ("By rank", "Estimate", "Rest", "Audit"):
        assert f"{label} {rows(report)[label]}" in after
    assert document["headline"]["text"] in after and document["rank"]["leading"] == "reviewed"
