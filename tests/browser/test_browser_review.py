"""The review: no verdict on a cell that nobody has seen, none under another person's code, none lost or left out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.visitor import DESKTOP, Server, Visitor

_SOON = 200  # ms, well within the moment in which a second press is still meant for the cell before


@pytest.fixture
def reviewer(visit: Callable[..., Visitor], microscope: Server) -> Visitor:
    """A person of code RV before a session with three suspected cells or more, not yet at the review."""
    person = visit(microscope, **DESKTOP)
    person.code = microscope.ask("/v1/sessions", {"slide": "A17"})["session"]
    until = time.monotonic() + 1200
    while person.status()["review"]["pending"] < 3:
        assert time.monotonic() < until, person.status()["review"]
        microscope.ask(f"/v1/sessions/{person.code}/capture", method="POST")
        time.sleep(0.5)  # the camera shows each field for a second
    person.open()
    person.page.evaluate("sessionStorage.setItem('thinsmear.reviewer', '\"RV\"')")
    return person


def _cells(person: Visitor) -> list[dict[str, Any]]:
    """Suspected cells with their verdicts."""
    cells: list[dict[str, Any]] = person.server.ask(f"/v1/sessions/{person.code}/review?verdict=all")["cells"]
    return cells


def _begin(person: Visitor) -> None:
    person.open(f"#/{person.code}/review")
    person.page.locator(".cell-card").wait_for()


def _refuse(status: int, kind: str, **headers: str) -> Callable[[Any], None]:
    body = json.dumps({"status": status, "kind": kind, "detail": "Not now."})
    return lambda route: route.fulfill(
        status=status, body=body, headers={"Content-Type": "application/problem+json", **headers}
    )


def test_a_second_press_is_not_meant_for_the_next_cell(reviewer: Visitor) -> None:
    _begin(reviewer)
    progress = reviewer.page.locator(".review-top p")
    reviewer.judge("3")
    progress.get_by_text("1 of ").wait_for()
    reviewer.page.keyboard.press("3")
    reviewer.page.locator(".verdict-no-parasite").click(force=True)
    reviewer.page.wait_for_timeout(_SOON)
    assert reviewer.status()["review"]["no_parasite"] == 1
    reviewer.judge("3")  # a moment later it is
    progress.get_by_text("2 of ").wait_for()
    assert reviewer.status()["review"]["no_parasite"] == 2
    reviewer.assert_content()


def test_no_verdict_before_the_picture_shows(reviewer: Visitor) -> None:
    page = reviewer.page
    waiting: list[Any] = []
    page.route("**/picture", lambda route: waiting.append(route))
    _begin(reviewer)
    page.wait_for_timeout(600)
    page.keyboard.press("1")
    assert page.locator(".verdict:enabled").count() == 0
    for route in waiting:
        route.continue_()
    page.locator(".verdict:enabled").first.wait_for()
    assert reviewer.status()["review"]["asexual"] == 0


def test_picture_that_a_busy_server_refused_is_asked_for_again(reviewer: Visitor) -> None:
    page = reviewer.page
    first = _cells(reviewer)[0]["cell"]
    answers = [_refuse(429, "too-many-requests", **{"Retry-After": "1"})] * 2
    page.route(f"**/cells/{first}/picture", lambda route: answers.pop()(route) if answers else route.continue_())
    _begin(reviewer)
    page.locator(".verdict:enabled").first.wait_for()
    assert page.locator(".cell-card img").evaluate("(image) => image.naturalWidth") > 0
    assert not answers and not page.locator(".no-picture").is_visible()
    reviewer.assert_content()


def test_lost_picture_is_said_and_one_that_is_not_there_as_well(reviewer: Visitor) -> None:
    page = reviewer.page
    first, second = (cell["cell"] for cell in _cells(reviewer)[:2])
    page.route(f"**/cells/{first}/picture", _refuse(500, "internal"))
    page.route(f"**/cells/{second}/picture", _refuse(404, "no-image"))
    _begin(reviewer)
    page.get_by_text("The picture could not be loaded.").wait_for()
    page.wait_for_timeout(600)
    assert page.locator(".verdict:enabled").count() == 0
    page.unroute(f"**/cells/{first}/picture")
    page.get_by_role("button", name="Try again").click()
    page.locator(".verdict:enabled").first.wait_for()
    reviewer.judge("4")
    page.get_by_text("There is no picture of this cell.").wait_for()
    reviewer.judge("4")  # from the field's place or from the microscope
    page.locator(".review-top p").get_by_text("2 of ").wait_for()


def test_empty_queue_is_filled_again_while_cells_wait(reviewer: Visitor) -> None:
    page = reviewer.page

    def two(route: Any) -> None:
        answer = route.fetch()
        document = answer.json()
        document["cells"] = document["cells"][:2]
        route.fulfill(response=answer, body=json.dumps(document))

    page.route("**/review?verdict=pending*", two)
    _begin(reviewer)
    suspected = reviewer.status()["review"]["suspected"]
    for done in range(suspected):
        page.locator(".review-top p").get_by_text(f"{done} of {suspected} reviewed").wait_for()
        assert not page.get_by_text("Every suspected cell has a verdict.").is_visible()
        reviewer.judge("3")
    page.locator(".done", has_text="Every suspected cell has a verdict.").wait_for()
    assert reviewer.status()["review"]["complete"]


def test_another_person_takes_over_under_their_own_code(reviewer: Visitor) -> None:
    page = reviewer.page
    _begin(reviewer)
    names = [cell["cell"] for cell in _cells(reviewer)[:2]]
    reviewer.judge("4")
    page.get_by_role("button", name=f"Undo {names[0]}").wait_for()
    page.get_by_role("button", name="Reviewer RV · change").click()
    code = page.get_by_label("Your reviewer code")
    assert code.input_value() == ""
    page.keyboard.type("CD")  # it has the focus
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Reviewer CD · change").wait_for()
    assert page.get_by_role("button", name="Undo").is_disabled()
    reviewer.judge("3")
    page.locator(".review-top p").get_by_text("2 of ").wait_for()
    given = {cell["cell"]: cell["reviewer"] for cell in _cells(reviewer) if cell["verdict"]}
    assert given == dict(zip(names, ("RV", "CD"), strict=True))
    reviewer.assert_content()


def test_undo_leaves_what_somebody_else_has_said_since(reviewer: Visitor) -> None:
    page = reviewer.page
    _begin(reviewer)
    name = _cells(reviewer)[0]["cell"]
    reviewer.judge("4")
    page.get_by_role("button", name=f"Undo {name}").wait_for()
    said = {"verdict": "asexual", "reviewer": "CD"}
    reviewer.server.ask(f"/v1/sessions/{reviewer.code}/cells/{name}/verdict", said, "PUT")
    page.get_by_role("button", name=f"Undo {name}").click()
    page.get_by_role("alert").wait_for()
    page.get_by_text("Asexual parasite so far, by CD").wait_for()
    assert [cell["verdict"] for cell in _cells(reviewer) if cell["cell"] == name] == ["asexual"]
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_figures_after_the_last_verdict_are_the_reviewers(reviewer: Visitor) -> None:
    page = reviewer.page
    last, *others = [cell["cell"] for cell in _cells(reviewer)]
    for name in others:
        said = {"verdict": "no-parasite", "reviewer": "RV"}
        reviewer.server.ask(f"/v1/sessions/{reviewer.code}/cells/{name}/verdict", said, "PUT")
    _begin(reviewer)
    reviewer.judge("1")
    page.locator(".done").wait_for()
    cells = reviewer.status()["totals"]["cells"]
    reviewer.tab("Count")
    page.locator(".headline", has_text=f"1 of {cells} red cells holds asexual parasites.").wait_for()
    assert "Asexual parasites, reviewed" in page.locator(".headline").inner_text()
    assert [cell["verdict"] for cell in _cells(reviewer) if cell["cell"] == last] == ["asexual"]
