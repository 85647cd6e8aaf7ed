"""``thinsmear watch``: classifies the newest picture of a camera, again and again."""

from __future__ import annotations

import io
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.card import RESEARCH_USE
from edge_runtime.console import accelerator_option, emit_json, is_verbose, json_option, note, verbosity_options
from edge_runtime.names import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.cameras import Frame
    from edge_runtime.cameras.grabber import Grabber
    from edge_runtime.classifier import Classifier

_SLICE = 0.2  # seconds after which a waiting loop looks whether it shall end


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one picture.

    Attributes:
        values: the keys of the JSON line.
        row: the columns for people.
        tally: what to add up for the summary.
    """

    values: dict[str, Any]
    row: str
    tally: Counter[str]


@dataclass(frozen=True)
class Judge:
    """How pictures are judged.

    Attributes:
        heading: over the columns of :attr:`Verdict.row`.
        judge: uint8 [h, w, 3], RGB, to a verdict.
        summary: a sentence from the sum of all tallies.
    """

    heading: str
    judge: Callable[[NDArray[np.uint8]], Verdict]
    summary: Callable[[Counter[str]], str]


def cell_judge(classifier: Classifier) -> Judge:
    """Each picture is one cell, as for ``thinsmear classify``."""
    negative, positive = classifier.labels
    width = max(5, *map(len, classifier.labels))

    def judge(pixels: NDArray[np.uint8]) -> Verdict:
        cell = classifier.classify(pixels)
        values = {
            "label": cell.label, "probability": cell.probability, "review": cell.review, "count": cell.count,
            "model": classifier.model.id,
        }  # fmt: skip
        review, count = ("yes" if flag else "no" for flag in (cell.review, cell.count))
        row = f"{cell.label:{width}}  {cell.probability:.4f}  {review:6}  {count:5}"
        return Verdict(values, row, Counter({cell.label: 1, "review": cell.review, "count": cell.count}))

    def summary(tally: Counter[str]) -> str:
        return (
            f"{tally[positive]} {positive}, {tally[negative]} {negative}; {tally['review']} to review, "
            f"{tally['count']} to count; model {classifier.model.id}."
        )

    return Judge(f"{'label':{width}}  score   review  count", judge, summary)


@click.command(
    short_help="Classify a camera's pictures as they come.",
    epilog="""\b
Examples:
  thinsmear watch --camera picamera2                      the Pi's own camera
  thinsmear watch --camera v4l2:0 --size 1600x1200        a USB microscope
  thinsmear watch --camera http://10.0.0.7/video --json   a network camera, a line of JSON each
  thinsmear watch --camera replay:cells@2                 a folder of images, two a second
  thinsmear watch --camera replay:cells@0                 all of them, as fast as possible

Exit code 0 after --frames, the end of a replay or SIGTERM; 3 when the camera cannot be opened; 130 after Ctrl-C.""",
)
@click.option("--camera", "spec", required=True, metavar="CAMERA", help="Which one; `thinsmear cameras` lists them.")
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@accelerator_option
@click.option("--frames", metavar="N", type=click.IntRange(min=1), help="End after N pictures.")
@click.option(
    "--interval", default=0.0, metavar="SECONDS", type=click.FloatRange(0, 86_400), help="Time from picture to picture."
)
@click.option(
    "--save",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep each picture as PNG.",
)
@click.option("--size", metavar="WxH", help="Size of the camera's pictures, for instance 1280x960.")
@json_option
@verbosity_options
def watch(
    spec: str,
    model: str | None,
    accelerator: str,
    frames: int | None,
    interval: float,
    folder: Path | None,
    size: str | None,
    as_json: bool,
) -> None:
    """Classify the newest picture of a camera until SIGTERM, Ctrl-C or --frames; each picture is one cell.

    When the program is slower than the camera, pictures in between are left out. A camera that falls silent or is
    unplugged is opened again by itself. A picture that equals the one before is marked as a repeat and not added up.
    """
    from edge_runtime.cameras import camera_maker, shown_spec
    from edge_runtime.cameras.grabber import Grabber
    from edge_runtime.cameras.protocol import parse_size

    with _Ending() as ending:
        make = camera_maker(spec, parse_size(size) if size else None)
        from edge_runtime.classifier import Classifier

        classifier = Classifier.open(model, accelerator=accelerator)
        if is_verbose():
            note(f"{classifier.units}; {classifier.interpreter.name} {classifier.interpreter.version}")
        judge = cell_judge(classifier)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        session = _Session(judge, shown_spec(spec), folder, as_json)
        with Grabber(make) as grabber:
            try:
                for frame in _frames(grabber, ending, frames, interval):
                    session.judge(frame)
            except KeyboardInterrupt:
                session.end(grabber)
                raise
        session.end(grabber)


class _Ending:
    """Notices SIGTERM while in use, so that the picture at hand is finished and the camera released."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> _Ending:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            self._before = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _ask(self, *_: object) -> None:
        self.asked = True


def _frames(grabber: Grabber, ending: _Ending, most: int | None, interval: float) -> Iterator[Frame]:
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


class _Session:
    """Prints, keeps and adds up what one call of the command sees."""

    def __init__(self, judge: Judge, source: str, folder: Path | None, as_json: bool) -> None:
        self._judge = judge
        self._source = source
        self._folder = folder
        self._as_json = as_json
        self._tally: Counter[str] = Counter()
        self._pictures = 0
        self._repeats = 0
        self._last: NDArray[np.uint8] | None = None

    def judge(self, frame: Frame) -> None:
        repeat = self._is_repeat(frame.pixels)
        verdict = self._judge.judge(frame.pixels)
        captured = datetime.now(timezone.utc) - timedelta(seconds=time.monotonic() - frame.captured)
        self._pictures += 1
        self._repeats += repeat
        if not repeat:
            self._tally += verdict.tally
        source = frame.origin or self._source
        if self._folder is not None:
            _save(self._folder / f"{captured:%Y%m%dT%H%M%S}-{frame.sequence:07d}.png", frame.pixels)
        if self._as_json:
            times = {"sequence": frame.sequence, "captured": captured.isoformat(timespec="milliseconds")}
            emit_json({"source": source, **verdict.values, **times, "repeat": repeat})
        else:
            if self._pictures == 1:
                heading = f"picture  time      {self._judge.heading}  source"
                click.echo(f"{heading}\n{re.sub('[^ ]', '-', heading)}")
            shown = f"{printable(source)}{' (repeat)' if repeat else ''}"
            click.echo(f"{frame.sequence:7}  {captured.astimezone():%H:%M:%S}  {verdict.row}  {shown}")

    def end(self, grabber: Grabber) -> None:
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
        note(f"{self._pictures} {'picture' if self._pictures == 1 else 'pictures'}{counts}.{camera}")
        if not self._as_json:
            click.echo(f"\n{self._judge.summary(self._tally)}\n{RESEARCH_USE}")

    def _is_repeat(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether not one pixel differs from the last picture: a real sensor's noise never allows that."""
        import numpy as np

        last, self._last = self._last, pixels
        # most pictures differ in a few rows already, which saves comparing them whole
        return last is not None and np.array_equal(last[::64], pixels[::64]) and np.array_equal(last, pixels)


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    from edge_runtime.files import write_atomically

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    write_atomically(path, stream.getvalue())
