"""What the page says and does when something is wrong: the server, the camera, the disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.browser.visitor import DESKTOP, Server, Visitor

# stands for the stream of events, which Playwright cannot answer piece by piece
_EVENTS = """window.EventSource = class {
  constructor() { this.timer = setInterval(() => this.onmessage?.({ data: %s }), 200); }
  close() { clearInterval(this.timer); }
};"""


def _problem(status: int, kind: str, detail: str = "", **headers: str) -> dict[str, Any]:
    body = {"type": "about:blank", "title": "", "status": status, "kind": kind, "detail": detail}
    return {
        "status": status,
        "body": json.dumps(body),
        "headers": {
            "Content-Type": "application/problem+json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    }


def _fulfil(answer: dict[str, Any], route: Any) -> None:
    route.fulfill(**answer)


def test_server_gone_and_back(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    person.begin()
    person.capture(1)
    cells = page.locator(".counted .big").inner_text()
    page.context.set_offline(True)
    page.keyboard.press("Space")
    page.get_by_text("All captured fields are stored.").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("All captured fields are stored.").wait_for(state="hidden")
    assert page.locator(".counted .big").inner_text() == cells
    person.capture(2)


def test_busy_server_is_waited_for(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    person.begin()
    answers = [_problem(503, "busy", "All places are taken.", Retry_After="1")]
    page.route("**/capture", lambda route: route.fulfill(**answers.pop()) if answers else route.continue_())
    page.keyboard.press("Space")
    page.get_by_text("The device is busy. Trying again in 1 second.").wait_for()
    page.locator(".outcome h2", has_text="Field 1").wait_for()
    assert not page.get_by_text("The device is busy").is_visible()
    assert person.status()["totals"]["fields"] == 1


def test_full_disk_camera_and_other_model_are_said(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    person.begin()
    cases = [
        (507, "no-space", "Only 3 MB are free on the disk; make room."),
        (503, "camera-lost", "The camera gives no picture. It is tried again."),
        (409, "not-this-session", "This session is counted with another model; begin a new one."),
    ]
    for status, kind, sentence in cases:
        answer = _problem(status, kind, sentence, Retry_After="5")
        page.route("**/capture", partial(_fulfil, answer))
        page.get_by_role("button", name="Capture field").click()
        page.get_by_role("alert").get_by_text(sentence).wait_for()
        page.unroute("**/capture")
    person.capture(1)
    assert not page.get_by_role("alert").is_visible()


def test_lost_camera_is_said_in_the_live_view(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page
    event = {
        "sequence": 5,
        "focus": 1.0,
        "focus_word": "sharp",
        "exposure": "ok",
        "density": "ok",
        "cells": 90,
        "camera": "lost",
        "news": [],
    }
    page.add_init_script(_EVENTS % json.dumps(json.dumps(event)))
    person.begin()
    page.get_by_text("The camera is lost. Check its cable").wait_for()
    assert "sharp" not in page.locator(".gauges").inner_text()


def test_refused_field_says_why_and_what_to_turn(visit: Callable[..., Visitor], microscope: Server) -> None:
    person = visit(microscope, **DESKTOP)
    page = person.page

    def blur(route: Any) -> None:
        answer = route.fetch()
        document = answer.json()
        document["accepted"] = False
        refused = [{"kind": "focus", "message": "The edges of the cells are blurred; turn the fine focus."}]
        document["result"]["quality"] |= {"accepted": False, "refused": refused}
        document["result"]["excluded_boxes"] = [{"box": [20, 30, 60, 60], "reason": "clump"}]
        route.fulfill(response=answer, body=json.dumps(document))

    page.route("**/capture", blur)
    person.begin()
    page.get_by_role("button", name="Capture field").click()
    page.locator(".outcome h2", has_text="Field 1 refused").wait_for()
    for place in (".outcome", ".glance"):
        assert "Out of focus." in page.locator(place).inner_text()
        assert "turn the fine focus" in page.locator(place).inner_text()
    assert page.locator(".stage").get_attribute("data-front") == "field"
    assert page.locator(".view-field .marks .tag-left-out").all_text_contents() == ["C"]
