"""What the machine left out, on the page: objects after the last page of cells, and a cell that a person adds to a field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.slides import Slide, add_slide
from tests.browser.test_browser_access import axe_findings
from tests.browser.visitor import DESKTOP, PHONE, SCREEN, Server, Visitor


@pytest.fixture
def slide(store: Path, server: Server) -> Slide:
    """A drawn slide with two objects a field, its cells reviewed already."""
    found = add_slide(store, 2, parasitaemia=0.15, size=(640, 480), left_out=True)
    path = f"/v1/sessions/{found.code}/grid"
    page = server.ask(f"{path}?reviewer=RV&size=72")["page"]
    for number in range(100):
        if page is None or page["kind"] == "objects":
            break
        names = [cell["cell"] for cell in page["cells"]]
        marks = {name: {"verdict": found.truth[name]} for name in names if name in found.truth}
        said = {"key": f"page-{number:05}", "reviewer": "RV", "cells": names, "verdicts": marks, "size": 72}
        page = server.ask(path, said)["page"]
    return found


def _begin(person: Visitor, slide: Slide) -> None:
    person.code = slide.code
    person.open(f"#/{slide.code}/grid")
    person.page.get_by_label("Your reviewer code").fill("RV")
    person.page.get_by_role("button", name="Begin").click()
    person.page.locator(".grid-next[aria-disabled=false]").wait_for()


def _outside(person: Visitor) -> dict[str, Any]:
    outside: dict[str, Any] = person.status()["review"]["outside"]
    return outside


def test_objects_are_marked_answered_and_taken_back_by_keys(
    visit: Callable[..., Visitor], server: Server, slide: Slide, axe: str
) -> None:
    person = visit(server, **DESKTOP)
    _begin(person, slide)
    page = person.page
    labels = page.locator(".thumb").evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    assert len(labels) == 4 and "1.o1" in labels[0] and "Left out: clump." in labels[0]
    assert page.locator(".thumb-reason").all_inner_texts() == ["clump", "clump", "debris", "debris"]
    assert page.get_by_text("one more infected cell among one more cell").is_visible()
    assert axe_findings(person, "objects", axe) == []
    page.locator(".thumb").first.focus()
    page.keyboard.press("Enter")
    page.locator(".enlarged canvas").wait_for()  # of the field itself, at its own resolution
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.matches('.thumb')")
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.locator('.thumb[data-mark="asexual"]').nth(1).wait_for()
    page.keyboard.press("n")
    page.locator(".grid-end").wait_for()
    assert "2 of these were left out by the machine" in page.locator(".grid-end").inner_text()
    assert (_outside(person)["asexual"], _outside(person)["pending"]) == (2, 0)
    page.locator(".grid-undo").click()
    page.locator('.thumb[data-mark="asexual"]').nth(1).wait_for()
    assert (_outside(person)["asexual"], _outside(person)["pending"]) == (0, 4)
    assert person.complaints == []


def test_objects_on_small_screens(visit: Callable[..., Visitor], server: Server, slide: Slide, axe: str) -> None:
    for name, viewport in (("phone", PHONE), ("screen", SCREEN)):
        person = visit(server, **viewport)
        _begin(person, slide)
        assert axe_findings(person, name, axe) == []
        assert person.complaints == []


def test_a_tap_adds_a_cell_and_it_is_taken_back(
    visit: Callable[..., Visitor], server: Server, slide: Slide, axe: str
) -> None:
    person = visit(server, **DESKTOP)
    person.code = slide.code
    person.open(f"#/{slide.code}/fields/1")
    page = person.page
    page.get_by_role("button", name="Add a cell").click()
    page.get_by_label("Your reviewer code").fill("RV")
    free = _free(server, slide.code)
    corner = page.locator(".add-place").bounding_box()
    scale = min(corner["width"] / 640, corner["height"] / 480)
    left, top = corner["x"] + (corner["width"] - 640 * scale) / 2, corner["y"] + (corner["height"] - 480 * scale) / 2
    page.mouse.click(left + (free[0] + 0.5) * scale, top + (free[1] + 0.5) * scale)
    assert abs(int(page.get_by_label("From the left").input_value()) - free[0]) <= 1
    assert abs(int(page.get_by_label("From the top").input_value()) - free[1]) <= 1
    assert page.locator(".add-place .cross").count() == 4
    assert axe_findings(person, "add a cell", axe) == []
    page.get_by_role("button", name="Gametocyte only").click()
    page.get_by_text("1.a1: Gametocyte only").wait_for()
    assert _outside(person)["added_gametocytes"] == 1
    assert page.locator(".mark-added").count() >= 1
    page.get_by_role("button", name="Take cell 1.a1 back").click()
    page.get_by_text("1.a1: Gametocyte only").wait_for(state="detached")
    assert _outside(person)["added_gametocytes"] == 0
    assert person.complaints == []


def test_a_cell_is_added_by_keys_alone_and_not_twice(
    visit: Callable[..., Visitor], server: Server, slide: Slide
) -> None:
    person = visit(server, **PHONE)
    person.code = slide.code
    person.open(f"#/{slide.code}/fields/1")
    page = person.page
    page.get_by_role("button", name="Add a cell").focus()
    page.keyboard.press("Enter")
    x, y = _free(server, slide.code)
    for text in (str(x), str(y), "RV"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first verdict has the focus
    page.get_by_text("1.a1: Asexual parasite").wait_for()
    assert _outside(person)["added_asexual"] == 1
    page.get_by_role("button", name="Add a cell").click()
    page.get_by_label("From the left").fill(str(x))
    page.get_by_label("From the top").fill(str(y))
    page.get_by_role("button", name="Unsure").click()
    page.get_by_text("There is cell 1.a1").wait_for()
    assert _outside(person)["added_unsure"] == 0
    assert person.complaints == []


def _free(server: Server, code: str) -> tuple[int, int]:
    """A place of the first field where the machine has nothing."""
    result = server.ask(f"/v1/sessions/{code}/fields/1")["result"]
    boxes = [item["box"] for item in (*result["cells"], *result["objects"])]
    return next(
        (x, y)
        for y in range(40, 440, 20)
        for x in range(40, 600, 20)
        if not any(left <= x < left + wide and top <= y < top + high for left, top, wide, high in boxes)
    )
