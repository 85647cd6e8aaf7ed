"""For everybody: axe finds nothing serious, targets are large, nothing scrolls sideways, also when zoomed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.visitor import DESKTOP, PHONE, SCREEN, Server, Visitor

# enhanced contrast (7:1) is our own aim: the page is read in sunlight
_AXE = """async () => {
  const found = await axe.run(document, {
    rules: { "color-contrast-enhanced": { enabled: true } },
    iframes: false,
  });
  return found.violations
    .filter((item) => ["serious", "critical"].includes(item.impact))
    .map((item) => [item.id, item.nodes.slice(0, 4).map((node) => node.target.join(" ") + ": " + node.failureSummary)]);
}"""
_SMALL = """() => [...document.querySelectorAll("a, button, select, summary, input:not(.unseen):not([type=checkbox]), .button, label.switch")]
  .filter((element) => element.checkVisibility() && !element.closest("svg") && !element.classList.contains("unseen"))
  .map((element) => [element.getBoundingClientRect(), element.outerHTML.slice(0, 90)])
  .filter(([box]) => box.width < 44 || box.height < 44)
  .map(([box, text]) => `${Math.round(box.width)}x${Math.round(box.height)} ${text}`)"""
_SIDEWAYS = "() => Math.max(document.body.scrollWidth, document.getElementById('main').scrollWidth) - innerWidth"


def _screens(person: Visitor) -> Iterator[str]:
    """Every screen in turn."""
    page = person.page
    person.open()
    page.locator(".session-list > *").wait_for()
    yield "start"
    page.get_by_label("Slide code").fill("A17")
    page.get_by_text("Use a participant code of our own").click()
    page.get_by_label("Red cells of the participant").select_option("haematocrit")
    page.get_by_label("Haematocrit in %").fill("40")
    page.get_by_role("button", name="Begin session").click()
    page.locator("dialog[open]").wait_for()
    yield "dialog"
    person.write_down()
    page.locator(".gauge[data-level]").first.wait_for()
    yield "live"
    person.capture(1)
    yield "result"
    person.tab("Fields")
    page.locator(".field-list").wait_for()
    yield "fields"
    page.locator(".field-list a").first.click()
    page.get_by_label("Show every cell").check()
    yield "field"
    person.open(f"#/{person.code}/review")
    page.get_by_label("Your reviewer code").fill("RV")
    yield "reviewer"
    page.get_by_role("button", name="Begin the review").click()
    page.get_by_text("Species and stage").click()
    yield "review"
    page.get_by_role("button", name="Unsure").click()
    page.get_by_text("1 of ").wait_for()
    page.get_by_text("Cells reviewed so far").click()
    page.locator(".thumbnail").wait_for()
    yield "reviewed"
    person.tab("Report")
    page.get_by_text("Counts by eye").click()
    page.locator("iframe").wait_for()
    yield "report"


def axe_findings(person: Visitor, screen: str, axe: str) -> list[str]:
    """What is wrong with the screen that shows: by axe, small targets, what lies beyond the right edge."""
    page = person.page
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe)
    found = [f"{screen}: {item}" for item in page.evaluate(_AXE)]
    found += [f"{screen}: small target {text}" for text in page.evaluate(_SMALL)]
    beyond = page.evaluate(_SIDEWAYS)
    return found + ([f"{screen}: {beyond} px beyond the right edge"] if beyond > 0 else [])


def test_every_screen_on_a_phone(visit: Callable[..., Visitor], microscope: Server, axe: str) -> None:
    person = visit(microscope, **PHONE)
    found = [line for screen in _screens(person) for line in axe_findings(person, screen, axe)]
    assert found == []
    person.assert_content()


@pytest.mark.long
@pytest.mark.parametrize(
    "viewport",
    [
        pytest.param(DESKTOP, id="desktop"),
        pytest.param(SCREEN, id="pi-screen"),
        # 200 % zoom halves the viewport, 400 % of 1280 pixels leaves 320
        pytest.param({"viewport": {"width": 640, "height": 400}}, id="desktop-200%"),
        pytest.param({"viewport": {"width": 400, "height": 240}}, id="pi-screen-200%"),
        pytest.param({"viewport": {"width": 320, "height": 256}}, id="desktop-400%"),
    ],
)
def test_every_screen_elsewhere(
    visit: Callable[..., Visitor], microscope: Server, axe: str, viewport: dict[str, Any]
) -> None:
    person = visit(microscope, **viewport)
    found = [line for screen in _screens(person) for line in axe_findings(person, screen, axe)]
    assert found == []
    person.assert_content()


@pytest.mark.long
def test_sign_in_and_drop_zone(visit: Callable[..., Visitor], desk: Server, axe: str) -> None:
    person = visit(desk, **PHONE)
    page = person.page
    person.open()
    page.get_by_label("Token").wait_for()
    found = axe_findings(person, "sign-in", axe)
    page.get_by_label("Token").fill("a-token-of-the-tests-0123456789abcdef")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Slide code").fill("A17")
    page.get_by_role("button", name="Begin session").click()
    person.write_down()
    page.get_by_text("Take a photo").wait_for()
    assert found + axe_findings(person, "drop zone", axe) == []
