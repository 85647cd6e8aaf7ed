"""The example programs run on synthetic pictures, and each fits on a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def run(script: str, picture: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), str(picture)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    picture = Image.new("RGB", (120, 120))
    ImageDraw.Draw(picture).ellipse((4, 4, 116, 116), fill=(190, 130, 140))
    picture.save(tmp_path / "cell.png")
    return tmp_path / "cell.png"


@pytest.fixture
def field(tmp_path: Path) -> Path:
    picture = Image.new("RGB", (640, 480), (214, 222, 210))
    brush = ImageDraw.Draw(picture)
    for x in range(40, 640, 60):
        for y in range(40, 480, 60):
            brush.ellipse((x - 17, y - 17, x + 17, y + 17), fill=(186, 140, 150))
    grain = np.random.default_rng(3).normal(0, 1.5, (480, 640, 3))
    Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)).save(tmp_path / "field.png")
    return tmp_path / "field.png"


def test_classify_a_cell(cell: Path) -> None:
    assert run("classify_a_cell.py", cell).startswith(("Parasitized: probability", "Uninfected: probability"))


def test_read_a_field(field: Path) -> None:
    pytest.importorskip("cv2")
    cells, left_out = run("read_a_field.py", field).splitlines()[0].split("; ")
    assert int(cells.split()[0]) > 60 and left_out.startswith("left out: {'border'")


def test_add_a_camera(cell: Path) -> None:
    shown = run("add_a_camera.py", cell)
    assert [line.split()[0] for line in shown.splitlines()[2:5]] == ["1", "2", "3"]
    assert "(repeat)" in shown and str(cell) in shown


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_they_are_short(script: Path) -> None:
    assert len(script.read_text().splitlines()) < 40
