"""A tiny run that every conversion test shares: drawn cells of many patients, a small network, seconds to train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = 32


def draw_cell(generator: np.random.Generator, infected: bool) -> np.ndarray:
    """A disc on black, with a dark square inside when infected: uint8 [32, 32, 3]."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 16) ** 2 + (columns - 16) ** 2 < 200
    pixels = np.where(disc[..., None], generator.integers(170, 220, (SIZE, SIZE, 3)), 0)
    if infected:
        y, x = generator.integers(9, 18, 2)
        pixels[y : y + 6, x : x + 6] = (90, 20, 110)
    return pixels.astype(np.uint8)


def draw_patients(root: Path, patients: int, each: int) -> Path:
    """Cells of both classes for every patient, in the layout of the NIH collection."""
    generator = np.random.default_rng(7)
    for label in ("Parasitized", "Uninfected"):
        (root / label).mkdir(parents=True)
        for patient in range(patients):
            for number in range(each):
                path = root / label / f"C{patient}P{patient}_cell_{number}.png"
                Image.fromarray(draw_cell(generator, label == "Parasitized")).save(path)
    return root


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small network whose held-out part is large enough for a conclusive gate."""
    pytest.importorskip("tensorflow")
    from train.recipe import Recipe
    from train.training import Network, finish_run, start_run

    folder = tmp_path_factory.mktemp("convert")
    data = draw_patients(folder / "cells", patients=40, each=14)
    recipe = Recipe(epochs=4, batch=32, rate=3e-3, ema=0.0, warmup=0.0)
    network = Network("cnn_128", SIZE, weights=None)
    finish_run(start_run(folder / "run", data, network, recipe, cache=folder / "cache"))
    return folder / "run"


@pytest.fixture(scope="session")
def bench(run_folder: Path):
    """The run on the bench, its float answers computed once for all tests."""
    from convert.conversion import open_bench

    opened = open_bench(run_folder, None, None, 0)
    assert opened.reference.logits.shape == (len(opened.rows),)
    return opened


@pytest.fixture(scope="session")
def int8_candidate(bench):
    """The run converted by the default recipe."""
    from convert.recipes import find
    from convert.workbench import Step

    return bench.attempt(Step(find("int8"), size=120))
