"""Every architecture goes the whole way: trained, converted to int8 behind the gate, classifying."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.cli import run as thinsmear
from edge_runtime.core.model_file import read_model_file
from train.architectures import NAMES

# A gate that any int8 model of a barely trained network passes: here the way is tested, not the network.
OPEN_GATE = ("--limit-accuracy", "1", "--limit-agreement", "0", "--limit-auc", "1", "--limit-bound", "1")


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 discs of 12 patients, half of them with a dark square."""
    folder = tmp_path_factory.mktemp("architectures") / "cells"
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:40, :40]
    disc = ((rows - 20) ** 2 + (columns - 20) ** 2 < 320)[..., None]
    for number in range(72):
        label, patient = ("Parasitized", "Uninfected")[number % 2], number // 6
        pixels = np.where(disc, rng.integers(170, 220, (40, 40, 3)), 0)
        if label == "Parasitized":
            pixels[14:24, 14:24] = (90, 20, 110)
        path = folder / label / f"C{patient}P{patient}_cell_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_way(name: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run, model = tmp_path / "run", tmp_path / "model.tflite"
    size = "40" if name.startswith("cnn") else "32"
    options = ["--arch", name, "--size", size, "--weights", "none", "--epochs", "1", "--batch-size", "16", "-q"]
    if name.startswith("mobilenet_v2"):
        options += ["--alpha", "0.35"]
    assert thinsmear(["train", str(cells), "--out", str(run), "--cache", str(tmp_path / "cache"), *options]) == 0
    arguments = ["convert", str(run), "--out", str(model), "--no-ladder", "--calibration-size", "20", "-q", *OPEN_GATE]
    # Of twelve patients nothing conclusive can be said; the model is kept either way.
    assert thinsmear(arguments) in (0, 4), capfd.readouterr().err
    card = read_model_file(model).card
    assert card is not None and card.details["architecture"] == name
    capfd.readouterr()
    assert thinsmear(["classify", "--json", "--model", str(model), str(cells / "Parasitized")]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(lines) == 36 and all(0 <= line["probability"] <= 1 for line in lines)


def test_pretrained_families_state_their_own_normalisation() -> None:
    from train.architectures import find

    assert find("mobilenet_v2").contract(128).scale == pytest.approx((1 / 127.5,) * 3)
    for name in ("vgg16", "resnet50"):
        contract = find(name).contract(224)
        # keras.applications' "caffe" mode: BGR, the mean colour of ImageNet taken off, no scaling.
        assert contract.channels == "BGR" and contract.scale == (1.0, 1.0, 1.0)
        assert np.allclose(sorted(-value for value in contract.offset), [103.939, 116.779, 123.68])
