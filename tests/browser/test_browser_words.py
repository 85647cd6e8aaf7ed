"""What the page makes of figures and codes: sentences that are true of them, in both languages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.visitor import DESKTOP, Server, Visitor

_TALLY = """async ([status, language]) => {
  const { useLanguage } = await import("/page/js/language.js");
  await useLanguage(language);
  const { tally } = await import("/page/js/tally.js");
  return tally(status).textContent;
}"""
_TEXTS = """async (asked) => {
  const { t, useLanguage } = await import("/page/js/language.js");
  await useLanguage("fr");
  return asked.map(([key, values]) => t(key, values));
}"""


@pytest.fixture(scope="module")
def status(microscope: Server) -> dict[str, Any]:
    """Status of a session with one counted field."""
    code = microscope.ask("/v1/sessions", {"slide": "A17", "stop": "25%"})["session"]
    document: dict[str, Any] = microscope.ask(f"/v1/sessions/{code}/capture", method="POST")["status"]
    return document


def _with(status: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The status with some values in other places: ``{"machine.infected": 0}``; None takes one out altogether."""
    changed = copy.deepcopy(status)
    for path, value in values.items():
        *parents, name = path.split(".")
        place = changed
        for parent in parents:
            place = place[parent]
        place[name] = value
    return changed


_NONE = {"machine.infected": 0, "machine.counted": 500, "review.complete": False, "reviewed": None}
_LIMIT = {"detection_limit": {"counted": 500, "threshold": 3, "limit": None, "floor": 0.01, "per_ul": None}}


@pytest.mark.parametrize(
    ("values", "said", "not_said"),
    [
        ({"to_count": None, "stop.kind": "not-yet"}, "Too few infected cells so far", "No number of cells"),
        ({"to_count": None, "stop.kind": "never"}, "No number of cells reaches the stop rule", "Too few"),
        ({"to_count": 0, "stop.kind": "reached"}, "Enough cells for the stop rule", "still to count"),
        (
            {**_NONE, "excludes": 0.006, "excludes_kind": "machine"},
            "No called cell among 500 excludes only more than 0.60",
            "asexual",
        ),
        ({**_NONE, "excludes": None, "excludes_kind": "machine"}, "0 of 500 red cells called", "excludes"),
        (
            {"machine.corrected_density": None, "machine.problem": "blanks are called as often"},
            "There is no blank rate that this count can be corrected with",
            "No blank rate is known",
        ),
        (_LIMIT, "With 500 cells no parasitaemia can be told from blanks; count more.", "No number of cells can tell"),
        (
            {"detection_limit": {**_LIMIT["detection_limit"], "floor": None}},
            "No number of cells can tell a parasitaemia from the blank slides",
            "count more",
        ),
    ],
)
def test_sentences_are_true_of_the_figures(
    visit: Callable[..., Visitor], microscope: Server, status: dict[str, Any], values: dict[str, Any], said: str,
    not_said: str,
) -> None:  # fmt: skip
    person = visit(microscope, **DESKTOP)
    person.open()
    text = person.page.evaluate(_TALLY, [_with(status, values), "en"])
    assert said in text and not_said not in text


@pytest.mark.parametrize(("unsure", "share"), [(0, "0.60"), (5, "2.1")])
def test_reviewed_count_excludes_what_the_server_says(
    visit: Callable[..., Visitor], microscope: Server, status: dict[str, Any], unsure: int, share: str
) -> None:
    person = visit(microscope, **DESKTOP)
    person.open()
    reviewed = {**status["machine"], "infected": 0, "counted": 500, "excluded_by_zero": 0.006}
    review = {"suspected": 5, "pending": 0, "asexual": 0, "gametocytes": 0, "no_parasite": 5 - unsure, "unsure": unsure}
    document = _with(status, {"reviewed": reviewed, "review": {**review, "complete": True}})
    page = person.page
    text = page.evaluate(_TALLY, [{**document, "excludes": float(share) / 100, "excludes_kind": "reviewed"}, "en"])
    assert f"No cell with asexual parasites among 500 excludes only more than {share}" in text
    assert "0 of 500 red cells hold asexual parasites." in text
    # without the server's figure, the one that leaves unsure cells aside is not shown as if it held
    older = {name: value for name, value in document.items() if not name.startswith("excludes")}
    assert ("excludes only" in page.evaluate(_TALLY, [older, "en"])) == (unsure == 0)


def test_verdicts_without_reviewed_figures_leave_the_machines_in_front(
    visit: Callable[..., Visitor], microscope: Server, status: dict[str, Any]
) -> None:
    person = visit(microscope, **DESKTOP)
    person.open()
    text = person.page.evaluate(_TALLY, [_with(status, {"reviewed": None, "review.complete": True}), "en"])
    assert "called infected" in text and "hold" not in text


def test_french_counts_agree_with_their_nouns(visit: Callable[..., Visitor], desk: Server) -> None:
    person = visit(desk, **DESKTOP)
    person.open()
    reason = {"reason": "globule blanc"}
    expected = [
        ("start.called", {"n": 0}, "0 jugée infectée"),
        ("start.called", {"n": 2}, "2 jugées infectées"),
        ("fields.suspected", {"n": 1}, "1 suspecte"),
        ("legend.called", {"n": 1}, "1 jugée infectée"),
        ("legend.left-out", {"n": 1, **reason}, "1 écartée\u00a0: globule blanc"),
        ("legend.left-out", {"n": 3, **reason}, "3 écartées\u00a0: globule blanc"),
        ("review.progress", {"n": 1, "all": 4}, "1 sur 4 relue"),
        ("review.pending-of", {"n": 1, "all": 1}, "1 cellule suspecte sur 1 attend un verdict"),
        ("capture", {}, "Capturer le champ"),
    ]
    found = person.page.evaluate(_TEXTS, [[key, values] for key, values, _ in expected])
    assert found == [text for _, _, text in expected]


def test_sessions_stand_in_the_servers_order_and_say_when_there_was_no_clock(
    visit: Callable[..., Visitor], microscope: Server
) -> None:
    person = visit(microscope, **DESKTOP)
    line = {"slide": "A17", "participant": None, "cells": 1, "infected": 0}
    rows = [
        {**line, "code": "S-NEWEST1", "begun": "1970-01-01T00:07:00+00:00", "clock": "unset"},
        {**line, "code": "S-BEFORE1", "begun": "2026-05-04T10:00:00+00:00", "clock": "set"},
    ]
    person.page.route("**/v1/sessions", lambda route: route.fulfill(json={"sessions": rows}))
    person.open()
    shown = person.page.locator(".sessions li")
    shown.first.wait_for()
    first, second = shown.all_inner_texts()
    assert "S-NEWEST1" in first and "clock not set" in first and "1970" not in first
    assert "S-BEFORE1" in second and "2026" in second and "clock" not in second


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en-GB", "This participant code is not accepted."),
        ("fr-FR", "Ce code de participant n’est pas accepté."),
    ],
)
def test_mistyped_participant_is_said_to_the_person_at_the_form(
    visit: Callable[..., Visitor], microscope: Server, locale: str, said: str
) -> None:
    person = visit(microscope, **DESKTOP, locale=locale)
    page = person.page
    person.open()
    page.locator("[name=slide]").fill("A17")
    page.locator(".begin summary").click()
    page.locator("[name=participant]").fill("K7M-3XTQ")
    page.locator(".begin .main").click()
    alert = page.get_by_role("alert")
    alert.get_by_text(said).wait_for()
    assert "--" not in alert.inner_text() and "`" not in alert.inner_text()


def test_newest_in_the_address_stays_the_session_that_it_was(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    first = microscope.ask("/v1/sessions", {"slide": "A1"})["session"]
    person.open("#/newest/count")
    page.get_by_role("button", name="Capture field").wait_for()
    assert page.url.endswith(f"#/{first}/count")
    second = microscope.ask("/v1/sessions", {"slide": "B2"})["session"]
    person.capture(1)
    assert microscope.ask(f"/v1/sessions/{first}")["totals"]["fields"] == 1
    assert microscope.ask(f"/v1/sessions/{second}")["totals"]["fields"] == 0


def test_count_of_another_phone_shows_on_the_way_back(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    person.begin()
    person.tab("Fields")
    page.get_by_text("No field yet.").wait_for()
    status = microscope.ask(f"/v1/sessions/{person.code}/capture", method="POST")["status"]
    person.tab("Count")
    page.locator(".outcome h2", has_text="Field 1 ").wait_for()
    assert str(status["totals"]["cells"]) in page.locator(".counted .big").inner_text()


def test_fragment_with_a_broken_escape_is_answered(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    person.open("#/%E0%A4%A/count")
    person.page.get_by_text("There is no such session", exact=False).or_(
        person.page.get_by_text("is no session code", exact=False)
    ).first.wait_for()
    person.page.get_by_role("link", name="All sessions").last.click()
    person.page.get_by_label("Slide code").wait_for()
    person.open("#token=%E0%A4%A")
    person.page.get_by_label("Slide code").wait_for()
    assert person.complaints == []


def test_new_figures_leave_the_focus_and_the_other_lines(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    person.begin()
    marked = page.evaluate("""async () => {
        const source = document.querySelector("script[type=module]").src;
        const { notice, unnotice } = await import(new URL("notices.js", source).href);
        notice("first", "bad", "The camera failed.");
        const line = [...document.querySelectorAll("#notices [role=alert]")].at(-1);
        notice("second", "warn", "Something else.");
        notice("second", "warn", "Something else again.");
        const kept = line.isConnected && document.querySelectorAll("#notices .warn").length === 1;
        unnotice("first");
        unnotice("second");
        return kept && !line.isConnected;
    }""")
    assert marked  # a screen reader does not read the first line again
    link = page.get_by_role("navigation").get_by_role("link", name="Report")
    link.focus()
    page.evaluate("document.querySelector('.capture').click()")
    page.locator(".outcome h2", has_text="Field 1 ").wait_for()
    assert link.evaluate("(element) => element === document.activeElement")
