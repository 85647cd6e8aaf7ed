"""The review by rank on the page: by touch, by keys alone, taken back, reloaded, cut off; nothing covered, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.browser.slides import Slide, add_slide
from tests.browser.test_browser_access import axe_findings
from tests.browser.visitor import DESKTOP, PHONE, SCREEN, Server, Visitor

_TALL: dict[str, Any] = {**PHONE, "viewport": {"width": 390, "height": 844}}
_VIEWPORTS = {"360x640": PHONE, "390x844": _TALL, "800x480": SCREEN, "1280x800": DESKTOP}
_KEYS = {"asexual": "1", "gametocyte": "2"}
# each control, brought into sight as a finger or the focus would, is what lies at its own middle
_COVERED = """() => [...document.querySelectorAll("a, button, select, input")]
  .filter((element) => element.checkVisibility() && !element.closest(".unseen"))
  .map((element) => {
    element.scrollIntoView({ block: "nearest" });
    const { x, y, width, height } = element.getBoundingClientRect();
    const there = document.elementFromPoint(x + width / 2, y + height / 2);
    return element.contains(there) ? null : `${element.outerHTML.slice(0, 80)} under ${there?.outerHTML.slice(0, 60)}`;
  })
  .filter(Boolean)"""
_THUMBS = """() => [...document.querySelectorAll(".thumb")].map((element) => {
  const { width, height, left, right } = element.getBoundingClientRect();
  return { width, height, left, right, pixels: element.firstChild.width, cell: element.ariaLabel.match(/\\d+\\.\\d+/)[0] };
})"""


@pytest.fixture
def slide(store: Path, server: Server) -> Slide:
    """A drawn slide of some 50 cells, a session of its own."""
    return add_slide(store, 2, parasitaemia=0.15, size=(640, 480))


def _begin(person: Visitor, slide: Slide, reviewer: str = "RV") -> None:
    person.code = slide.code
    person.open(f"#/{slide.code}/grid")
    person.page.get_by_label("Your reviewer code").fill(reviewer)
    person.page.get_by_label("Species").select_option("vivax")
    person.page.get_by_role("button", name="Begin").click()
    _ready(person)


def _ready(person: Visitor) -> None:
    person.page.locator(".grid-next[aria-disabled=false]").wait_for()


def _shown(person: Visitor) -> list[dict[str, Any]]:
    thumbs: list[dict[str, Any]] = person.page.evaluate(_THUMBS)
    return thumbs


def _cells(person: Visitor) -> list[str]:
    return [thumb["cell"] for thumb in _shown(person)]


def _tap(person: Visitor, place: int = 0) -> None:
    """Tap a thumbnail, by finger or mouse, as the device has it."""
    thumb = person.page.locator(".thumb").nth(place)
    touch = person.page.evaluate("() => navigator.maxTouchPoints > 0")
    while True:
        thumb.tap() if touch else thumb.click()
        if person.page.locator(".enlarged").count() == 0:
            return
        person.page.keyboard.press("Escape")  # on a busy machine the finger was lifted too late: it was a hold


def _marks(person: Visitor) -> dict[str, str]:
    marks: dict[str, str] = person.page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('.thumb:not([data-mark=\"\"])')]"
        ".map((one) => [one.ariaLabel.match(/\\d+\\.\\d+/)[0], one.dataset.mark]))"
    )
    return marks


def _turn(person: Visitor, press: Callable[[], None]) -> None:
    """Answer the page, and wait for the next one or the end."""
    before = _cells(person)
    press()
    person.page.wait_for_function(
        """(before) => document.querySelector(".grid-end")
          || ![...document.querySelectorAll(".thumb")].some((one) => one.ariaLabel.includes(before))""",
        arg=f" {before[0]},",
    )
    if person.page.locator(".grid-end").count() == 0:
        _ready(person)


def _verdicts(person: Visitor) -> dict[str, Any]:
    review: dict[str, Any] = person.status()["review"]
    return review


def test_a_phone_by_touch(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **_TALL)
    _begin(person, slide)
    page = person.page
    thumbs = _shown(person)
    assert len(thumbs) == 24 and len({thumb["left"] for thumb in thumbs}) == 4
    assert min(min(thumb["width"], thumb["height"]) for thumb in thumbs) >= 88
    assert all(thumb["pixels"] >= 2 * thumb["width"] - 2 for thumb in thumbs)
    for mark in ("asexual", "gametocyte", "unsure", None):
        _tap(person)
        assert list(_marks(person).values()) == ([mark] if mark else [])
    answers = 0
    while page.locator(".grid-end").count() == 0:
        for place, cell in enumerate(_cells(person)):
            for _ in range({"asexual": 1, "gametocyte": 2}.get(slide.truth.get(cell, ""), 0)):
                _tap(person, place)
        if page.locator(".grid-next").inner_text() == "Show the rest of this page":
            page.locator(".grid-next").tap()
            page.wait_for_function("() => !document.querySelector('.grid-next').innerText.startsWith('Show')")
        _turn(person, page.locator(".grid-next").tap)
        answers += 1
    sent = [url for url in person.requested if url.endswith("/grid")]
    assert len(sent) == answers  # one request a page
    assert _verdicts(person)["asexual"] == sum(verdict == "asexual" for verdict in slide.truth.values())
    assert _verdicts(person)["gametocytes"] == sum(verdict == "gametocyte" for verdict in slide.truth.values())
    assert page.locator(".grid-end").inner_text().count("looked at:") == 1
    person.assert_content()


def test_long_press_shows_the_cell_large_and_its_place(
    visit: Callable[..., Visitor], server: Server, slide: Slide
) -> None:
    person = visit(server, **_TALL)
    _begin(person, slide)
    page = person.page
    box = page.locator(".thumb").nth(1).bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    page.locator(".enlarged canvas").wait_for()
    page.mouse.up()
    assert _marks(person) == {}  # a hold is no tap
    words = page.locator(".enlarged").inner_text()
    assert "score" not in words and "called" not in words
    assert page.locator(".enlarged .mark-here").count() == 1
    cell = _cells(person)[1]
    page.get_by_role("button", name="Unsure").tap()
    assert _marks(person) == {cell: "unsure"}
    assert page.locator(".enlarged").count() == 0
    person.assert_content()


def _by_keys(person: Visitor, slide: Slide) -> tuple[int, int]:
    """Review a slide with keys alone: pages and presses."""
    page = person.page
    pages = presses = 0

    def press(key: str) -> None:
        nonlocal presses
        presses += 1
        page.keyboard.press(key)

    page.locator(".grid-begin .main, .grid-begin input").first.wait_for()
    page.keyboard.type("RV")
    press("Enter")
    _ready(person)
    while page.locator(".grid-end").count() == 0:
        columns = len({thumb["left"] for thumb in _shown(person)})
        place = 0
        for target, cell in enumerate(_cells(person)):
            if cell not in slide.truth:
                continue
            while target - place >= columns:
                press("ArrowDown")
                place += columns
            while place != target:
                step = 1 if target > place else -1
                press("ArrowRight" if step > 0 else "ArrowLeft")
                place += step
            press(_KEYS[slide.truth[cell]])
            place = min(place + 1, len(_cells(person)) - 1)
        presses += 1
        _turn(person, lambda: page.keyboard.press("n"))
        pages += 1
    return pages, presses


def test_a_desktop_by_keys_alone(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **DESKTOP)
    person.code = slide.code
    person.open(f"#/{slide.code}/grid")
    _by_keys(person, slide)
    assert _verdicts(person)["asexual"] == sum(verdict == "asexual" for verdict in slide.truth.values())
    person.assert_content()


def test_keys_open_and_close_a_cell_and_say_what_it_is(
    visit: Callable[..., Visitor], server: Server, slide: Slide
) -> None:
    person = visit(server, **DESKTOP)
    _begin(person, slide)
    page = person.page
    page.locator(".thumb").first.focus()
    cells = _cells(person)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".enlarged h2", has_text=cells[1]).wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(".enlarged h2", has_text=cells[2]).wait_for()
    page.keyboard.press("2")
    page.locator(".enlarged").wait_for(state="detached")
    assert _marks(person) == {cells[2]: "gametocyte"}
    focused = page.locator(".thumb:focus")
    assert focused.get_attribute("aria-pressed") == "true"
    assert "Gametocyte only" in (focused.get_attribute("aria-label") or "")
    assert f"Cell {cells[2]}: Gametocyte only." in page.locator("#said").inner_text()
    page.keyboard.press("Space")  # on to unsure
    assert _marks(person) == {cells[2]: "unsure"} and focused.get_attribute("aria-pressed") == "mixed"


def test_page_is_taken_back_with_its_marks(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **SCREEN)
    _begin(person, slide)
    page = person.page
    assert page.get_by_role("button", name="Undo page").is_disabled()
    cells = _cells(person)
    _tap(person, 3)
    _turn(person, lambda: page.keyboard.press("n"))
    assert _verdicts(person)["asexual"] == 1
    page.keyboard.press("u")
    page.locator(f'.thumb[aria-label*=" {cells[0]},"]').wait_for()
    _ready(person)
    assert _cells(person) == cells and _marks(person) == {cells[3]: "asexual"}
    assert _verdicts(person)["asexual"] == _verdicts(person)["no_parasite"] == 0


def test_reload_in_mid_page_keeps_the_marks(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **SCREEN)
    _begin(person, slide)
    _tap(person, 2)
    _tap(person, 5)
    _tap(person, 5)
    marks = _marks(person)
    assert sorted(marks.values()) == ["asexual", "gametocyte"]
    person.page.reload()
    _ready(person)
    assert _marks(person) == marks


def test_answer_that_did_not_arrive_is_sent_again_and_counts_once(
    visit: Callable[..., Visitor], server: Server, slide: Slide
) -> None:
    person = visit(server, **SCREEN)
    _begin(person, slide)
    page = person.page
    _tap(person)
    said: list[str] = []

    def lose(route: Any) -> None:
        said.append(route.request.post_data)
        route.fetch()  # the server has it, and the answer to it is lost, as in a power cut
        route.abort()

    page.route("**/grid", lambda route: lose(route) if route.request.method == "POST" else route.continue_())
    page.keyboard.press("n")
    page.get_by_text("The device does not answer").wait_for()
    page.unroute("**/grid")
    with page.expect_request(lambda request: request.url.endswith("/grid") and request.method == "POST") as sent:
        page.reload()
    assert sent.value.post_data == said[0]  # the same key
    _ready(person)
    review = _verdicts(person)
    assert (review["asexual"], review["no_parasite"]) == (1, len(json.loads(said[0])["cells"]) - 1)


def test_two_devices_go_on_with_one_slide(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    one, other = visit(server, **SCREEN), visit(server, **DESKTOP)
    _begin(one, slide)
    first = _cells(one)
    _begin(other, slide)
    _tap(one)
    _turn(one, lambda: one.page.keyboard.press("n"))
    # the other device still shows the first page, and does not turn the mark back
    assert _cells(other)[: len(first)] == first
    _turn(other, lambda: other.page.keyboard.press("n"))
    other.page.get_by_text("you had said otherwise before").wait_for()
    assert _verdicts(one)["asexual"] == 1


def test_second_press_is_not_meant_for_the_next_page(
    visit: Callable[..., Visitor], server: Server, slide: Slide
) -> None:
    person = visit(server, **SCREEN)
    _begin(person, slide)
    cells = _cells(person)
    person.page.keyboard.press("n")
    person.page.keyboard.press("n")
    person.page.locator(".grid-next").click(force=True)
    person.page.wait_for_function(
        "(first) => !document.querySelector('.thumb').ariaLabel.includes(first)", arg=f" {cells[0]},"
    )
    person.page.wait_for_timeout(200)
    assert _verdicts(person)["no_parasite"] == len(cells)


def test_nobody_answers_a_page_that_was_not_seen(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **PHONE)
    person.page.route("**/sprite*", lambda route: route.fulfill(status=500, json={"kind": "internal", "status": 500}))
    person.code = slide.code
    person.open(f"#/{slide.code}/grid")
    person.page.get_by_label("Your reviewer code").fill("RV")
    person.page.get_by_role("button", name="Begin").click()
    person.page.get_by_text("The picture could not be loaded.").wait_for()
    person.page.keyboard.press("n")
    assert _verdicts(person)["no_parasite"] == 0
    person.page.unroute("**/sprite*")
    person.page.get_by_role("button", name="Try again").click()
    _ready(person)
    assert person.page.locator(".grid-next").inner_text() == "Show the rest of this page"  # 6 rows on 640 pixels
    person.page.locator(".grid-next").tap()
    person.page.wait_for_timeout(300)
    assert _verdicts(person)["no_parasite"] == 0


def test_alarm_is_said_in_both_languages(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **DESKTOP)
    person.open()
    said = person.page.evaluate("""async () => {
        const { useLanguage } = await import("/page/js/language.js");
        const { restWords } = await import("/page/js/rankwords.js");
        await useLanguage("en");
        const state = { alarm: true, begun: true, enough: { reached: false }, rest: null };
        const said = [restWords(state)];
        await useLanguage("fr");
        return [...said, restWords(state)];
    }""")
    assert [one["alarm"] for one in said] == [True, True]
    assert "not to be trusted" in said[0]["text"] and "pas fiable" in said[1]["text"]


def test_single_cells_stay_within_reach(visit: Callable[..., Visitor], server: Server, slide: Slide) -> None:
    person = visit(server, **PHONE)
    person.code = slide.code
    person.open(f"#/{slide.code}/count")
    person.tab("Review")
    person.page.get_by_role("link", name="One suspected cell after another").click()
    person.page.get_by_role("button", name="Begin the review").wait_for()
    person.page.get_by_role("link", name="Review by rank").click()
    person.page.get_by_role("button", name="Begin").wait_for()


@pytest.mark.parametrize("viewport", _VIEWPORTS)
def test_nothing_is_covered_and_axe_finds_nothing(
    visit: Callable[..., Visitor], server: Server, slide: Slide, viewport: str
) -> None:
    pytest.importorskip(
        "axe_playwright_python", reason="axe-playwright-python, which brings axe-core, is not installed"
    )
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    person = visit(server, **_VIEWPORTS[viewport])
    person.code = slide.code
    page = person.page
    person.open(f"#/{slide.code}/grid")
    page.get_by_label("Your reviewer code").wait_for()
    found = [*axe_findings(person, "begin", axe), *page.evaluate(_COVERED)]
    _begin(person, slide)
    _tap(person)
    found += [*axe_findings(person, "page", axe), *page.evaluate(_COVERED)]
    assert page.locator(".grid-rest").is_visible()
    bar, notice = page.locator(".grid-bar").bounding_box(), page.locator("#research").bounding_box()
    assert bar["y"] + bar["height"] <= notice["y"] + 1
    page.locator(".thumb").nth(1).click(button="right")
    page.locator(".enlarged canvas").wait_for()
    found += axe_findings(person, "large", axe)
    page.keyboard.press("Escape")
    page.locator(".grid-who").click()
    found += axe_findings(person, "choices", axe)
    assert found == []
    person.assert_content()


@pytest.mark.long
def test_a_whole_slide_by_keys(visit: Callable[..., Visitor], server: Server, store: Path) -> None:
    slide = add_slide(store, 22, parasitaemia=0.013, world=5)
    person = visit(server, **DESKTOP)
    person.code = slide.code
    person.open(f"#/{slide.code}/grid")
    pages, presses = _by_keys(person, slide)
    print(f"{slide.cells} cells, {len(slide.truth)} with parasites: {pages} pages, {presses} key presses")
    assert pages <= 12 and presses <= 150
    assert person.status()["rank"]["leading"] == "reviewed"
    found = _verdicts(person)
    assert found["asexual"] + found["gametocytes"] >= 0.9 * len(slide.truth)
