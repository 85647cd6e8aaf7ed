"""Recordings in the place of a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.cameras import CameraFault, EndOfStream, Frame, Pace, camera_maker, open_camera
from edge_runtime.cameras.replay import Recording, parse
from edge_runtime.errors import WrongUsage

Cell = Callable[..., Path]


def frames(spec: str) -> list[Frame]:
    camera = open_camera(spec)
    seen = []
    try:
        while True:
            seen.append(camera.read(5.0))
    except EndOfStream:
        return seen
    finally:
        camera.close()


@pytest.mark.parametrize(
    "spec, expected",
    [
        ("replay:{}", (None, False)),
        ("replay:{}@5", (5.0, False)),
        ("replay:{}@0", (0.0, False)),
        ("replay:{}@0.5,loop", (0.5, True)),
        ("replay:{}@loop", (None, True)),
    ],
)
def test_specs(spec: str, expected: tuple[float | None, bool], tmp_path: Path) -> None:
    assert parse(spec.format(tmp_path)) == Recording(str(tmp_path), *expected)


def test_a_folder_whose_name_has_an_at_sign(tmp_path: Path) -> None:
    (tmp_path / "day@3").mkdir()
    assert parse(f"replay:{tmp_path}/day@3") == Recording(f"{tmp_path}/day@3")


@pytest.mark.parametrize(
    "spec, message",
    [
        ("replay:", "no folder or file ''"),
        ("replay:missing@2", "no folder or file 'missing'"),
        ("replay:.@fast", "option is 'fast'"),
        ("replay:.@-1", "option is '-1'"),
        ("webcam", "There is no camera 'webcam'; write one of picamera2"),
        ("replay", "no folder or file"),
        ("v4l2:front", "is 'front'"),
        ("picamera2:one", "is 'one'"),
        ("http:///video", "is no address"),
        ("http://host/a b", "is no address"),
        ("ftp://host/video", "There is no camera"),
    ],
)
def test_specs_that_are_wrong(spec: str, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        camera_maker(spec)


def test_a_folder_comes_in_order_as_it_is(cell: Cell, tmp_path: Path) -> None:
    for number, name in enumerate(("s/b.png", "s/a.png", "s/c/d.png")):
        cell(name, (number, 0, 0))
    (tmp_path / "s/notes.txt").touch()
    seen = frames(f"replay:{tmp_path}/s@0")
    assert [Path(frame.origin or "").name for frame in seen] == ["a.png", "b.png", "d.png"]
    assert [int(frame.pixels[0, 0, 0]) for frame in seen] == [1, 0, 2]
    assert [frame.sequence for frame in seen] == [0, 1, 2]


def test_the_frame_rate_is_kept(cell: Cell, tmp_path: Path) -> None:
    for number in range(5):
        cell(f"s/{number}.png")
    camera = open_camera(f"replay:{tmp_path}/s@20")
    assert (camera.pace, camera.slowest) == (Pace.LIVE, 0.05)
    captured = [camera.read(5.0).captured for _ in range(5)]
    assert 0.19 < captured[-1] - captured[0] < 0.4
    camera.close()


def test_the_usual_rate_is_one_a_second(cell: Cell, tmp_path: Path) -> None:
    cell("s/1.png")
    camera = open_camera(f"replay:{tmp_path}/s")
    assert camera.slowest == 1.0 and camera.pace is Pace.LIVE
    camera.close()


def test_it_begins_again_when_asked(cell: Cell, tmp_path: Path) -> None:
    for number in range(3):
        cell(f"s/{number}.png", (number, 0, 0))
    camera = open_camera(f"replay:{tmp_path}/s@0,loop")
    assert [int(camera.read(5.0).pixels[0, 0, 0]) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    camera.close()


def test_damaged_files_are_counted_and_left_out(cell: Cell, tmp_path: Path) -> None:
    cell("s/a.png")
    (tmp_path / "s/b.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    cell("s/c.png")
    camera = open_camera(f"replay:{tmp_path}/s@0")
    assert [camera.read(5.0).origin for _ in range(2)] == [f"{tmp_path}/s/a.png", f"{tmp_path}/s/c.png"]
    assert camera.damaged == 1


def test_a_loop_of_nothing_but_damage_ends(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert frames(f"replay:{tmp_path}@0,loop") == []


@pytest.mark.parametrize("content", [{}, {"notes.txt": b""}])
def test_a_folder_without_images(tmp_path: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(WrongUsage, match="holds no images"):
        open_camera(f"replay:{tmp_path}")


def test_closing_wakes_a_reader(cell: Cell, tmp_path: Path) -> None:
    cell("s/1.png")
    cell("s/2.png")
    camera = open_camera(f"replay:{tmp_path}/s@0.01")
    camera.read(5.0)
    threading.Timer(0.1, camera.close).start()
    begin = time.monotonic()
    with pytest.raises(CameraFault):
        camera.read(200.0)
    assert time.monotonic() - begin < 60


def test_a_size_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="leave --size out"):
        camera_maker(f"replay:{tmp_path}", (640, 480))


def test_a_video(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="videos need OpenCV")
    path = tmp_path / "film.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (64, 48))
    for red in (10, 120, 240):
        video.write(np.full((48, 64, 3), (20, 40, red), np.uint8))  # OpenCV wants blue first
    video.release()
    camera = open_camera(f"replay:{path}")
    assert camera.slowest == pytest.approx(1 / 25)
    camera.close()
    seen = frames(f"replay:{path}@0")
    assert [frame.pixels.shape for frame in seen] == [(48, 64, 3)] * 3
    for frame, red in zip(seen, (10, 120, 240), strict=True):
        assert np.abs(frame.pixels[20, 20].astype(int) - (red, 40, 20)).max() < 12
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    with pytest.raises(WrongUsage, match="no video that OpenCV can read"):
        open_camera(f"replay:{tmp_path}/bad.mp4")


def test_one_image(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4), (1, 2, 3)).save(tmp_path / "one.png")
    assert [frame.pixels.shape for frame in frames(f"replay:{tmp_path}/one.png@0")] == [(4, 5, 3)]
