"""The thread that keeps the newest frame: nothing queues up, nothing is seen twice, and a broken camera comes back."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge_runtime.cameras.grabber import Grabber, Timing
from edge_runtime.cameras.protocol import Camera, CameraFault, EndOfStream, Frame, Pace
from edge_runtime.errors import EnvironmentLacks

PIXELS = np.zeros((2, 2, 3), np.uint8)
# everything twenty times as fast as in use: a silent camera is noticed within a quarter second instead of five
FAST = Timing(
    first_open=3.0, open_within=0.75, hung_after=0.2, close_within=0.1, first_retry=0.025, longest_retry=0.25,
    refresh=0.05,
)  # fmt: skip


class Bench:
    """A place where cameras are plugged in and pulled out.

    ``pull(how)`` breaks the camera that is open; the next one works again after ``absent`` failed openings.
    """

    def __init__(self, pace: Pace = Pace.LIVE, period: float = 0.002) -> None:
        self.pace, self.period = pace, period
        self.how = ""
        self.absent = 0
        self.open_now = self.most_open = self.openings = self.taken_pictures = 0
        self.released = threading.Event()  # frees what hangs for ever, at the end of a test
        self.serial = 0

    def make(self) -> Camera:
        self.openings += 1
        if self.absent > 0:
            self.absent -= 1
            raise CameraFault("The camera is not connected.")
        return BenchCamera(self)

    def pull(self, how: str, absent: int = 0) -> None:
        self.absent = absent
        self.how = how


class BenchCamera:
    slowest = 0.0
    damaged = 0

    def __init__(self, bench: Bench) -> None:
        self.bench, self.name, self.pace = bench, "The camera of the test", bench.pace
        self._closed = threading.Event()
        self._broken = ""
        self._sequence = -1
        bench.how = ""
        bench.open_now += 1

    def read(self, timeout: float) -> Frame:
        if self._closed.wait(self.bench.period):
            raise CameraFault("The camera was closed.")
        self._broken = self._broken or self.bench.how
        if self._broken == "error":
            raise CameraFault("The camera was pulled.")
        if self._broken == "crash":
            raise RuntimeError("a library's own error")
        if self._broken == "hang":  # returns when it is closed
            self._closed.wait()
            raise CameraFault("The camera was closed.")
        if self._broken in ("hang for ever", "close hangs"):
            self.bench.released.wait()
            raise CameraFault("too late")
        if self._broken != "repeat":
            self._sequence += 1
            self.bench.serial += 1
        return Frame(np.full((2, 2, 3), self.bench.serial % 256, np.uint8), self._sequence, time.monotonic())

    def close(self) -> None:
        self._closed.set()
        if self._broken == "close hangs":
            self.bench.released.wait()
        self.bench.open_now -= 1


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*arguments: object, **options: object) -> Bench:
        made.append(Bench(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.released.set()


def next_frame(grabber: Grabber, within: float = 1200.0) -> Frame:
    frame = grabber.take(within)
    assert frame is not None, f"no frame within {within} s"
    return frame


def test_the_newest_frame_wins(bench: Callable[..., Bench]) -> None:
    with Grabber(bench().make, FAST) as grabber:
        first = next_frame(grabber)
        time.sleep(0.3)  # a slow consumer
        second = next_frame(grabber)
        assert second.sequence > first.sequence + 10
        assert grabber.skipped >= second.sequence - first.sequence - 1


def test_a_frame_is_given_once(bench: Callable[..., Bench]) -> None:
    source = bench(period=0.05)
    with Grabber(source.make, FAST) as grabber:
        frames = [frame for _ in range(400) if (frame := grabber.take(0.0005)) is not None]
    numbers = [frame.sequence for frame in frames]
    assert 2 <= len(numbers) == len(set(numbers)) < 100 and numbers == sorted(numbers)


HOWS = ["error", "crash", "hang", "error", "crash", "repeat", "error", "hang", "crash", "error"]


@pytest.mark.parametrize("pulls", [12, pytest.param(50, marks=pytest.mark.long)])
def test_pulls_one_after_another(pulls: int, bench: Callable[..., Bench]) -> None:
    """Each is recovered, and no frame is given twice."""
    source = bench()
    given: list[int] = []
    pictures: list[int] = []
    seconds: list[float] = []
    with Grabber(source.make, FAST) as grabber:
        frame = next_frame(grabber)
        for number in range(pulls):
            for _ in range(3):
                frame = next_frame(grabber)
                given.append(frame.sequence)
                pictures.append(int(frame.pixels[0, 0, 0]))
            begin, openings = time.monotonic(), source.openings
            source.pull(HOWS[number % len(HOWS)], absent=number % 3)
            while source.openings == openings or source.absent or source.open_now == 0:
                frame = grabber.take(0.01) or frame
                assert time.monotonic() - begin < 1200, f"pull {number} is not noticed"
            grabber.take(0)
            frame = next_frame(grabber)
            seconds.append(time.monotonic() - begin)
            given.append(frame.sequence)
        assert grabber.reopened >= pulls and grabber.abandoned == 0
    assert len(given) == len(set(given)) and given == sorted(given)
    assert all(a != b for a, b in itertools.pairwise(pictures))
    print(f"{pulls} pulls, median {sorted(seconds)[pulls // 2]:.2f} s, longest {max(seconds):.2f} s")
    assert source.open_now == 0


@pytest.mark.parametrize("how", ["hang for ever", "close hangs"])
def test_a_camera_that_does_not_let_go_is_left_behind(bench: Callable[..., Bench], how: str) -> None:
    source = bench()
    with Grabber(source.make, FAST) as grabber:
        next_frame(grabber)
        source.pull(how)
        begin = time.monotonic()
        while grabber.reopened == 0:
            grabber.take(0.02)
            assert time.monotonic() - begin < 1200
        assert next_frame(grabber).sequence > 0
        assert grabber.abandoned == 1
        source.pull(how)  # and the end of the program does not wait for one either
        time.sleep(0.05)
        begin = time.monotonic()
    assert time.monotonic() - begin < 60


def test_no_more_than_a_few_are_left_behind(bench: Callable[..., Bench]) -> None:
    """A driver that is stuck for good must not eat the memory with ever more attempts."""
    source = bench()
    with Grabber(source.make, FAST) as grabber:
        for number in range(4):
            next_frame(grabber)
            source.pull("hang for ever")
            begin = time.monotonic()
            while grabber.abandoned == number:
                grabber.take(0.02)
                assert time.monotonic() - begin < 1200
        time.sleep(0.6)
        assert source.openings == 4
        source.released.set()  # the driver answers again
        assert next_frame(grabber).sequence > 0


def test_in_use_a_silent_camera_is_noticed_after_four_seconds_and_opened_again(bench: Callable[..., Bench]) -> None:
    source = bench()
    with Grabber(source.make) as grabber:
        next_frame(grabber)
        source.pull("hang for ever")
        begin = time.monotonic()
        while not (news := grabber.news()):
            grabber.take(0.05)
            assert time.monotonic() - begin < 1200
        noticed = time.monotonic() - begin - Timing().close_within  # the news comes after the attempt to close it
        while grabber.reopened == 0:
            grabber.take(0.05)
        next_frame(grabber)
        assert noticed > 3.9
    assert "gave no frame for 4 s; check its cable" in news[0] and "opened again" in news[0]


def test_the_pause_between_attempts_doubles() -> None:
    attempts: list[float] = []
    bench = Bench()

    def make() -> Camera:
        attempts.append(time.monotonic())
        if 1 < len(attempts) < 9:
            raise CameraFault("The camera is not connected.")
        return bench.make()

    with Grabber(make, FAST) as grabber:
        next_frame(grabber)
        bench.pull("error")
        while len(attempts) < 9:
            grabber.take(0.05)
        pauses = np.diff(attempts[1:])
        while not any("back" in sentence for sentence in grabber.news()):
            grabber.take(0.05)
    expected = [0.05, 0.1, 0.2, 0.25, 0.25, 0.25, 0.25]
    assert all(0.95 * e <= p for p, e in zip(pauses, expected, strict=True)), pauses
    assert sorted(pauses - expected)[3] < 0.2, pauses


@pytest.mark.parametrize(
    "error", [CameraFault("The camera is not connected."), EnvironmentLacks("Something is missing.")]
)
def test_a_camera_that_never_worked_is_an_error(error: Exception) -> None:
    def make() -> Camera:
        raise error

    with Grabber(make, FAST) as grabber, pytest.raises(type(error), match=str(error)):
        grabber.take(5)


def test_a_camera_that_does_not_open_is_an_error() -> None:
    released = threading.Event()

    def make() -> Camera:
        released.wait()
        raise CameraFault("too late")

    begin = time.monotonic()
    with Grabber(make, FAST) as grabber, pytest.raises(CameraFault, match=r"did not open within 3 s"):
        grabber.take(10)
    assert time.monotonic() - begin < 60
    released.set()


def test_the_first_time_the_cameras_package_may_take_long_to_load(bench: Callable[..., Bench]) -> None:
    """Later it is in memory, and a camera that takes as long is hung."""
    source, waits = bench(), [1.0, 60.0]

    def make() -> Camera:
        if waits:
            source.released.wait(waits.pop(0))
        return source.make()

    with Grabber(make, FAST) as grabber:
        next_frame(grabber)
        assert grabber.reopened == 0
        source.pull("error")
        begin = time.monotonic()
        while source.openings == 1:
            grabber.take(0.02)
            assert time.monotonic() - begin < 1200
        assert grabber.reopened == 2


class Film:
    """Five frames, then the end."""

    name, slowest, damaged = "The film", 0.0, 0

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.read_at: list[float] = []

    def read(self, timeout: float) -> Frame:
        if len(self.read_at) == 5:
            raise EndOfStream
        self.read_at.append(time.monotonic())
        return Frame(PIXELS, len(self.read_at) - 1, self.read_at[-1])

    def close(self) -> None:
        pass


def test_at_the_pace_every_nothing_is_dropped() -> None:
    with Grabber(lambda: Film(Pace.EVERY), FAST) as grabber:
        numbers = []
        while (frame := grabber.take(0.5)) is not None:
            numbers.append(frame.sequence)
            time.sleep(0.02)
        assert numbers == [0, 1, 2, 3, 4] and grabber.ended and grabber.skipped == 0


def test_at_the_pace_asked_one_is_read_ahead_and_replaced_when_it_is_old() -> None:
    film = Film(Pace.ASKED)
    with Grabber(lambda: film, Timing(refresh=0.1)) as grabber:
        assert next_frame(grabber).sequence == 0
        time.sleep(0.02)
        assert len(film.read_at) == 2
        time.sleep(0.15)
        assert len(film.read_at) == 3
        assert next_frame(grabber).sequence == 2 and grabber.skipped == 1


def test_closing_a_grabber_that_was_never_started() -> None:
    opened: list[Film] = []

    def make() -> Camera:
        opened.append(Film(Pace.LIVE))
        return opened[-1]

    threads = set(threading.enumerate())
    grabber = Grabber(make)
    grabber.close()
    assert opened == [] and grabber.received == 0 and set(threading.enumerate()) <= threads
