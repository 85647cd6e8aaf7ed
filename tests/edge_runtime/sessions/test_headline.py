"""The figure that a reader takes away: what leads, in which words, and what is never said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.counting import exact
from edge_runtime.sessions import Session, SessionPlan, Store
from edge_runtime.sessions.headline import Headline
from edge_runtime.sessions.numbers import per_microlitre_up, percent_up
from edge_runtime.sessions.ranking.ranked_review import ranked_review
from edge_runtime.sessions.records import BLANK
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import make_report
from edge_runtime.sessions.review import give_verdicts, suspected_cells
from edge_runtime.sessions.session_counts import excluded
from edge_runtime.sessions.status import session_status
from edge_runtime.sessions.verdicts import Verdict
from tests.edge_runtime.sessions.ranking_tools import TRUSTED, Reader, add_fields, scores, session_of
from tests.edge_runtime.sessions.session_tools import MODEL, store_in

NOTHING = SessionPlan("NEG", purpose=BLANK)
FIELDS = [scores(150, 2, seed) for seed in range(4)]
TRUTH = {f"{number}.{cell}": "asexual" for number in range(1, 5) for cell in (1, 2)}


def top(store: Store, session: Session) -> Headline:
    """What the status leads with; the report says the same."""
    found = session_status(store, session).headline()
    assert found is not None and found == words.headline(make_report(store, session))
    assert not found.figure.startswith("0 ") and not found.density.startswith("0/")
    return found


def blanks(store: Store, called: int) -> None:
    for slide in range(5):
        plan = replace(NOTHING, slide=f"NEG{slide}")
        session_of(store, [[*[0.95] * (called + slide % 2), *[0.01] * 300]], TRUSTED, plan, 500 + slide)


def test_what_blanks_explain_is_an_upper_limit(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        blanks(store, 2)
        few, none = session_of(store, [[0.95, 0.95, *[0.01] * 298]]), session_of(store, [[0.01] * 300], first=9)
        many = session_of(store, [[*[0.95] * 60, *[0.01] * 240]], first=20)
        told, nothing, plain = top(store, few), top(store, none), top(store, many)
        machine = session_status(store, few).machine
    assert machine is not None and machine.summary.corrected is not None and machine.detected is False
    assert told.kind == nothing.kind == "not-told-from-blank" and plain.kind == "machine"
    high = machine.summary.corrected.high
    assert (told.figure, told.density) == (f"at most {percent_up(high)}", f"at most {per_microlitre_up(5e6 * high)}")
    assert "2 of 300 red cells called infected" in told.interval and "not told from" in told.title
    assert "no red cell called infected" in nothing.title and plain.figure.endswith(" %")


def test_before_it_is_enough_a_review_is_a_lower_bound(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), {})
        reader.read_all(1)
        clean = top(store, reader.session)
        reader.truth = {"1.20": "asexual"}
        give_verdicts(store, reader.session, [Verdict("1.20", "asexual"), Verdict("1.21", "gametocyte")], "RV")
        begun = top(store, reader.session)
        assert ranked_review(store, reader.session).leading == "begun"
    assert clean.kind in ("machine", "not-told-from-blank") and "none of them with a parasite so far" in clean.remark
    assert (begun.kind, begun.title, begun.figure) == ("begun", "Review begun", "at least 1 cell with parasites")
    assert begun.density == "at least 210/µL"  # lower end of the interval of 1 in 600
    assert "cells hold at most" in begun.remark and "gametocytes among them" in begun.remark


def test_gametocytes_alone_are_said_before_it_is_enough_and_after(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), {"1.1": "gametocyte", "2.1": "gametocyte"})
        reader.read_all(1)
        begun = top(store, reader.session)
        reader.read_all()
        ended = top(store, reader.session)
        found = ranked_review(store, reader.session)
    assert "gametocytes only, none with asexual parasites so far" in begun.interval
    assert (ended.kind, ended.title) == ("gametocytes-only", "Gametocytes only, reviewed")
    assert found.asexual is not None and f"at most {percent_up(found.asexual.high)}" in ended.remark


def test_a_review_by_rank_leads_with_its_estimate_and_what_it_rests_on(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), {**TRUTH, "3.2": "gametocyte"})
        reader.read_all()
        ended = top(store, reader.session)
        found = ranked_review(store, reader.session)
        add_fields(store, reader.session, [scores(100, 5, 50)], first=70)
        later = top(store, reader.session)
    assert found.asexual is not None and ended.kind == "reviewed" and ended.title == "Asexual parasites, reviewed"
    assert found.asexual.infected == 7 and found.asexual.rest.statement(found.red_cells) in ended.remark
    assert "held-out patients of the model card" in ended.remark and percent_up(found.asexual.high) in ended.interval
    assert "takes gametocytes along" in ended.remark
    assert (later.kind, later.figure) == (ended.kind, ended.figure)  # fields to come do not turn it back
    assert "100 cells in fields taken since are not reviewed; in all at least 7 cells" in later.remark


def test_none_found_is_one_upper_limit_everywhere(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        reader = Reader(store, session_of(store, FIELDS), {})
        reader.read_all()
        by_rank = top(store, reader.session)
        status = session_status(store, reader.session)
        queue = session_of(store, FIELDS, MODEL, first=50)
        give_verdicts(store, queue, [Verdict(c.name, "no-parasite") for c in suspected_cells(store, queue)], "RV")
        by_queue = top(store, queue)
    most = excluded(status.totals, status.review, status.ranked)
    assert status.ranked.asexual is not None and most == status.ranked.asexual.high
    assert by_rank.figure == f"at most {percent_up(most)}" and "No asexual parasite found" in by_rank.title
    assert by_queue.figure == f"at most {percent_up(exact(0, 600).high)}"


@pytest.mark.parametrize("verdict", ["asexual", "no-parasite"])
def test_one_verdict_on_one_of_forty_cells_is_no_review(tmp_path: Path, verdict: str) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, [[0.01] * 40])
        give_verdicts(store, session, [Verdict("1.1", verdict)], "RV")
        assert ranked_review(store, session).leading == "begun" and top(store, session).kind != "reviewed"


def test_two_reviewers_who_differ_are_said(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, FIELDS)
        Reader(store, session, TRUTH, "AA").read_all()
        Reader(store, session, {**TRUTH, "1.2": "no-parasite"}, "BB").read_all(again=True)
        assert "Two reviewers differ on 1 cell; the later verdict holds." in top(store, session).remark


def test_a_status_holds_rank_and_headline(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = session_of(store, [])
        assert session_status(store, session).to_json()["headline"] is None
        add_fields(store, session, FIELDS)
        status = session_status(store, session).to_json()
    assert status["headline"]["kind"] == "not-told-from-blank" and status["headline"]["text"].startswith(
        "Machine count"
    )
    assert status["rank"]["leading"] == "machine" and status["rank"]["enough"]["to_go"] == 96
