"""Network cameras, against a real server on this machine with the habits of real cameras, good and bad."""

from __future__ import annotations

import base64
import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from edge_runtime.cameras import CameraFault, Frame, Pace, http, open_camera, shown_spec
from edge_runtime.cameras.grabber import Grabber, Timing
from edge_runtime.cameras.mjpeg import PartReader

SECRET = "pa:ss w@rd"
Handler = Callable[["CameraHandler"], None]


def jpeg(red: int, size: tuple[int, int] = (32, 24)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (red, 60, 40)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def red_of(frame: Frame) -> int:
    return round(float(frame.pixels[..., 0].mean()) / 10) * 10


class CameraHandler(BaseHTTPRequestHandler):
    """Answers a path with the function of that name in ``server.pages``."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        with suppress(OSError):
            self.server.pages[self.path.partition("?")[0]](self)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass

    def begin(self, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, data: bytes, piece: int = 0) -> None:
        for start in range(0, len(data), piece or len(data) or 1):
            self.wfile.write(data[start : start + (piece or len(data) or 1)])
            self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    pages: dict[str, Handler]
    asked: list[tuple[str, dict[str, str]]]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), CameraHandler)
    server.pages, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def stream(
    pictures: list[bytes], boundary: str = "frame", dashes: str = "--", length: bool = True, piece: int = 0,
    pause: float = 0.0, end: str = "\r\n", preamble: bytes = b"",
) -> Handler:  # fmt: skip
    """An MJPEG stream, one part after the other."""

    def page(handler: CameraHandler) -> None:
        handler.begin(f"multipart/x-mixed-replace; boundary={boundary}")
        handler.send(preamble)
        for picture in pictures:
            head = f"{dashes}{boundary.strip(chr(34))}{end}Content-Type: image/jpeg{end}"
            head += f"Content-Length: {len(picture)}{end}" if length else ""
            handler.send(f"{head}{end}".encode() + picture + end.encode(), piece)
            time.sleep(pause)
        handler.send(f"{dashes}{boundary}--{end}".encode())

    return page


def read_all(address: str) -> list[Frame]:
    frames = []
    with closing(open_camera(address)) as camera, suppress(CameraFault):
        while True:
            frames.append(camera.read(5.0))
    return frames


REDS = [50, 100, 150, 200]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"length": False},
        {"piece": 7},
        {"piece": 1, "length": False},
        {"boundary": '"a b:c"', "length": False},
        {"boundary": "--dashed", "dashes": ""},
        {"boundary": "--dashed", "dashes": "", "length": False},
        {"end": "\n"},
        {"end": "\n", "length": False, "piece": 11},
        {"preamble": b"\r\n\r\nwelcome\r\n"},
    ],
    ids=str,
)
def test_streams(server: Server, options: dict[str, object]) -> None:
    server.pages["/video"] = stream([jpeg(red) for red in REDS], pause=0.03, **options)  # type: ignore[arg-type]
    frames = read_all(f"{server.base}/video")
    reds = [red_of(frame) for frame in frames]
    assert reds == [red for red in REDS if red in reds] and len(reds) >= 2  # in order, none twice
    numbers = [frame.sequence for frame in frames]
    assert [REDS[number] for number in numbers] == reds  # a gap in the numbers is a picture that was left out
    assert frames[0].pixels.shape == (24, 32, 3)


@pytest.mark.parametrize("piece", [3, 50, 4096])
def test_parts_whatever_the_pieces(piece: int) -> None:
    one, two = jpeg(10), jpeg(20)
    sized = b"junk--b\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(one), one)
    unsized = b"--b\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n" % two
    long = b"--b\r\nContent-Length: 99999\r\n\r\nxxxx\r\n--b\r\n\r\n" + b"y" * 2000 + b"\r\n"
    data = (
        sized + unsized + long + sized + b"--b\r\n\r\n\r\n" + b"--b\r\n" + b"h" * 20_000 + b"\r\n" + unsized + b"--b--"
    )
    reader = PartReader("b", longest=1500)
    parts = [part for start in range(0, len(data), piece) for part in reader.feed(data[start : start + piece])]
    assert parts == [one, two, one, two]
    assert reader.oversized == 2
    assert len(reader._buffer) < 20


def test_a_part_that_never_ends_is_not_kept() -> None:
    reader = PartReader("b", longest=10_000)
    reader.feed(b"--b\r\n\r\n")
    for _ in range(200):
        assert reader.feed(b"x" * 1000) == []
        assert len(reader._buffer) < 12_000
    assert reader.oversized == 1


def test_damaged_pictures_are_left_out(server: Server) -> None:
    good = [jpeg(50), jpeg(100)]
    pictures = [good[0], jpeg(70)[:200], b"no picture", good[1]]
    server.pages["/video"] = stream(pictures, pause=0.35)
    with closing(open_camera(f"{server.base}/video")) as camera:
        assert [red_of(camera.read(5.0)) for _ in range(2)] == [50, 100]
        assert camera.damaged == 2


def test_oversized_pictures_are_left_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_FRAME_BYTES", 20_000)
    monkeypatch.setattr(http, "MAX_FRAME_PIXELS", 32 * 24)
    pictures = [jpeg(50), jpeg(100) + bytes(30_000), jpeg(110, (33, 24)), jpeg(200)]
    for length in (True, False):
        server.pages["/video"] = stream(pictures, pause=0.35, length=length)
        with closing(open_camera(f"{server.base}/video")) as camera:
            assert [red_of(camera.read(5.0)) for _ in range(2)] == [50, 200]
            assert camera.damaged == 2


def test_a_fast_stream_gives_the_newest(server: Server) -> None:
    server.pages["/video"] = stream([jpeg(50)] * 3000, pause=0.0)
    with closing(open_camera(f"{server.base}/video")) as camera:
        first = camera.read(5.0)
        time.sleep(0.3)
        assert camera.read(5.0).sequence > first.sequence + 5


def test_a_server_that_dies_midway(server: Server) -> None:
    def page(handler: CameraHandler) -> None:
        stream([jpeg(50)], pause=0.3)(handler)
        handler.send(b"--frame\r\nContent-Length: 5000\r\n\r\n" + jpeg(60)[:300])

    server.pages["/video"] = page
    with closing(open_camera(f"{server.base}/video")) as camera:
        assert red_of(camera.read(5.0)) == 50
        with pytest.raises(CameraFault, match="ended its stream"):
            camera.read(5.0)


def test_the_grabber_comes_back_to_a_server_that_dies_again_and_again(server: Server) -> None:
    reds = itertools.count()

    def page(handler: CameraHandler) -> None:
        handler.begin("multipart/x-mixed-replace; boundary=frame")
        for _ in range(2):
            picture = jpeg(next(reds) % 25 * 10)
            handler.send(b"--frame\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(picture), picture))
            time.sleep(0.02)
        handler.send(b"--frame\r\nContent-")

    server.pages["/video"] = page
    timing = Timing(hung_after=2.0, close_within=0.5, first_retry=0.01, longest_retry=0.05)
    numbers = []
    with Grabber(lambda: open_camera(f"{server.base}/video"), timing) as grabber:
        while grabber.reopened < 10:
            frame = grabber.take(5.0)
            assert frame is not None
            numbers.append(frame.sequence)
        assert grabber.abandoned == 0
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("after", ["nothing", "head", "trickle"])
def test_silence_is_a_fault_after_the_time_out(server: Server, after: str) -> None:
    go = threading.Event()

    def page(handler: CameraHandler) -> None:
        handler.begin("multipart/x-mixed-replace; boundary=frame")
        if after != "nothing":
            handler.send(b"--frame\r\nContent-Length: 5000\r\n\r\n")
        while after == "trickle" and not go.wait(0.05):
            handler.send(b"x")
        go.wait(1200)

    server.pages["/video"] = page
    with closing(open_camera(f"{server.base}/video")) as camera:
        begin = time.monotonic()
        with pytest.raises(CameraFault, match="does not answer in time"):
            camera.read(0.4)
        assert 0.3 < time.monotonic() - begin < 60
    go.set()


def test_closing_wakes_a_reader(server: Server) -> None:
    go = threading.Event()

    def page(handler: CameraHandler) -> None:
        handler.begin("multipart/x-mixed-replace; boundary=frame")
        go.wait(1200)

    server.pages["/video"] = page
    camera = open_camera(f"{server.base}/video")
    threading.Timer(0.2, camera.close).start()
    begin = time.monotonic()
    with pytest.raises(CameraFault):
        camera.read(600.0)
    assert time.monotonic() - begin < 60
    go.set()


def test_snapshots_are_fetched_again_and_again(server: Server) -> None:
    reds = itertools.count(1)

    def page(handler: CameraHandler) -> None:
        data = jpeg(next(reds) * 30)
        handler.begin("image/jpeg", Content_Length=str(len(data)))
        handler.send(data, 100)

    server.pages["/shot.jpg"] = page
    with closing(open_camera(f"{server.base}/shot.jpg?channel=1")) as camera:
        assert camera.pace is Pace.ASKED
        begin = time.monotonic()
        frames = [camera.read(5.0) for _ in range(4)]
        assert time.monotonic() - begin > 0.25  # the camera is not run down
    assert [red_of(frame) for frame in frames] == [30, 60, 90, 120]
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3]
    assert server.asked[-1][0] == "/shot.jpg?channel=1"


def test_snapshots_as_png_of_unknown_length(server: Server) -> None:
    def page(handler: CameraHandler) -> None:
        handler.begin("image/png")
        picture = io.BytesIO()
        Image.new("RGB", (5, 4), (1, 2, 3)).save(picture, "PNG")
        handler.send(picture.getvalue())

    server.pages["/shot.png"] = page
    with closing(open_camera(f"{server.base}/shot.png")) as camera:
        assert (camera.read(5.0).pixels == np.array([1, 2, 3])).all()


def test_a_snapshot_that_is_cut_or_endless(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(handler: CameraHandler) -> None:
        handler.begin("image/jpeg", Content_Length="100000")
        handler.send(jpeg(10))

    def endless(handler: CameraHandler) -> None:
        handler.begin("image/jpeg")
        while True:
            handler.send(bytes(10_000))

    monkeypatch.setattr(http, "MAX_FRAME_BYTES", 100_000)
    server.pages |= {"/cut": cut, "/endless": endless}
    for path, message in (("/cut", "sent [0-9,]+ of 100,000 bytes"), ("/endless", "more than 100,000 bytes")):
        with closing(open_camera(server.base + path)) as camera, pytest.raises(CameraFault, match=message):
            camera.read(5.0)


@pytest.mark.parametrize(
    "status, kind, message",
    [
        (401, "text/html", r"answers 401: it wants a user name"),
        (404, "text/html", r"answers 404: it is not there"),
        (500, "text/html", r"answers 500: it refuses"),
        (200, "text/html; charset=utf-8", r"sends text/html; charset=utf-8, no pictures"),
        (200, "", r"sends nothing that it names"),
        (200, "multipart/x-mixed-replace", r"names no boundary"),
    ],
)
def test_what_is_no_camera(server: Server, status: int, kind: str, message: str) -> None:
    server.pages["/"] = lambda handler: handler.begin(kind, status)
    with pytest.raises(CameraFault, match=message):
        open_camera(server.base)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(CameraFault, match="refuses the connection"):
        open_camera("http://127.0.0.1:9/video")


def test_a_server_that_speaks_another_language(server: Server) -> None:
    def page(handler: CameraHandler) -> None:
        handler.send(b"SSH-2.0-dropbear\r\n")

    server.pages["/"] = page
    with pytest.raises(CameraFault, match=r"broke off \(BadStatusLine\)"):
        open_camera(server.base)


def redirect(to: str) -> Handler:
    return lambda handler: handler.begin("", 302, Location=to)


def test_redirects(server: Server) -> None:
    server.pages |= {"/a": redirect("/b?x=1"), "/b": stream([jpeg(50)]), "/round": redirect("/round")}
    assert len(read_all(f"{server.base}/a")) == 1
    with pytest.raises(CameraFault, match="from address to address"):
        open_camera(f"{server.base}/round")
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)"):
        server.pages["/a"] = redirect(target)
        with pytest.raises(CameraFault, match="which is no http address"):
            open_camera(f"{server.base}/a")


def test_a_password_is_sent_to_its_own_server_only_and_never_shown(server: Server) -> None:
    other = Server(("127.0.0.1", 0), CameraHandler)
    other.pages, other.asked = {"/video": stream([jpeg(50)])}, []
    threading.Thread(target=other.serve_forever, daemon=True).start()
    address = f"http://me:pa%3Ass%20w%40rd@127.0.0.1:{server.server_address[1]}/here?token=SECRET"
    server.pages |= {"/here": redirect("/there"), "/there": redirect(f"{other.base}/video")}
    with closing(open_camera(address)) as camera:
        assert "***" in camera.name
    expected = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert [headers.get("Authorization") for _, headers in server.asked] == [expected, expected]
    assert [headers.get("Authorization") for _, headers in other.asked] == [None]
    other.shutdown()
    other.server_close()
    server.pages = {"/here": lambda handler: handler.begin("text/plain", 403)}
    with pytest.raises(CameraFault) as refused:
        open_camera(address)
    server.pages = {"/here": lambda handler: handler.begin("text/plain", 401)}
    with pytest.raises(CameraFault, match="does not take this user name and password"):
        open_camera(address)
    for text in (camera.name, str(refused.value), shown_spec(address)):
        assert not any(word in text for word in ("pa%3A", "ss%20w", SECRET, "SECRET", "me:", "me@"))


@pytest.mark.parametrize(
    "address, shown",
    [
        ("http://h/video", "http://h/video"),
        ("http://u:p@h:81/video?pwd=x#y", "http://***@h:81/video?***"),
        ("https://[fe80::1]:8443/", "https://[fe80::1]:8443/"),
        ("http://u:p@[broken/x", "http://..."),
        ("http://u:p@h:port/x", "http://..."),
    ],
)
def test_masked_addresses(address: str, shown: str) -> None:
    assert shown_spec(address) == shown
