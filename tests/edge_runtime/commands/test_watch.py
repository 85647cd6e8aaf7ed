"""``thinsmear watch`` and ``thinsmear cameras`` as people, scripts and systemd call them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime import cameras, cli
from edge_runtime.cameras import CameraFault, CameraInfo, Frame, Pace
from edge_runtime.cameras import v4l2 as usb
from edge_runtime.core import model_file
from edge_runtime.errors import EnvironmentLacks
from tests.edge_runtime.commands.processes import rest

RED, BLUE = (200, 60, 40), (40, 60, 200)
COMMANDS = {
    "watch": ("edge_runtime.commands.watch.command:watch", ""),
    "cameras": ("edge_runtime.commands.cameras:cameras", ""),
}
Cell = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` in the temporary folder, with the tiny model as the default: exit code, stdout, stderr."""
    for name, entry in COMMANDS.items():
        monkeypatch.setitem(cli.COMMANDS, name, entry)
    monkeypatch.setattr(model_file, "MODELS", model_path.parent)
    model_path.rename(model_path.with_name("default.tflite"))
    monkeypatch.chdir(model_path.parent)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_json_line_is_that_of_classify_and_when(run: Run, cell: Cell) -> None:
    for name, colour in (("s/1.png", RED), ("s/2.png", BLUE)):
        cell(name, colour)
    code, output, error = run("watch", "--json", "--camera", "replay:s@0")
    first, second = lines(output)
    assert code == 0 and error == "2 pictures.\n"
    assert list(first) == [
        "source", "label", "probability", "review", "count", "model", "sequence", "captured", "repeat"
    ]  # fmt: skip
    assert [first["label"], second["label"]] == ["Parasitized", "Uninfected"]
    assert [first["sequence"], second["sequence"]] == [0, 1] and first["source"] == "s/1.png"
    assert abs(datetime.fromisoformat(first["captured"]) - datetime.now(timezone.utc)) < timedelta(seconds=30)
    (classified,) = lines(run("classify", "--json", "s/1.png")[1])
    assert {key: first[key] for key in classified} == classified


def test_the_table_for_people_marks_repeats_and_does_not_add_them_up(run: Run, cell: Cell) -> None:
    for number, colour in enumerate((RED, RED, BLUE, RED)):
        cell(f"s/{number}.png", colour)
    code, output, error = run("watch", "--camera", "replay:s@0")
    rows = output.splitlines()
    assert code == 0
    assert rows[0].split() == ["picture", "time", "label", "score", "review", "count", "source"]
    assert [row.split()[2] for row in rows[2:6]] == ["Parasitized", "Parasitized", "Uninfected", "Parasitized"]
    assert ["(repeat)" in row for row in rows[2:6]] == [False, True, False, False]
    assert "2 Parasitized, 1 Uninfected; 2 to review, 2 to count" in output
    assert output.rstrip().endswith("Not for use in diagnostic procedures.")
    assert error == "4 pictures; 1 repeats, not added up.\n"


def test_it_ends_after_so_many_frames(run: Run, cell: Cell) -> None:
    cell("s/1.png")
    code, output, _ = run("watch", "--json", "--camera", "replay:s@0,loop", "--frames", "7")
    assert code == 0
    assert [(line["sequence"], line["repeat"]) for line in lines(output)] == [(n, n > 0) for n in range(7)]


def test_the_interval_takes_the_newest_frame_each_time(run: Run, cell: Cell) -> None:
    for number in range(4):
        cell(f"s/{number}.png", (50 * number, 0, 0))
    begin = time.monotonic()
    _, output, error = run(
        "watch", "--json", "--camera", "replay:s@50,loop", "--interval", "0.3", "--frames", "4"
    )  # fmt: skip
    assert time.monotonic() - begin > 0.9
    numbers = [line["sequence"] for line in lines(output)]
    assert numbers == sorted(set(numbers)) and numbers[-1] - numbers[0] > 6  # 45 where nothing else runs
    assert "skipped, newer ones were there" in error


def test_saved_pictures_are_what_was_judged(run: Run, cell: Cell) -> None:
    for name, colour in (("s/1.png", RED), ("s/2.png", BLUE)):
        cell(name, colour)
    assert run("watch", "-q", "--json", "--camera", "replay:s@0", "--save", "kept/today")[0] == 0
    kept = sorted(Path("kept/today").iterdir())
    assert [path.name[-12:] for path in kept] == ["-0000000.png", "-0000001.png"]
    assert [np.asarray(Image.open(path))[0, 0].tolist() for path in kept] == [list(RED), list(BLUE)]


def test_damaged_pictures_are_counted(run: Run, cell: Cell) -> None:
    cell("s/1.png")
    Path("s/2.png").write_bytes(b"\xff\xd8\xff cut")
    code, output, error = run("watch", "--json", "--camera", "replay:s@0")
    assert code == 0 and len(lines(output)) == 1 and "1 damaged and left out" in error


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        ([], 2, "Missing option '--camera'"),
        (["--camera", "webcam"], 2, "There is no camera 'webcam'; write one of picamera2, picamera2:1, v4l2:0"),
        (["--camera", "replay:missing"], 2, "to replay; name one that exists"),
        (["--camera", "replay:.", "--size", "1280"], 2, "write it as WIDTHxHEIGHT"),
        (["--camera", "replay:.", "--size", "640x480"], 2, "leave --size out"),
        (["--camera", "replay:.", "--frames", "0"], 2, "is not in the range"),
        (["--camera", "replay:.", "--model", "missing.tflite"], 2, "There is no model file missing.tflite"),
        (["--camera", "replay:.", "--field", "--cells"], 2, "either a whole field or one cell"),
        (["--camera", "replay:.", "--until-stop"], 2, "give --session too"),
        (["--camera", "replay:.", "--session", "--store", "missing", "--min-free", "0"], 2, "There is no store in"),
        (["--camera", "replay:empty"], 2, "holds no images to replay"),
        (["--camera", "http://u:hidden@127.0.0.1:9/x?key=hidden"], 3, "http://***@127.0.0.1:9/x?*** refuses the"),
    ],
)
def test_errors_are_one_sentence(run: Run, arguments: list[str], code: int, message: str) -> None:
    Path("empty").mkdir()
    status, output, error = run("watch", "--json", *arguments)
    assert (status, output) == (code, "")
    assert message in error.splitlines()[-1] and error.startswith("error: ") and "hidden" not in error


class Flaky:
    """A camera that is pulled after each third frame and is back at the second attempt."""

    name, pace, slowest, damaged = "The camera flaky", Pace.LIVE, 0.0, 0
    openings = 0
    serial = 0

    def __init__(self) -> None:
        type(self).openings += 1
        if self.openings % 2 == 0:
            raise CameraFault("The camera flaky is not connected.")
        self.given = 0

    def read(self, timeout: float) -> Frame:
        time.sleep(0.02)
        if self.given == 3:
            raise CameraFault("The camera flaky was pulled.")
        self.given += 1
        type(self).serial += 1
        return Frame(np.full((20, 20, 3), self.serial, np.uint8), self.given - 1, time.monotonic())

    def close(self) -> None:
        pass


def test_a_camera_that_was_pulled_is_said_and_comes_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "camera_maker", lambda spec, size: Flaky)
    code, output, error = run("watch", "--json", "--camera", "flaky", "--frames", "5")
    assert code == 0 and not any(line["repeat"] for line in lines(output))
    numbers = [line["sequence"] for line in lines(output)]
    assert len(numbers) == 5 == len(set(numbers))
    assert "The camera flaky was pulled. It is opened again as soon as it answers." in error
    assert "The camera is back after" in error and "The camera was opened again" in error


@pytest.fixture
def process(packed: bytes, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``process(*arguments)`` starts a real ``thinsmear`` in the temporary folder, with the tiny model as m.tflite."""
    (tmp_path / "m.tflite").write_bytes(packed)
    started: list[subprocess.Popen[str]] = []
    script = f"import sys; from edge_runtime import cli; cli.COMMANDS |= {COMMANDS!r}; cli.main(sys.argv[1:])"

    def start(*arguments: str) -> subprocess.Popen[str]:
        root = str(Path(cli.__file__).resolve().parents[1])
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", script, *arguments],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": root},
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize("sign, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("spec", ["replay:s@10,loop", "replay:s@0,loop", "replay:s@0.05"])
def test_signals_end_it_cleanly(
    process: Callable[..., subprocess.Popen[str]], cell: Cell, sign: signal.Signals, code: int, spec: str
) -> None:
    """At any moment: while it waits for a frame, or while frames come as fast as they can."""
    cell("s/1.png")
    cell("s/2.png")
    running = process("watch", "--json", "--camera", spec, "--model", "m.tflite", "--save", "kept")
    assert running.stdout is not None
    first = running.stdout.readline()  # flushed line by line, or this would wait
    assert json.loads(first)["label"] == "Parasitized"
    running.send_signal(sign)
    begin = time.monotonic()
    output, error = rest(running)
    assert running.returncode == code
    assert time.monotonic() - begin < 120
    assert "Traceback" not in error and "picture" in error and ("stopped" in error) == (code == 130)
    given = 1 + len(lines(output))
    kept = list((cell("s/3.png").parents[1] / "kept").iterdir())
    assert given <= len(kept) <= given + (code == 130) and all(path.suffix == ".png" for path in kept)


def test_sigterm_while_a_camera_does_not_answer(process: Callable[..., subprocess.Popen[str]], cell: Cell) -> None:
    """A server that takes the connection and is silent: the program ends all the same, and soon."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        running = process("watch", "--json", "--camera", spec, "--model", "m.tflite")
        connection, _ = silent.accept()
        running.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        _, error = running.communicate(timeout=1200)
        connection.close()
    assert (running.returncode, error) == (0, "0 pictures.\n")
    assert time.monotonic() - begin < 120


def test_the_handler_of_before_is_back_afterwards(run: Run, cell: Cell) -> None:
    cell("s/1.png")
    before = signal.getsignal(signal.SIGTERM)
    run("watch", "--json", "--camera", "replay:s@0")
    assert signal.getsignal(signal.SIGTERM) is before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("camera")]


@pytest.mark.long
def test_ten_thousand_frames_at_flat_memory(process: Callable[..., subprocess.Popen[str]], cell: Cell) -> None:
    for number in range(40):
        cell(f"s/{number}.png", (6 * number, 60, 40), (140, 140))
    running = process(
        "watch", "--json", "--camera", "replay:s@0,loop", "--model", "m.tflite", "--frames", "10000"
    )  # fmt: skip
    assert running.stdout is not None
    memory = {}
    for number, line in enumerate(running.stdout):
        assert json.loads(line)["sequence"] == number  # not one is dropped, not one twice
        if number in (1000, 4000, 7000, 9900):
            status = Path(f"/proc/{running.pid}/status").read_text()
            memory[number] = next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS"))
    assert number == 9999 and running.wait(1200) == 0
    assert max(memory.values()) - memory[1000] < 2048, memory  # kB


def test_cameras_lists_what_is_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr(usb, "find", lambda: [CameraInfo("v4l2:0", "USB Microscope", "/dev/video0, usb-1")])
    code, output, error = run("cameras")
    assert code == 0 and output.splitlines()[2].split("  ") == ["v4l2:0", "USB Microscope", "/dev/video0, usb-1"]
    assert "sudo apt install python3-picamera2" in error
    code, output, error = run("cameras", "--json")
    (document,) = lines(output)
    assert (code, error) == (0, "")
    assert document["cameras"] == [{"spec": "v4l2:0", "name": "USB Microscope", "detail": "/dev/video0, usb-1"}]
    assert len(document["notes"]) == 1


def test_no_cameras_is_no_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "list_cameras", lambda: ([], []))
    assert run("cameras")[:2] == (0, "No camera was found.\n")
    assert run("cameras", "--json")[:2] == (0, '{"cameras": [], "notes": []}\n')


def test_a_probe_takes_one_picture(run: Run, cell: Cell) -> None:
    cell("s/1.png", RED, (20, 24))
    code, output, _ = run("cameras", "--probe", "replay:s", "--json")
    (document,) = lines(output)
    assert code == 0 and document.pop("seconds") > 0
    assert document == {"camera": "replay:s", "width": 20, "height": 24}
    assert run("cameras", "--probe", "replay:s")[1].startswith("replay:s works: 20x24 pixels")


def test_a_probe_of_a_camera_that_gives_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s").mkdir()
    Path("s/1.png").touch()
    for spec in ("replay:s@0", "http://127.0.0.1:9/", "v4l2:97"):
        code, output, error = run("cameras", "--probe", spec)
        assert (code, output) == (EnvironmentLacks.exit_code, "") and error.startswith("error: ")
