"""``thinsmear watch --session``: what a camera sees becomes a count that survives signals, full disks and readers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import cameras, cli
from edge_runtime.cameras import EndOfStream, Frame, Pace
from edge_runtime.core import model_file
from edge_runtime.sessions import SessionPlan, open_existing, open_store
from edge_runtime.sessions.report.data import make_report
from edge_runtime.sessions.store.integrity import check_store
from tests.edge_runtime.commands.processes import rest

RED, BLUE = (200, 60, 40), (40, 60, 200)
COMMANDS = {"watch": ("edge_runtime.commands.watch.command:watch", "")}
FREE = ("--min-free", "0")
Cell = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` of `thinsmear watch` in the temporary folder, with the tiny model and the store ``store``."""
    monkeypatch.setitem(cli.COMMANDS, "watch", COMMANDS["watch"])
    monkeypatch.setattr(model_file, "MODELS", model_path.parent)
    monkeypatch.setenv("THINSMEAR_STORE", str(model_path.parent / "store"))
    model_path.rename(model_path.with_name("default.tflite"))
    monkeypatch.chdir(model_path.parent)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["watch", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def begin(stop: str | None = None) -> str:
    """A session in the store; its code."""
    with open_store(Path("store"), create=True, min_free=0) as store:
        return store.new_session(SessionPlan("A17", stop_rule=stop)).code


def rows(query: str) -> list[Any]:
    with open_existing(Path("store")) as store, store.reading() as connection:
        assert list(check_store(store)) == []
        return [tuple(row) for row in connection.execute(query)]


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def field(seed: int, noise: int, sharp: bool = True) -> np.ndarray:
    """A thin film of 20 round cells at places that follow from the seed: uint8 [480, 640, 3]."""
    rows, columns = np.mgrid[:480, :640].astype(np.float32)
    places = np.random.default_rng(seed)
    cover = np.zeros((480, 640), np.float32)
    for i in range(20):
        x, y = 64 + 128 * (i % 5) + places.integers(-20, 20), 60 + 120 * (i // 5) + places.integers(-15, 15)
        cover += np.clip((30 - np.hypot(rows - y, columns - x)) / (1 if sharp else 24) + 0.5, 0, 1)
    glass = (225 - (rows + columns) / 50)[..., None]
    pixels = glass + np.minimum(cover, 1)[..., None] * (np.array([190, 120, 140]) - glass)
    pixels += np.random.default_rng(noise).normal(0, 2, pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)


class Scripted:
    """A camera that shows given pictures once, with its settings."""

    name, pace, slowest, damaged = "The camera scripted", Pace.EVERY, 0.0, 0

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self._pictures = pictures
        self._given = 0

    def read(self, timeout: float) -> Frame:
        if self._given == len(self._pictures):
            raise EndOfStream
        self._given += 1
        return Frame(self._pictures[self._given - 1], self._given - 1, time.monotonic(), settings={"exposure_us": 900})

    def close(self) -> None:
        pass


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[np.ndarray]], None]:
    """``show(pictures)`` makes them what any camera sees."""
    return lambda pictures: monkeypatch.setattr(cameras, "camera_maker", lambda spec, size: lambda: Scripted(pictures))


def test_fields_are_those_of_classify_with_focus_and_repeats(run: Run, show: Callable[..., None]) -> None:
    pytest.importorskip("cv2", reason="whole fields need OpenCV")
    show([field(1, 1), field(1, 2), field(2, 3, sharp=False), field(3, 4)])
    code, output, error = run("--camera", "v4l2:0", "--field", "--json")
    first, again, blurred, last = lines(output)
    assert code == 0 and "4 pictures; 1 repeats, not added up." in error
    assert list(first) == [
        "source", "cells", "excluded", "quality", "objects", "model", "sequence", "captured", "repeat",
    ]  # fmt: skip
    assert len(first["cells"]) == 20 and set(first["cells"][0]) == {"box", "probability", "review", "count"}
    assert first["quality"]["accepted"] and first["quality"]["relative_focus"] == 1
    assert again["repeat"] and not again["quality"]["accepted"]
    assert not blurred["repeat"] and blurred["quality"]["refused"][0]["kind"] == "focus"
    assert last["quality"]["accepted"] and not last["repeat"]


def test_a_session_keeps_what_is_new(run: Run, show: Callable[..., None]) -> None:
    """Repeats are not kept; of refused pictures in a row the first for each reason, which counts nowhere."""
    pytest.importorskip("cv2", reason="whole fields need OpenCV")
    code = begin()
    empty = np.full((480, 640, 3), 220, np.uint8)
    pictures = [
        field(1, 1), field(1, 2), field(2, 3, False), field(4, 4, False), empty, field(3, 5), field(5, 6, False),
    ]  # fmt: skip
    show(pictures)
    status, output, _ = run("--camera", "v4l2:0", "--session", "--json", *FREE)
    seen = lines(output)
    assert status == 0 and {line["session"] for line in seen} == {code}
    assert [line["field"] for line in seen] == [1, None, 2, None, 3, 4, 5]
    totals = {"fields": 2, "single_cells": 0, "refused": 3, "cells": 40, "suspected": seen[-1]["totals"]["suspected"]}
    assert {**seen[-1]["totals"], "infected": 0} == {**totals, "infected": 0} and seen[0]["stop"] is None
    camera = {"source": "v4l2:0", "width": 640, "height": 480, "exposure_us": 900}
    for kept, software, points in rows("SELECT camera, software, review_point + count_point FROM fields"):
        assert json.loads(kept) == camera and software and points == pytest.approx(1.1)
    (path,) = rows("SELECT image FROM fields WHERE number = 1")[0]
    assert path.endswith(".png") and (np.asarray(Image.open(Path("store") / path)) == pictures[0]).all()


def test_a_session_goes_on_where_it_was(run: Run, show: Callable[..., None]) -> None:
    """Fields stored by an earlier call are remembered, and so is the best focus."""
    pytest.importorskip("cv2", reason="whole fields need OpenCV")
    code = begin()
    show([field(1, 1)])
    run("--camera", "v4l2:0", "--session", code, "-q", *FREE)
    show([field(1, 2), field(2, 3, sharp=False), field(3, 4)])
    status, output, _ = run("--camera", "v4l2:0", "--session", code, *FREE)
    assert status == 0 and "(repeat)" in output and "(field 2)" in output and "turn the fine focus" in output
    assert f"Session {code}: 40 cells in 2 images (1 refused)" in output


def test_blank_slides_from_the_camera(run: Run, cell: Cell) -> None:
    for number in range(6):
        cell(f"s/{number}.png", (40, 60, 200 - number))
    for picture in ("0", "1"):
        options = ("--camera", f"replay:s/{picture}.png", "--blank", "NEG1", "--cells", "--json", *FREE)
        assert run(*options)[0] == 0
    assert rows("SELECT purpose, slide, participant, count(*) FROM sessions") == [("blank", "NEG1", None, 1)]
    assert rows("SELECT count(*) FROM fields") == [(2,)]
    assert run(*options, "--session")[0] == 2


@pytest.mark.parametrize("kept", [("--session",), ("--blank", "NEG1")])
def test_a_camera_that_shows_one_cell_is_no_count(run: Run, show: Callable[..., None], kept: tuple[str, ...]) -> None:
    begin()
    show([np.full((20, 20, 3), 200 - noise, np.uint8) for noise in range(3)])
    code, _, error = run("--camera", "v4l2:0", "--cells", *kept, *FREE)
    assert code == 2 and "count as another cell" in error and rows("SELECT count(*) FROM fields") == [(0,)]


def test_a_replays_folder_is_in_no_record(run: Run, cell: Cell) -> None:
    begin()
    cell("Jane/1.png", RED)
    assert run("--camera", "replay:Jane@0", "--session", "--cells", "--json", *FREE)[0] == 0
    assert json.loads(rows("SELECT camera FROM fields")[0][0])["source"] == "replay"


@pytest.fixture
def cells(cell: Cell) -> Path:
    """Forty different images of one cell each in the folder s."""
    for number in range(40):
        cell(f"s/{number:02d}.png", (40 + 4 * number, 60, 200 - 4 * number))
    return Path("s")


@pytest.mark.usefixtures("cells")
def test_it_ends_when_the_stop_rule_is_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_runtime.counting import stop_rules

    monkeypatch.setitem(stop_rules.PRESETS, "bsh", stop_rules.StopRule("bsh", 12, None, None, "twelve cells"))
    begin("bsh")
    options = ("--camera", "replay:s@0", "--session", "--cells", "--until-stop", "--json", *FREE)
    code, output, error = run(*options)
    seen = lines(output)
    assert code == 0 and len(seen) == 12 and seen[-1]["stop"]["reached"] and seen[-2]["stop"]["to_go"] == 1
    assert error.count("The stop rule bsh is reached: 12 of 12 red cells.") == 1
    code, output, error = run(*options)  # enough already
    assert (code, output) == (0, "") and "The stop rule bsh is reached" in error
    code, output, error = run("--camera", "replay:s@0", "--session", "--cells", "--json", "--frames", "20", *FREE)
    assert code == 0 and [line["field"] for line in lines(output)] == [*range(1, 21)]  # it only says so
    begin()
    code, _, error = run(*options)
    assert code == 2 and "has no stop rule" in error


@pytest.mark.usefixtures("cells")
def test_low_disk_ends_it_with_its_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    begin()
    assert run("--camera", "replay:s@0", "--session", "--cells", "--min-free", "999999999")[0] == 3
    free = iter([10**12] * 8)  # three times as it opens
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as filling:
        filling.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, next(free, 1_000)))
        code, output, error = run("--camera", "replay:s@0", "--session", "--cells", "--json")
    assert code == 3 and error.splitlines()[-1].startswith("error: Only 0 MB are free")
    assert rows("SELECT count(*) FROM fields") == [(len(lines(output)),)] and len(lines(output)) == 5


@pytest.fixture
def process(packed: bytes, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``process(*arguments)`` starts a real `thinsmear watch` on the store of the temporary folder."""
    (tmp_path / "m.tflite").write_bytes(packed)
    started: list[subprocess.Popen[str]] = []
    root = str(Path(cli.__file__).resolve().parents[1])

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge_runtime", "watch", "--model", "m.tflite", "--store", "store", *arguments]
        pipe = subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": root}
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=environment))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.usefixtures("cells")
@pytest.mark.parametrize("sign, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_finish_the_picture_at_hand(
    process: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    sign: signal.Signals, code: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    begin()
    running = process("--camera", "replay:s@20,loop", "--session", "--cells", "--json", *FREE)
    assert running.stdout is not None
    first = json.loads(running.stdout.readline())
    running.send_signal(sign)
    output, error = rest(running)
    assert running.returncode == code and "Traceback" not in error
    given = [first, *lines(output)]
    assert rows("SELECT count(*) FROM fields") == [(len(given),)]  # every line is stored, everything stored is a line
    assert given[-1]["totals"]["cells"] == len(given)


@pytest.mark.usefixtures("cells")
def test_a_report_reads_while_a_camera_writes(
    process: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begin()
    running = process("--camera", "replay:s@0", "--session", "--cells", "--interval", "0.02", "--json", *FREE)
    assert running.stdout is not None and json.loads(running.stdout.readline())["field"] == 1
    seen = []
    while running.poll() is None or not seen:
        with open_existing(Path("store")) as store:  # opened anew each time, as a report is
            seen.append(make_report(store, store.session(), 5).totals.cells)
    output, error = rest(running)
    assert running.returncode == 0 and "busy" not in error and "locked" not in error
    assert seen == sorted(seen) and seen[0] < 40 and len(seen) > 3
    assert rows("SELECT count(*) FROM fields") == [(40,)] and len(lines(output)) == 39
