"""The loop of ``thinsmear watch``: takes the newest frames until it shall end; prints, keeps and adds up results."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import emit_json, note
from edge_runtime.common.text import printable
from edge_runtime.core.card import RESEARCH_USE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.cameras import Frame
    from edge_runtime.cameras.grabber import Grabber
    from edge_runtime.commands.watch.outcomes import Judge, PictureJudgement
    from edge_runtime.sessions.recorder import Recorder

_SLICE = 0.2  # seconds after which a waiting loop looks whether it shall end


class Ending:
    """Notices SIGTERM and Ctrl-C while in use, so that the picture at hand is finished and the camera released.

    Attributes:
        asked: somebody wants the program to end.
        interrupted: it was Ctrl-C; a second one ends the program at once.
    """

    def __init__(self) -> None:
        self.asked = self.interrupted = False
        self._before: list[tuple[signal.Signals, Any]] = []

    def __enter__(self) -> Ending:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            for sign, handler in ((signal.SIGTERM, self._ask), (signal.SIGINT, self._interrupt)):
                self._before.append((sign, signal.signal(sign, handler)))
        return self

    def __exit__(self, *_: object) -> None:
        for sign, handler in self._before:
            signal.signal(sign, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def _interrupt(self, *_: object) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.asked = self.interrupted = True


def frames_of(grabber: Grabber, ending: Ending, most: int | None, interval: float) -> Iterator[Frame]:
    """The newest frame, no more often than the interval allows, until there is a reason to end."""
    given = 0
    begin = time.monotonic()
    while not ending.asked and (most is None or given < most):
        wait = begin - time.monotonic()
        if given and wait > 0:
            time.sleep(min(wait, _SLICE))
            continue
        frame = grabber.take(_SLICE)
        for sentence in grabber.news():
            note(sentence)
        if frame is not None:
            given += 1
            begin = time.monotonic() + interval
            yield frame
        elif grabber.ended:
            return


class Watching:
    """Prints, keeps and adds up what one call of the command sees.

    Attributes:
        pictures: judged so far.
    """

    def __init__(
        self, judge: Judge, source: str, folder: Path | None, as_json: bool, recorder: Recorder | None
    ) -> None:
        self._recorder = recorder
        self._told = False
        self._judge = judge
        self._source = source
        self._folder = folder
        self._as_json = as_json
        self._tally: Counter[str] = Counter()
        self.pictures = 0
        self._repeats = 0
        self._last: NDArray[np.uint8] | None = None

    @property
    def reached(self) -> bool:
        """Whether the session's stop rule says that enough is counted."""
        return self._recorder is not None and self._recorder.reached

    def judge(self, frame: Frame) -> None:
        """Judge one picture, keep it, and print what was found."""
        same = self._is_repeat(frame.pixels)
        source = frame.origin or self._source
        judged = self._judge.judge(frame.pixels, source)
        judged = replace(judged, repeat=same or judged.repeat)
        repeat = judged.repeat
        captured = datetime.now(timezone.utc) - timedelta(seconds=time.monotonic() - frame.captured)
        self.pictures += 1
        self._repeats += repeat
        if not repeat:
            self._tally += judged.tally
        kept = {}
        if self._recorder is not None:
            kept = self._recorder.keep(frame.pixels, judged.result, frame.settings, repeat)
        if self._folder is not None:
            from edge_runtime.common.files import write_atomically
            from edge_runtime.core.encoding import write_png

            name = f"{captured:%Y%m%dT%H%M%S}-{frame.sequence:07d}.png"
            write_atomically(self._folder / name, write_png(frame.pixels))
        times = {"sequence": frame.sequence, "captured": captured.isoformat(timespec="milliseconds")}
        if self._as_json:
            emit_json({**judged.line, **times, "repeat": repeat, **kept})
        else:
            self._show(judged, frame.sequence, captured, source, kept.get("field"))
        self._tell_stop()

    def _show(
        self, judged: PictureJudgement, sequence: int, captured: datetime, source: str, number: int | None
    ) -> None:
        """A row for people, after the heading where it is the first."""
        if self.pictures == 1:
            heading = f"picture  time      {self._judge.heading}  source"
            ruled = re.sub(r"\S(?: ?\S)*", lambda column: "-" * len(column[0]), heading)
            click.echo(f"{heading}\n{ruled}")
        place = "" if number is None else f" (field {number})"
        shown = f"{printable(source)}{' (repeat)' if judged.repeat else ''}{place}"
        click.echo(f"{sequence:7}  {captured.astimezone():%H:%M:%S}  {judged.row}  {shown}")
        for remark in () if judged.repeat else judged.remarks:
            click.echo(f"{'':19}{remark}")

    def _tell_stop(self) -> None:
        """Say once that the stop rule is reached."""
        if self._recorder is not None and self._recorder.stop is not None and self.reached and not self._told:
            self._told = True
            stop = self._recorder.stop
            note(f"The stop rule {stop.rule} is reached: {stop.reason}")

    @contextlib.contextmanager
    def summing_up(self, grabber: Grabber) -> Iterator[None]:
        """Say what was seen when the block ends; after an error only if something was."""
        try:
            yield
        except BaseException:
            if self.pictures:
                self._end(grabber)
            raise
        self._end(grabber)

    def _end(self, grabber: Grabber) -> None:
        self._tell_stop()
        for sentence in grabber.news():
            note(sentence)
        what = {
            "skipped, newer ones were there": grabber.skipped,
            "damaged and left out": grabber.damaged,
            "repeats, not added up": self._repeats,
        }
        counts = "".join(f"; {number} {sense}" for sense, number in what.items() if number)
        camera = "".join(
            f" The camera was {did} {times} {'time' if times == 1 else 'times'}."
            for did, times in (("opened again", grabber.reopened), ("left behind hung", grabber.abandoned))
            if times
        )
        note(f"{self.pictures} {'picture' if self.pictures == 1 else 'pictures'}{counts}.{camera}")
        if not self._as_json:
            session = "" if self._recorder is None else f"{self._recorder.summary()}\n"
            click.echo(f"\n{self._judge.summary(self._tally)}\n{session}{RESEARCH_USE}")

    def _is_repeat(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether not one pixel differs from the last picture: a real sensor's noise never allows that."""
        import numpy as np

        last, self._last = self._last, pixels
        # most pictures differ in a few rows already, which saves comparing them whole
        return last is not None and np.array_equal(last[::64], pixels[::64]) and np.array_equal(last, pixels)
