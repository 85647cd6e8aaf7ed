"""The live view: newest frame wins, a slow viewer holds nobody up, the words are those of a captured field."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime.cameras import CameraFault, CameraInfo, Frame, Pace
from tests.edge_runtime.server.server_tools import Served, field_image, served, wait_until

from edge_runtime.cameras.auto import AnyCamera, CameraChoice, choose  # isort: skip
from edge_runtime.server.live.readings import Glances, look  # isort: skip  after the skip above
from edge_runtime.server.live.follower import Live, live_jpeg, live_pixels  # isort: skip
from edge_runtime.server.problems import Problem  # isort: skip
from edge_runtime.server.live.streams import Stream, pictures  # isort: skip

pytest.importorskip("cv2", reason="whole fields need OpenCV")


T = TypeVar("T")


class Camera:
    """Gives numbered grey pictures at a rate, until it is broken."""

    name = "A test camera"
    pace = Pace.LIVE
    slowest = 0.1
    damaged = 0

    def __init__(self, fps: float = 50.0) -> None:
        self.count = 0
        self.broken = threading.Event()
        self._period = 1 / fps

    def read(self, timeout: float) -> Frame:
        if self.broken.wait(self._period):
            raise CameraFault("The test camera is unplugged.")
        self.count += 1
        pixels = np.full((24, 32, 3), self.count % 250, np.uint8)
        return Frame(pixels, self.count, time.monotonic())

    def close(self) -> None:
        pass


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def live(camera: Camera) -> Iterator[Live]:
    made = Live(CameraChoice("replay:x", lambda: camera), lambda: False)
    made.start()
    yield made
    made.close()


def run_alone(coroutine: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: the browser tests, when they ran before, keep an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def test_the_newest_frame_is_at_hand(live: Live, camera: Camera) -> None:
    first = live.newest(1200)
    wait_until(lambda: camera.count > first.sequence + 5)
    assert live.newest().sequence > first.sequence
    assert live.encoded == 0  # nobody watches


def test_each_picture_is_made_once_for_all_viewers(live: Live) -> None:
    async def watch() -> tuple[int, int]:
        with live.watching() as one, live.watching():
            before = live.encoded
            for _ in range(5):
                await one.wait(1200)
            return live.viewers, live.encoded - before

    viewers, encoded = run_alone(watch())
    assert viewers == 2 and 5 <= encoded <= 8
    assert live.viewers == 0


def test_a_slow_viewer_gets_fewer_pictures_each_of_them_new(live: Live, camera: Camera) -> None:
    ages: dict[str, list[int]] = {"slow": [], "quick": []}

    async def view(name: str, pause: float, ending: float) -> None:
        stop = time.monotonic() + ending
        async for piece in pictures(live, lambda: time.monotonic() > stop):
            if b"image/jpeg" in piece:
                jpeg = piece.partition(b"\r\n\r\n")[2]
                shown = int(np.asarray(Image.open(io.BytesIO(jpeg)))[0, 0, 0])
                ages[name].append(camera.count % 250 - shown)
                await asyncio.sleep(pause)

    async def both() -> None:
        await asyncio.gather(view("slow", 0.4, 2.0), view("quick", 0.0, 2.0))

    run_alone(both())
    assert 3 <= len(ages["slow"]) <= 6 and len(ages["quick"]) >= 4 * len(ages["slow"])
    assert max(ages["slow"]) <= 12  # some 0.2 s at 50 a second, whatever was missed


def test_a_viewer_that_takes_nothing_is_given_up(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.server.live.streams._STUCK", 0.2)

    async def run() -> None:
        never = asyncio.Event()

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.body":
                await never.wait()

        async def receive() -> dict[str, object]:
            await never.wait()
            return {}

        stream = Stream(lambda: pictures(live, lambda: False), "x/y")
        await asyncio.wait_for(stream({}, receive, send), 1200)  # type: ignore[arg-type]

    run_alone(run())
    assert live.viewers == 0


def test_a_camera_that_is_lost_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.server.live.follower._STALE", 0.3)
    cameras = [Camera(), Camera()]
    given = iter(cameras)
    back = threading.Event()

    def make() -> Camera:
        found = next(given)
        if found is cameras[1]:
            back.wait(1200)
        return found

    live = Live(CameraChoice("replay:x", make), lambda: False)
    live.start()
    try:
        live.newest(1200)
        cameras[0].broken.set()
        wait_until(lambda: live.state == "lost")
        with pytest.raises(Problem, match="unplugged") as lost:
            live.newest(0.1)
        assert (lost.value.status, lost.value.kind) == (503, "camera-lost")
        back.set()
        wait_until(lambda: live.state == "live")
        assert live.newest().sequence > 0
        assert any("is back" in sentence for _, sentence in live.news(0))
    finally:
        back.set()
        live.close()


def test_an_outage_teaches_no_patience_with_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.server.live.follower._STALE", 0.3)
    cameras, gate = [], threading.Event()

    def make() -> Camera:
        gate.wait(1200)
        cameras.append(Camera())
        return cameras[-1]

    live = Live(CameraChoice("replay:x", make), lambda: False)
    gate.set()
    live.start()
    try:
        live.newest(1200)
        for outage in (2.0, 0.0):
            gate.clear()
            cameras[-1].broken.set()
            begin = time.monotonic()
            wait_until(lambda: live.state == "lost")
            assert time.monotonic() - begin < 5, "the outage before counts as a slow camera"
            with pytest.raises(Problem, match="gives no picture"):
                live.newest()
            time.sleep(outage)
            gate.set()
            wait_until(lambda: live.state == "live")
    finally:
        gate.set()
        live.close()


def test_a_slow_camera_is_no_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.server.live.follower._STALE", 0.2)
    live = Live(CameraChoice("replay:x", lambda: Camera(fps=2.5)), lambda: False)
    live.start()
    try:
        live.newest(1200)
        wait_until(lambda: live.received >= 3)
        states = set()
        for _ in range(60):
            states.add(live.state)
            live.newest()
            time.sleep(0.02)
        assert states == {"live"}
    finally:
        live.close()


def test_an_old_frame_is_not_the_newest(live: Live) -> None:
    frame = live.newest(1200)
    live.close()
    live._frame = replace(frame, captured=time.monotonic() - 6)
    assert live.state == "live"
    with pytest.raises(Problem, match="gives no picture"):
        live.newest()


def test_a_camera_that_is_not_there_yet_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.server.live.follower._RETRY", 0.1)
    tries = 0

    def make() -> Camera:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise CameraFault("No camera is connected.")
        return Camera()

    live = Live(CameraChoice("replay:x", make), lambda: False)
    live.start()
    try:
        assert live.newest(10).sequence >= 0 and tries == 3
        assert [sentence for _, sentence in live.news(0)] == ["No camera is connected. It is tried again."]
    finally:
        live.close()


def test_any_camera_is_the_first_one_connected(monkeypatch: pytest.MonkeyPatch, camera: Camera) -> None:
    connected: list[CameraInfo] = []
    monkeypatch.setattr("edge_runtime.cameras.auto.list_cameras", lambda: (connected, []))
    monkeypatch.setattr("edge_runtime.cameras.auto.camera_maker", lambda spec, size: lambda: camera)
    choice = choose("auto", None)
    assert isinstance(choice, AnyCamera) and choice.spec == "auto"
    with pytest.raises(CameraFault, match="No camera is connected"):
        choice()
    connected.append(CameraInfo("v4l2:/dev/video2", "Microscope", "usb"))
    assert choice() is camera and choice.spec == "v4l2:/dev/video2"


def test_live_pictures_are_small() -> None:
    wide = Frame(np.zeros((1500, 4000, 3), np.uint8), 0, 0.0)
    assert Image.open(io.BytesIO(live_jpeg(wide))).size == (960, 360)
    own = Frame(wide.pixels, 0, 0.0, live=np.zeros((240, 320, 3), np.uint8))
    assert Image.open(io.BytesIO(live_jpeg(own))).size == (320, 240)
    assert live_pixels(wide).shape == (375, 1000, 3)


def test_the_words_of_the_live_view(live: Live) -> None:
    field = Image.open(io.BytesIO(field_image(0, (960, 720))))

    def pixels(blur: float = 0.0, gain: float = 1.0) -> np.ndarray:
        blurred = field.filter(ImageFilter.GaussianBlur(blur))
        return np.clip(np.asarray(blurred) * gain, 0, 255).astype(np.uint8)

    glances = Glances(live, lambda: False)
    cases = [
        (pixels(), "sharp", "ok", "ok"),
        (pixels(blur=2.5), "soft", "ok", "ok"),
        (pixels(blur=9), "blurred", "ok", "ok"),
        (pixels(gain=0.2), None, "dark", "ok"),
        (pixels(gain=1.6), None, "clipped", None),
        (np.full((720, 960, 3), 200, np.uint8), "blurred", "ok", "sparse"),
    ]
    for number, (picture, focus, exposure, density) in enumerate(cases):
        glance = glances._judge(number, look(picture))
        assert focus in (None, glance.focus_word), (number, glance)
        assert glance.exposure == exposure and density in (None, glance.density), (number, glance)
        assert 0 <= glance.focus <= 1
    first = glances._judge(9, look(pixels()))
    assert 0.75 < first.focus < 1 and first.cells > 20  # the dark one had steeper edges


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("live")
    (folder / "fields").mkdir()
    for seed in range(3):
        (folder / "fields" / f"{seed}.jpg").write_bytes(field_image(seed, kind="JPEG"))
    with served(folder, "--camera", f"replay:{folder / 'fields'}@15,loop", "--viewers", "2") as running:
        yield running


def test_mjpeg_as_a_browser_reads_it(server: Served) -> None:
    connection = server.connect()
    connection.request("GET", "/v1/live.mjpeg")
    answer = connection.getresponse()
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=thinsmear-frame"
    from edge_runtime.cameras.mjpeg import PartReader

    reader, found = PartReader("thinsmear-frame", 1_000_000), []
    begin = time.monotonic()
    while len(found) < 12 and time.monotonic() < begin + 1200:
        found += reader.feed(answer.read1(65536))
    assert len(found) == 12
    assert {Image.open(io.BytesIO(jpeg)).size for jpeg in found} == {(480, 360)}
    connection.close()
    wait_until(lambda: server.metric("live_viewers") == 0)


def test_events_say_what_is_seen(server: Served) -> None:
    import json

    connection = server.connect()
    connection.request("GET", "/v1/live/events")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")
    said: dict[str, object] = {}
    until = time.monotonic() + 1200
    while said.get("density") in (None, "unknown") and time.monotonic() < until:
        line = answer.readline()
        if line.startswith(b"data: "):
            said = json.loads(line[6:])
    connection.close()
    assert set(said) == {"sequence", "focus", "focus_word", "exposure", "density", "cells", "camera", "damaged", "news"}
    assert said["camera"] == "live" and said["density"] != "unknown"


def test_no_more_viewers_than_allowed(server: Served) -> None:
    wait_until(lambda: server.metric("live_viewers") == 0)
    views = [server.connect() for _ in range(2)]
    for view in views:
        view.request("GET", "/v1/live.mjpeg")
        assert view.getresponse().status == 200
    wait_until(lambda: server.metric("live_viewers") == 2)
    status, problem = server.ask("GET", "/v1/live.mjpeg")
    assert (status, problem["kind"]) == (503, "busy")
    for view in views:
        view.close()


def test_capture_keeps_what_the_camera_shows(server: Served, tmp_path: Path) -> None:
    code = server.ask("POST", "/v1/sessions", {"slide": "A17", "stop": "who"})[1]["session"]
    status, document = server.ask("POST", f"/v1/sessions/{code}/capture")
    assert status == 201 and (document["field"], document["width"]) == (1, 480)
    stored = Image.open(io.BytesIO(server.ask("GET", document["image"])[1]))
    assert stored.format == "PNG"
    sources = [np.asarray(Image.open(io.BytesIO(field_image(seed, kind="JPEG")))) for seed in range(3)]
    assert any(np.array_equal(np.asarray(stored), source) for source in sources)
    # the same answer as for the same pixels without a session
    status, lines = server.upload("/v1/fields", server.ask("GET", document["image"])[1])
    plain = [
        {name: cell[name] for name in ("box", "probability", "review", "count")} for cell in document["result"]["cells"]
    ]
    assert lines["results"][0]["cells"] == plain
    exported = server.ask("GET", f"/v1/sessions/{code}/export.json")[1]
    assert exported["fields"][0]["camera"] == {"source": "replay", "width": 480, "height": 360}
