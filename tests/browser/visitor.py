"""A person at the page: what they press, and what must hold whatever they do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
SCREEN: dict[str, Any] = {"viewport": {"width": 800, "height": 480}, "has_touch": True}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
_START = 1200.0  # seconds that a server may take on a busy machine


@dataclass
class Server:
    """A running ``thinsmear serve``.

    Attributes:
        process: its process.
        address: without a slash at the end.
        log: file with what it said.
    """

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def ask(self, path: str, values: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """A request of a program."""
        body = None if values is None else json.dumps(values).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=1200) as answer:
            content = answer.read()
        return json.loads(content) if content else None


def start_server(store: Path, arguments: Sequence[str], log: Path) -> Server:
    """Start ``thinsmear serve`` on a free port and wait until it listens."""
    command = [sys.executable, "-m", "edge_runtime", "serve", "--port", "0", "--store", str(store), *arguments]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    until = time.monotonic() + _START
    while time.monotonic() < until:
        found = re.search(r"Listening on (http://\S+?)/? ?$", log.read_text(), re.MULTILINE)
        if found:
            return Server(process, found[1].rstrip("/"), log)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"thinsmear serve does not listen: {log.read_text()}")


class Visitor:
    """A browser's page at a server.

    Attributes:
        page: Playwright's page.
        server: which one.
        requested: addresses that the page asked for.
        complaints: errors of scripts and of the content security policy.
        code: of the session that was begun.
    """

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.server = server
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.code = ""
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        # answers such as 401 and 503 are expected where a test brings them about, and shown to the person
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self, place: str = "") -> None:
        """Go to the page."""
        self.page.goto(f"{self.server.address}/{place}")

    def begin(self, slide: str = "A17", stop: str = "who") -> str:
        """Fill in the form and begin a session; its code."""
        self.open()
        self.page.get_by_label("Slide code").fill(slide)
        self.page.get_by_label("Stop rule").select_option(stop)
        self.page.get_by_role("button", name="Begin session").click()
        return self.write_down()

    def write_down(self) -> str:
        """Close the dialog with the participant's code; the session's code."""
        self.page.get_by_role("button", name="Written down").click()
        self.code = self.page.locator(".where b").inner_text()
        return self.code

    def capture(self, number: int) -> None:
        """Press the space bar until this field is there: the camera shows each field for a second."""
        outcome = self.page.locator(".outcome h2", has_text=f"Field {number} ")
        until = time.monotonic() + 1200
        while not outcome.is_visible():
            assert time.monotonic() < until, f"field {number} was never captured"
            self.page.get_by_role("button", name="Capture field").wait_for()
            self.page.keyboard.press("Space")
            self.page.get_by_role("button", name="Capture field").wait_for()
            self.page.wait_for_timeout(300)

    def judge(self, key: str) -> None:
        """Press the key of a verdict once the cell has been in sight for a moment."""
        self.page.locator(".verdict:enabled").first.wait_for()
        self.page.keyboard.press(key)

    def tab(self, name: str) -> None:
        """Go to one of the session's tabs."""
        self.page.get_by_role("navigation").get_by_role("link", name=name).click()

    def status(self) -> Any:
        """What the server says of the session."""
        return self.server.ask(f"/v1/sessions/{self.code}")

    def assert_content(self) -> None:
        """Nothing was fetched from elsewhere, nothing failed, and the notice is in sight."""
        own = urlsplit(self.server.address).netloc
        strangers = [url for url in self.requested if urlsplit(url).netloc != own and not url.startswith("data:")]
        assert strangers == []
        assert self.complaints == []
        notice = self.page.locator("#research")
        assert notice.is_visible()
        box, size = notice.bounding_box(), self.page.viewport_size
        assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"] + 1
        assert "negative" not in self.page.locator("body").inner_text().lower()
