"""Images from files, and getting in: a server without a camera that asks for a token."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from tests.browser.visitor import DESKTOP, Server, Visitor

_TOKEN = "a-token-of-the-tests-0123456789abcdef"
_DROP = """async (target, [name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def test_token_of_the_qr_code_signs_in_and_leaves_the_address(visit: Callable[..., Visitor], desk: Server) -> None:
    person = visit(desk, **DESKTOP)
    page = person.page
    person.open(f"#token={_TOKEN}")
    page.get_by_label("Slide code").wait_for()
    assert _TOKEN not in page.url
    assert not any(_TOKEN in url for url in person.requested)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This token is not the device’s.").wait_for()
    page.get_by_label("Token").fill(_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Slide code").wait_for()
    assert not page.get_by_text("This token is not the device’s.").is_visible()
    assert page.evaluate("document.cookie") == ""
    person.assert_content()


def test_files_are_dropped_and_chosen(visit: Callable[..., Visitor], desk: Server, fields: Path) -> None:
    person = visit(desk, **DESKTOP)
    page = person.page
    person.open(f"#token={_TOKEN}")
    page.get_by_label("Slide code").fill("C3")
    page.get_by_role("button", name="Begin session").click()
    person.write_down()
    images = sorted(fields.glob("*.png"))
    data = base64.b64encode(images[0].read_bytes()).decode()
    page.locator(".count").evaluate(_DROP, ["Maria Lopez.png", data])
    page.locator(".outcome h2", has_text="Field 1 counts").wait_for()
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Choose images").click()
    chooser.value.set_files([images[1], fields / "annotations.json", images[2]])
    page.locator(".outcome h2", has_text="Field 3 counts").wait_for()
    assert "Image 2:" in page.locator(".notice.bad").inner_text()
    assert "3 fields" in page.locator(".counted").inner_text()
    page.locator(".count").evaluate(_DROP, ["again.png", data])
    page.locator(".outcome h2", has_text="Field 1 was there already").wait_for()
    assert "3 fields" in page.locator(".counted").inner_text()
    assert "Maria" not in desk.log.read_text()
    person.assert_content()


def test_every_bad_image_is_named_and_those_not_sent_are_counted(
    visit: Callable[..., Visitor], desk: Server, fields: Path
) -> None:
    person = visit(desk, **DESKTOP)
    page = person.page
    person.open(f"#token={_TOKEN}")
    page.get_by_label("Slide code").fill("D4")
    page.get_by_role("button", name="Begin session").click()
    person.write_down()
    good, bad = sorted(fields.glob("*.png"))[0], fields / "annotations.json"
    chosen = page.locator("input[type=file]").first
    chosen.set_input_files([bad, good, bad])
    page.get_by_role("alert").get_by_text("Images 1, 3: ").wait_for()
    page.locator(".outcome h2", has_text="Field 1 counts").wait_for()
    full = {"kind": "no-space", "status": 507, "detail": "Only 3 MB are free on the disk."}
    answers = [None, full]  # the first image is sent, the second finds the disk full
    page.route(
        "**/fields",
        lambda route: route.fulfill(status=507, json=full) if answers.pop(0) else route.continue_(),
    )
    chosen.set_input_files([good, good, good, good])
    alert = page.get_by_role("alert").filter(has_text="2 further images were not sent.")
    alert.wait_for()
    assert "Image 2: Only 3 MB are free on the disk." in alert.inner_text()
    assert "Images 1, 3" not in alert.inner_text()
    assert not page.get_by_text("Reading image").is_visible()
