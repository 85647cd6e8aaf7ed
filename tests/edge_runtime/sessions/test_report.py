"""Reports: which figure is the headline, what is corrected, what is said instead of a verdict, and how it is drawn."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from edge_runtime.commands.session import views
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.counting import exact, rule_of_three
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions import Session, SessionPlan, Store
from edge_runtime.sessions.blank_slides import blank_rate, blank_session, discard_blank
from edge_runtime.sessions.manual_counts import add_manual_count
from edge_runtime.sessions.numbers import per_microlitre, per_microlitre_up, percent, percent_up
from edge_runtime.sessions.records import CellRecord, FieldRecord
from edge_runtime.sessions.report import words
from edge_runtime.sessions.report.data import Report, make_report
from edge_runtime.sessions.report.html import html_pages
from edge_runtime.sessions.report.pdf import write_report
from edge_runtime.sessions.report.pdf_writer import text_width, wrapped
from edge_runtime.sessions.review import current_verdict, give_verdicts, reviewed, suspected_cells, undo_verdict
from edge_runtime.sessions.session_counts import card_blank, card_sensitivity
from edge_runtime.sessions.verdicts import NotCurrent, Verdict, read_verdicts
from tests.edge_runtime.sessions.session_tools import DETAILS, MODEL, PLAN, field, filled, image, store_in

ROOT = Path(__file__).parents[3]
INFECTED = [[0.01] * 95 + [0.5, 0.5, 0.95, 0.96, 0.97] for _ in range(10)]  # 1,000 cells, 50 suspected, 30 called
BLANK = SessionPlan("NEG1", purpose="blank")


def pages(report: Report) -> tuple[str, str, str]:
    """The report as terminal text, HTML and the PDF's text."""
    stream = io.BytesIO()
    write_report(stream, report)
    document = stream.getvalue()
    drawn = []
    for match in re.finditer(rb"/FlateDecode /Length \d+ >>\nstream\n(.*?)\nendstream", document, re.S):
        for line in re.findall(rb"Td \((.*)\) Tj", zlib.decompress(match[1])):
            drawn.append(re.sub(rb"\\(.)", rb"\1", line).decode("cp1252"))
    return views.report_text(report), unescape("".join(html_pages(report))).replace("\u00a0", " "), "\n".join(drawn)


def review_all(store: Store, session: Session, verdicts: dict[str, str], others: str = "no-parasite") -> None:
    cells = list(suspected_cells(store, session, pending_only=True))
    give_verdicts(store, session, [Verdict(cell.name, verdicts.get(cell.name, others)) for cell in cells], "RV")


def blank_slides(store: Store, slides: int = 6) -> None:
    for slide in range(slides):
        called = [0.95] * (1 + slide % 2)
        plan = replace(BLANK, slide=f"BL{slide}")
        filled(store, [[0.01] * 300 + called, [0.01] * 300], plan, first=1000 + 10 * slide)


def test_without_a_blank_of_this_device_there_is_no_detection_limit(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        report = make_report(store, filled(store, INFECTED))
    assert report.machine.corrected_by == "model card" and report.machine.summary.detection is None
    assert report.to_json()["detection_limit_established"] is False
    for page in pages(report):
        assert "etection limit not established on this device" in " ".join(page.split())
        assert "not this microscope" in " ".join(page.split())


def test_with_blank_slides_the_machine_is_corrected_by_them(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        blank_slides(store)
        session = filled(store, INFECTED)
        report = make_report(store, session)
        other = blank_rate(store, "cd" * 32, session.device, "field")
        cells = blank_rate(store, MODEL.sha256, session.device, "cell")
    assert other.known is None and cells.known is None  # another model's, another kind of image's blank is none
    assert report.blank.known is not None and report.blank.known.rate == pytest.approx(9 / 3609)
    assert report.machine.corrected_by == "this device" and report.machine.detected is True
    corrected, limit = report.machine.summary.corrected, report.machine.summary.detection
    assert corrected is not None and corrected.rate == pytest.approx((0.03 - 9 / 3609) / (0.9 - 9 / 3609))
    assert corrected.low < 0.03 < corrected.high and limit is not None and limit.limit is not None
    for page in pages(report):
        assert percent_up(limit.limit) in page and percent(corrected.rate) in page


def test_sessions_on_one_blank_slide_are_one_slide(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        for first in (0, 10):
            session = filled(store, [[0.01] * 99 + [0.95]], BLANK, first)
        assert session.plan.participant is None
        blank = blank_rate(store, MODEL.sha256, session.device, "field")
    assert [(s.slide, s.cells, s.infected) for s in blank.slides] == [("NEG1", 200, 2)]


def test_the_reviewed_count_is_the_headline_once_complete_and_never_corrected(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        blank_slides(store)
        session = filled(store, INFECTED)
        review_all(store, session, {"1.98": "asexual", "2.98": "asexual", "3.98": "gametocyte", "4.98": "unsure"})
        report = make_report(store, session)
        machine_before = report.machine.summary.infected
        undo_verdict(store, session, "5.98", "RV")
        unfinished = make_report(store, session)
    assert report.review.complete and report.to_json()["headline"] == "reviewed"
    assert report.asexual is not None and report.gametocytes is not None
    assert (report.asexual.infected, report.asexual.counted, report.gametocytes.infected) == (2, 1000, 1)
    assert report.asexual.corrected is None and report.asexual.raw.estimate.rate == 0.002
    top, sure = words.headline(report), exact(2, 1000)
    assert (top.figure, top.density) == (
        "0.20 %",
        "10,000/µL",
    ) and "1 cell unsure; if all held parasites, 0.30 %" in top.remark
    assert f"{percent(sure.low)} to {percent_up(sure.high)}" in top.interval
    assert machine_before == 30  # the machine's own count stays as it was, beside the reviewed one
    # once a person has confirmed a parasite, the machine's figure never stands alone
    assert unfinished.to_json()["headline"] == "begun"
    top = words.headline(unfinished)
    assert (top.title, top.figure) == ("Review begun", "at least 2 cells with parasites")
    assert "The machine called 30 cells infected" in top.remark


def test_no_parasite_found_is_said_as_what_it_excludes(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        blank_slides(store)
        session = filled(store, [[0.01] * 500, [0.01] * 499 + [0.2]])
        review_all(store, session, {})
        report = make_report(store, session)
    bound = percent_up(rule_of_three(1000))
    for page in pages(report):
        assert re.search("negative", page, re.I) is None
        assert f"excludes only more than {bound}" in " ".join(page.split())
        assert RESEARCH_USE in page
    assert re.search("negative", json.dumps(report.to_json()), re.I) is None
    assert "within what blanks explain" in words.detection(report)


def test_refused_fields_count_nowhere(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.01] * 10, [0.95] * 2 + [0.01] * 8])
        store.add_field(session, image(50), field([0.99] * 10, accepted=False), MODEL)
        give_verdicts(store, session, [Verdict("3.1", "asexual"), Verdict("2.1", "asexual")], "RV")
        report = make_report(store, session)
        assert [cell.name for cell in suspected_cells(store, session)] == ["2.1", "2.2"]
    assert (report.totals.cells, report.totals.infected, report.review.asexual, report.review.pending) == (20, 2, 1, 1)
    assert report.quality.refused == {"focus": 1} and report.quality.excluded == {"border": 4, "clump": 2}
    assert any("1 of 3 images were refused" in line for line in words.quality_problems(report))


def test_verdicts_keep_their_history_and_undo_goes_back(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5, 0.01]])
        give_verdicts(store, session, [Verdict("1.1", "asexual", "vivax", "ring")], "AA")
        give_verdicts(store, session, [Verdict("1.1", "no-parasite")], "BB")
        assert reviewed(store, session).no_parasite == 1
        assert undo_verdict(store, session, "1.1", "BB") == "asexual"
        (cell,) = suspected_cells(store, session)
        assert (cell.verdict, cell.species, cell.stage, cell.reviewer) == ("asexual", "vivax", "ring", "AA")
        assert undo_verdict(store, session, "1.1", "BB") is None
        with pytest.raises(WrongUsage, match="no verdict to undo"):
            undo_verdict(store, session, "1.1", "BB")
        give_verdicts(store, session, [Verdict("1.2", "gametocyte")], "BB")  # a cell that the machine did not suspect
        document = reviewed(store, session).to_json()
        assert not any(value for name, value in document.pop("outside").items() if name != "sentence")
        assert document == {
            "suspected": 1, "pending": 1, "asexual": 0, "gametocytes": 1, "no_parasite": 0, "unsure": 0,
            "complete": False,
        }  # fmt: skip
        with store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM verdicts").fetchone()[0] == 5


@pytest.mark.parametrize(
    ("verdict", "match"),
    [
        (Verdict("1.1", "sick"), "verdict 'sick'"),
        (Verdict("1.1", "unsure", species="vivax"), "goes with a parasite only"),
        (Verdict("1.1", "asexual", species="dragon"), "species 'dragon'"),
        (Verdict("1.1", "gametocyte", stage="ring"), "asexual parasite only"),
        (Verdict("1.9", "asexual"), "no cell '1.9'"),
        (Verdict("x", "asexual"), "no cell 'x'"),
        (Verdict("9" * 40 + ".1", "asexual"), "no cell"),
    ],
)
def test_a_wrong_verdict_adds_none_of_its_batch(tmp_path: Path, verdict: Verdict, match: str) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5, 0.6]])
        with pytest.raises(WrongUsage, match=match):
            give_verdicts(store, session, [Verdict("1.2", "asexual"), verdict], "AB")
        assert reviewed(store, session).pending == 2


def test_verdicts_from_a_table() -> None:
    assert read_verdicts(["cell,verdict,stage", "1.1,asexual,ring", "1.2,unsure,"]) == [
        Verdict("1.1", "asexual", None, "ring"),
        Verdict("1.2", "unsure"),
    ]
    with pytest.raises(WrongUsage, match="must be cell, verdict"):
        read_verdicts(["cell;verdict", "1.1;asexual"])


def test_counts_by_eye_stand_beside(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, INFECTED)
        add_manual_count(store, session, 2000, 5, 1, "AB")
        report = make_report(store, session)
        with pytest.raises(WrongUsage, match="cannot be"):
            add_manual_count(store, session, 10, 8, 3, "AB")
    text = dict(words.figures(report))["Count by eye"]
    assert text.startswith("5 of 2,000 red cells (0.25 %") and "gametocytes 1; by AB" in text


def test_red_cells_are_said_with_their_source(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, INFECTED, replace(PLAN, red_cells=4_000_000.0))
        report = make_report(store, session)
        assumed = make_report(store, filled(store, INFECTED))
    assert report.machine.summary.raw.estimate.per_microlitre == pytest.approx(120_000)
    assert "measured" in dict(words.figures(report))["Red cells"]
    assert "assumed, not measured" in dict(words.figures(assumed))["Red cells"]


def test_nothing_counted_is_no_report(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = store.new_session(PLAN)
        store.add_field(session, image(1), field([0.5], accepted=False), MODEL)
        with pytest.raises(WrongUsage, match="no counted cells; 1 images were refused"):
            make_report(store, session)


def test_a_model_of_another_maker_is_not_corrected(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = store.new_session(PLAN)
        store.add_field(session, image(1), field([0.95, 0.01]), replace(MODEL, details={}))
        report = make_report(store, session)
    assert report.machine.corrected_by is None and "not corrected: no blank rate" in words.machine_line(report)
    assert "holds no figures on held-out patients" in words.model_line(report)


def test_the_cards_sensitivity_carries_its_spread() -> None:
    known = card_sensitivity(DETAILS, 0.9)
    assert known is not None and known.rate == pytest.approx(0.9) and len(known.cells) == 10
    # standard error 0.06 / 3.92 over 10 patients, less binomial chance of 100 cells each
    assert known.between_slide_sd == pytest.approx((10 * (0.06 / 3.92) ** 2 - 0.09 / 100) ** 0.5, rel=0.2)
    assert card_sensitivity(DETAILS, 0.5) is None and card_sensitivity({}, 0.9) is None


def test_the_cards_blank_takes_the_held_out_patients_along_where_each_was_counted() -> None:
    def section(cells: list[int], called: list[int]) -> dict[str, object]:
        figures = {"cells": sum(cells), "positives": sum(called), "patients": len(cells), "threshold": 0.9}
        return {**figures, "between_patient_sd": 0.0, "per_patient": {"cells": cells, "called": called}}

    old, chosen, tested = DETAILS["blank_rate"], section([60, 70], [0, 3]), section([68], [1])
    known = card_blank({"blank_rate": chosen, "metrics": {"part": "test", "blank_rate": tested}})
    assert known is not None and (known.positives, known.cells) == ((0, 3, 1), (60, 70, 68))
    alone = [
        {"blank_rate": chosen},
        {"blank_rate": chosen, "metrics": {"part": "all", "blank_rate": tested}},
        {"blank_rate": chosen, "metrics": {"part": "test", "blank_rate": {**tested, "threshold": 0.5}}},
        {"blank_rate": chosen, "metrics": {"part": "test", "blank_rate": old}},
    ]
    for details in alone:
        found = card_blank(details)
        assert found is not None and found.cells == (60, 70)
    rebuilt = card_blank({"blank_rate": old, "metrics": {"part": "test", "blank_rate": tested}})
    assert rebuilt is not None and (len(rebuilt.cells), sum(rebuilt.positives)) == (10, 2)
    assert card_blank({}) is None and card_blank({"blank_rate": {**chosen, "cells": 1}}) is None


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50.0 %"), (0.0123, "1.2 %"), (0.00239, "0.24 %"), (1e-6, "0.00010 %")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0/µL"), (40.4, "40/µL"), (149, "150/µL"), (12_345, "12,000/µL"), (4_999_999, "5,000,000/µL")],
)
def test_per_microlitre(value: float, text: str) -> None:
    assert per_microlitre(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.00731, "0.74 %"), (0.0074, "0.74 %"), (0.9057, "90.6 %"), (0.9999, "100 %")]
)
def test_an_upper_share_rounds_up(share: float, text: str) -> None:
    assert percent_up(share) == text


@pytest.mark.parametrize(("value", "text"), [(0.2, "1/µL"), (40.4, "41/µL"), (3_610, "3,700/µL"), (3_600, "3,600/µL")])
def test_an_upper_density_rounds_up(value: float, text: str) -> None:
    assert per_microlitre_up(value) == text


def test_foreign_text_is_harmless(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> (\\) ☃"
    with store_in(tmp_path / "s") as store:
        session = store.new_session(PLAN)
        details = {**DETAILS, "limits": [evil]}
        store.add_field(session, image(1), field([0.95, 0.01]), replace(MODEL, name=evil, details=details))
        report = make_report(store, session)
    text, _, pdf = pages(report)
    html = "".join(html_pages(report))
    assert evil in text and "<script" not in html and "&lt;script&gt;" in html
    assert "<script>alert(1)</script> (\\) ?" in pdf
    assert "http" not in html.replace("http-equiv", "") and "default-src 'none'" in html


def test_the_pdf_is_one_page_with_its_pictures(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, INFECTED)
        report = make_report(store, session)
    stream = io.BytesIO()
    write_report(stream, report)
    document = stream.getvalue()
    assert document.startswith(b"%PDF-1.4") and document.endswith(b"%%EOF\n")
    assert document.count(b"/Type /Page ") == 1 and 11 <= document.count(b"/Subtype /Image") <= 50
    start = int(re.search(rb"startxref\n(\d+)", document)[1])  # type: ignore[index]
    assert document[start:].startswith(b"xref")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", document), 1):
        assert document[int(place) :].startswith(b"%d 0 obj" % number)


def test_text_is_as_wide_as_adobe_says() -> None:
    afm = pytest.importorskip("matplotlib", reason="its files hold Adobe's font metrics")
    folder = Path(afm.get_data_path()) / "fonts" / "pdfcorefonts"
    for bold, name in ((False, "Helvetica.afm"), (True, "Helvetica-Bold.afm")):
        rows = re.findall(r"^C (\d+) ; WX (\d+) ", (folder / name).read_text("latin-1"), re.M)
        standard = {int(code): int(width) for code, width in rows}
        for code in range(32, 127):
            if chr(code) not in "'`":  # two codes that mean other glyphs in the encoding of that file
                assert text_width(chr(code), 1000, bold) == standard[code], chr(code)


def test_wrapping() -> None:
    lines = wrapped("a long sentence that needs several lines " + "x" * 60, 10, 100)
    assert " ".join(lines[:-3]).startswith("a long sentence") and "".join(lines).count("x") == 60
    assert all(text_width(line, 10) <= 100 for line in lines)


def test_single_cells_say_that_they_were_chosen(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = store.new_session(PLAN)
        for number, p in enumerate([0.01, 0.5, 0.95]):
            store.add_field(
                session, image(number, 30, 30), FieldRecord((CellRecord(p, p > 0.1, p > 0.9),), "cell"), MODEL
            )
        report = make_report(store, session)
    assert report.totals.single_cells == 3 and len(report.pictures) == 2
    assert any("choice of the cells" in line for line in words.quality_problems(report))


def test_what_is_excluded_takes_unsure_cells_for_infected(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.95] * 5 + [0.01] * 495])
        review_all(store, session, {}, "unsure")
        unsure = make_report(store, session)
        review_all(store, other := filled(store, [[0.95] * 3 + [0.01] * 497]), {}, "gametocyte")
        gametocytes = make_report(store, other)
        found = filled(store, [[0.95] * 2 + [0.01] * 98])
        review_all(store, found, {"1.1": "asexual"}, "unsure")
        assert make_report(store, found).excludes is None
    assert unsure.excludes == unsure.to_json()["excludes"] == pytest.approx(exact(5, 500).high)
    sentence = words.not_excluded(unsure)[0]
    assert f"unsure of 5 cells, among 500 excludes only more than {percent_up(exact(5, 500).high)}" in sentence
    sentence = words.not_excluded(gametocytes)[0]
    assert "no cell with asexual parasites among 500" in sentence and "infected cell among" not in sentence


def test_one_verdict_on_a_cell_that_was_not_suspected_is_no_review(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.01] * 40])
        assert not reviewed(store, session).complete and make_report(store, session).to_json()["headline"] == "machine"
        give_verdicts(store, session, [Verdict("1.3", "asexual")], "RV")
        report = make_report(store, session)
    top = words.headline(report)
    assert not report.review.complete and report.to_json()["headline"] == "begun"
    assert top.figure == "at least 1 cell with parasites" and "1 cell looked at and 40 red cells" in top.interval


def test_the_stop_rule_is_judged_on_the_figure_that_is_shown(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        rule = replace(PLAN, stop_rule="25%")
        wide = make_report(store, filled(store, [[0.95] * 25 + [0.01] * 475] * 3, rule))
        session = filled(store, [[0.95] * 5 + [0.01] * 495], replace(PLAN, stop_rule="cdc"), first=10)
        called = make_report(store, session).stop
        review_all(store, session, {}, "no-parasite")
        none = make_report(store, session).stop
        review_all(store, many := filled(store, [[0.95] * 100 + [0.01] * 400], rule, first=20), {}, "asexual")
        sure = make_report(store, many).stop
    shown = wide.machine.summary.corrected
    assert shown is not None and (shown.high - shown.low) / 2 / shown.rate > 0.25
    assert wide.stop is not None and (wide.stop.kind, wide.stop.reached) == ("never", False)
    assert "verdict" in wide.stop.reason  # which is the way out
    assert called is not None and (called.infected, called.target) == (5, 2000)  # 1 % called, 0.89 % corrected
    assert none is not None and (none.infected, none.target, none.kind) == (0, 2000, "counting")
    assert sure is not None and (sure.infected, sure.kind) == (100, "reached")


def test_blanks_that_cannot_be_used_stop_nothing_and_are_said(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        filled(store, [[0.95] * 6], BLANK, first=900)
        session = filled(store, [[0.95] * 5 + [0.01] * 495], replace(PLAN, stop_rule="25%"))
        report = make_report(store, session)
    assert report.stop is not None and (report.stop.target, report.stop.kind) == (None, "never")
    assert "blank ones at 1" in report.stop.reason
    said = words.detection(report)
    assert "blank ones at 1" in said and "no parasite-free slide was counted" not in said and ".." not in said
    assert ".." not in words.machine_line(report)


def test_where_no_number_of_cells_helps_nobody_is_told_to_count_more(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        filled(store, [[0.95] * 5 + [0.01]], BLANK, first=900)
        few = make_report(store, filled(store, [[0.01] * 20]))
    limit = few.machine.summary.detection
    assert limit is not None and limit.limit is None and limit.floor is None
    assert "no number of cells would do" in words.detection(few) and "count more" not in words.detection(few)


def test_a_blank_goes_on_in_the_session_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = replace(MODEL, sha256="cd" * 32)
    with store_in(tmp_path / "s") as store:
        first = blank_session(store, "NEG1", MODEL.sha256, "field")
        store.add_field(first, image(1), field([0.01] * 100), MODEL)
        assert blank_session(store, "NEG1", MODEL.sha256, "field") == store.session(first.code)
        updated = blank_session(store, "NEG1", newer.sha256, "field")
        store.add_field(updated, image(1), field([0.01] * 100), newer)  # another model, another session
        cells = blank_session(store, "NEG1", MODEL.sha256, "cell")
        monkeypatch.setattr("edge_runtime.sessions.clock.device_id", lambda: "0123456789ab")
        moved = blank_session(store, "NEG1", MODEL.sha256, "field")
        assert len({first.code, updated.code, cells.code, moved.code}) == 4 and moved.device == "0123456789ab"


def test_a_discarded_blank_is_in_no_count(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        blank_slides(store, 2)
        wrong = filled(store, [[0.95] * 50 + [0.01] * 50], replace(BLANK, slide="POS1"), first=500)
        session = filled(store, INFECTED)
        assert len(make_report(store, session).blank.slides) == 3
        discard_blank(store, "POS1")
        assert [slide.slide for slide in make_report(store, session).blank.slides] == ["BL0", "BL1"]
        assert store.session(wrong.code).discarded and store.session(wrong.code).to_json()["discarded"] is True
        assert blank_session(store, "POS1", MODEL.sha256, "field").code != wrong.code  # it may be counted anew
        with pytest.raises(WrongUsage, match="rests on a slide 'A17'"):
            discard_blank(store, "A17")


def test_a_verdict_is_taken_back_by_its_number(tmp_path: Path) -> None:
    with store_in(tmp_path / "s") as store:
        session = filled(store, [[0.5]])
        assert give_verdicts(store, session, [Verdict("1.1", "no-parasite")], "AA") == 1
        own = current_verdict(store, session, "1.1")
        assert give_verdicts(store, session, [Verdict("1.1", "asexual")], "BB") == 1
        assert give_verdicts(store, session, [Verdict("1.1", "asexual")], "BB") == 0  # sent again
        assert give_verdicts(store, session, [Verdict("1.1", "asexual", stage="ring")], "BB") == 1
        (cell,) = suspected_cells(store, session)
        assert own is not None and cell.number is not None and cell.number > own["number"]
        with pytest.raises(NotCurrent, match="asexual by BB does"):
            undo_verdict(store, session, "1.1", "AA", own["number"])
        assert undo_verdict(store, session, "1.1", "BB", cell.number) == "asexual"
        undo_verdict(store, session, "1.1", "BB")
        assert undo_verdict(store, session, "1.1", "AA", own["number"]) is None
        assert current_verdict(store, session, "1.1") is None
        with pytest.raises(NotCurrent, match="none does"):
            undo_verdict(store, session, "1.1", "AA", own["number"])


LARGE = r"""
import json, re, sys, time
from pathlib import Path
from edge_runtime.sessions import open_existing
from edge_runtime.sessions.report.data import make_report
from edge_runtime.commands.session import views
begin = time.perf_counter()
with open_existing(Path(sys.argv[1])) as store:
    made = make_report(store, store.session(sys.argv[2]))
for ending in ("html", "pdf"):
    views.write_report(made, Path(sys.argv[3]) / f"report.{ending}")
seconds = time.perf_counter() - begin
# not getrusage: its peak is inherited from the process that started this one
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"cells": made.totals.cells, "seconds": seconds, "peak": peak}))
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read where Linux keeps it")
def test_a_hundred_thousand_cells_are_reported_in_five_seconds(tmp_path: Path) -> None:
    """1,000 fields of 100 cells, a tenth of them suspected, half of these reviewed; memory against 1,000 cells."""

    def fields(number: int) -> list[list[float]]:
        return [[0.01] * 90 + [0.3] * 8 + [0.95] * 2 for _ in range(number)]

    with store_in(tmp_path / "s") as store:
        sessions = [filled(store, fields(number), PLAN) for number in (10, 1000)]
        half = [cell.name for cell in suspected_cells(store, sessions[1], 5000)]
        give_verdicts(store, sessions[1], [Verdict(name, "asexual") for name in half], "RV")
    seen = []
    for session in sessions:
        command = [sys.executable, "-c", LARGE, str(tmp_path / "s"), session.code, str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seen.append(json.loads(done.stdout))
    print(seen)
    assert [line["cells"] for line in seen] == [1_000, 100_000]
    assert seen[1]["seconds"] < 5
    assert seen[1]["peak"] < seen[0]["peak"] + 16e6
