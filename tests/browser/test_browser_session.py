"""A whole session at the page, from the form to the report, as a person goes through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.visitor import DESKTOP, PHONE, Server, Visitor


@pytest.mark.parametrize(
    "viewport",
    [pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop", marks=pytest.mark.long)],
)
def test_from_start_to_report(visit: Callable[..., Visitor], microscope: Server, viewport: dict[str, Any]) -> None:
    person = visit(microscope, **viewport)
    page = person.page
    code = person.begin(stop="bsh")
    assert page.url.endswith(f"#/{code}/count")
    assert "Detection limit not established on this device" in page.locator(".tally").inner_text()

    person.capture(1)
    page.locator(".swap").click()  # the space bar after it captures: a click does not keep the focus
    person.capture(2)
    person.assert_content()
    said = page.locator("#said")  # what a screen reader reads out by itself
    assert said.get_attribute("aria-live") == "polite"
    assert "Field 2 counts" in said.inner_text() and "cells still to count" in said.inner_text()
    status = person.status()
    assert status["totals"]["fields"] == 2
    assert str(status["totals"]["cells"]) in page.locator(".counted").inner_text()
    assert f"{status['to_count']} cells still to count" in page.locator(".counted").inner_text()
    assert "95 % interval" in page.locator(".headline").inner_text()
    assert "µL" in page.locator(".headline").inner_text()
    field = microscope.ask(f"/v1/sessions/{code}/fields/2")
    suspected = sum(cell["suspected"] for cell in field["result"]["cells"])
    assert (
        page.locator(".view-field .marks [class^=tag-back-called], .view-field .marks [class^=tag-back-review]").count()
        == suspected
    )

    # a reload in the middle comes back to the same place with everything that was stored
    page.reload()
    page.locator(".outcome h2", has_text="Field 2").wait_for()
    assert page.url.endswith(f"#/{code}/count")
    assert str(status["totals"]["cells"]) in page.locator(".counted").inner_text()

    person.tab("Review")
    page.get_by_role("link", name="One suspected cell after another").click()
    page.locator(".grid-begin").wait_for(state="detached")  # both screens ask for the reviewer
    page.get_by_label("Your reviewer code").fill("RV")
    page.get_by_role("button", name="Begin the review").click()
    page.get_by_role("button", name="Unsure").click()
    page.get_by_role("button", name="Undo").and_(page.locator(":enabled")).click()
    page.get_by_text(f"0 of {status['review']['suspected']} reviewed").wait_for()
    assert person.status()["review"]["unsure"] == 0
    page.get_by_text("Species and stage").click()
    page.get_by_label("Stage").select_option("ring")
    page.get_by_role("button", name="Asexual parasite").click()
    page.get_by_text(f"1 of {status['review']['suspected']} reviewed").wait_for()
    page.reload()
    page.get_by_text(f"1 of {status['review']['suspected']} reviewed").wait_for()
    for done in range(1, status["review"]["suspected"]):
        page.get_by_text(f"{done} of {status['review']['suspected']} reviewed").wait_for()
        person.judge("3")
    page.locator(".done", has_text="Every suspected cell has a verdict.").wait_for()
    review = person.status()["review"]
    assert review["complete"] and review["asexual"] == 1 and review["no_parasite"] == status["review"]["suspected"] - 1
    person.assert_content()

    page.get_by_role("link", name="To the report").click()
    assert "Asexual parasites, reviewed" in page.locator(".headline").inner_text()
    page.frame_locator("iframe").get_by_role("heading", name=f"Thin smear count {code}").wait_for()
    page.get_by_text("Counts by eye").click()
    page.get_by_role("spinbutton", name="Red cells counted").fill("1000")
    page.get_by_label("With asexual parasites").fill("7")
    page.get_by_label("Your code").fill("RV")
    page.get_by_role("button", name="Keep this count").click()
    page.get_by_text("The count by eye is kept.").wait_for()
    for name, start in (("Report (PDF)", b"%PDF"), ("All tables (ZIP)", b"PK")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().read_bytes().startswith(start)
    person.assert_content()

    page.get_by_role("link", name="All sessions").click()
    assert code in page.locator(".sessions").inner_text()
    assert status["participant"] not in "".join(person.requested)


def test_keyboard_only(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    person.open()
    page.get_by_label("Slide code").wait_for()

    def tab_to(name: str) -> None:
        """Press Tab until the control of this name has the focus, and shows it."""
        for _ in range(40):
            page.keyboard.press("Tab")
            here = page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e);
                return [e.getAttribute("aria-label") || e.labels?.[0]?.innerText || e.innerText || "", s.outlineStyle, s.boxShadow, e.tagName]; }"""
            )
            if name in here[0] and here[3] != "BODY":
                assert here[1] != "none" or here[2] != "none", f"{name} does not show its focus"
                return
        raise AssertionError(f"Tab never reaches {name}")

    tab_to("Slide code")
    page.keyboard.type("B2")
    tab_to("Begin session")
    page.keyboard.press("Enter")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Capture field").wait_for()
    person.code = page.locator(".where b").inner_text()
    person.capture(1)
    person.capture(2)
    person.capture(3)
    page.keyboard.press("Enter")  # the key of foot switches and remote shutters captures as well
    page.get_by_role("button", name="Capture field").wait_for()
    tab_to("Review")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="One suspected cell after another").wait_for()
    tab_to("One suspected cell after another")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Begin the review").wait_for()
    page.get_by_label("Your reviewer code").wait_for()
    tab_to("Your reviewer code")
    page.keyboard.type("RV")
    page.keyboard.press("Enter")
    page.locator(".verdicts").wait_for()
    progress = page.locator(".review-top p")
    for done, (key, verdict) in enumerate((("2", "gametocytes"), ("4", "unsure")), 1):
        person.judge(key)
        progress.get_by_text(f"{done} of ").wait_for()
        assert person.status()["review"][verdict] == 1
    page.keyboard.press("u")
    progress.get_by_text("1 of ").wait_for()
    assert person.status()["review"]["unsure"] == 0
    person.assert_content()
