"""A real Chromium before a real ``thinsmear serve``: the programs, the fields under the camera, and who visits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.browser.visitor import PHONE, Server, Visitor, start_server

SERVER_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "segno", "itsdangerous")
_FAILED = pytest.StashKey[bool]()
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know whether the test itself failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no Chromium here ({', '.join(_CHROMIUM)})")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three synthetic fields that hold parasites."""
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    out = tmp_path_factory.mktemp("synthetic") / "smear"
    size = ["--fields", "3", "--cells", "0", "--patients", "1", "--seed", "3", "--field-size", "800x600"]
    subprocess.run(
        [sys.executable, "-m", "edge_runtime", "synth", str(out), "-q", *size], check=True, capture_output=True
    )
    return out / "fields"


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start servers with these arguments; they end with the tests."""
    for package in SERVER_PACKAGES:
        pytest.importorskip(package, reason=f"{package} is not installed")
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        store = tmp_path_factory.mktemp("store") / "sessions"
        started.append(start_server(store, arguments, tmp_path_factory.mktemp("log") / "serve.txt"))
        return started[-1]

    yield start
    for server in started:
        server.process.terminate()
    for server in started:
        server.process.wait(1200)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a store."""
    return tmp_path_factory.mktemp("slides") / "sessions"


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on that store."""
    for package in SERVER_PACKAGES:
        pytest.importorskip(package, reason=f"{package} is not installed")
    started = start_server(store, [], tmp_path_factory.mktemp("log") / "serve.txt")
    yield started
    started.process.terminate()
    started.process.wait(30)


@pytest.fixture(scope="session")
def microscope(serve: Callable[..., Server], fields: Path) -> Server:
    """A server with a camera that shows the fields, one a second, over and over."""
    return serve("--camera", f"replay:{fields}@1,loop")


@pytest.fixture(scope="session")
def desk(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server without a camera, which asks everybody for a token."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("a-token-of-the-tests-0123456789abcdef\n")
    token.chmod(0o600)
    return serve("--token-file", str(token))


@pytest.fixture
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """Visit a server: visit(server, viewport=..., locale=...)."""
    visitors: list[Visitor] = []

    def go(server: Server, **settings: Any) -> Visitor:
        context = browser.new_context(**{"locale": "en-GB", **(settings or PHONE)})
        context.set_default_timeout(float(os.environ.get("THINSMEAR_BROWSER_TIMEOUT", "300")) * 1000)
        visitors.append(Visitor(context.new_page(), server))
        return visitors[-1]

    yield go
    for visitor in visitors:
        if request.node.stash.get(_FAILED, False):
            print(f"In sight at {visitor.page.url}:\n{visitor.page.locator('body').inner_text()}")
        visitor.page.context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The text of axe-core."""
    pytest.importorskip(
        "axe_playwright_python", reason="axe-playwright-python, which brings axe-core, is not installed"
    )
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
