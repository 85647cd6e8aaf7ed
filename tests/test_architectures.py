"""Every architecture learns, becomes an int8 model and classifies; one goes the whole way by the user's commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convert.quantise.quantizer import Quantizer
from convert.quantise.recipes import find as find_recipe
from edge_runtime.cli import run as thinsmear
from edge_runtime.core.card import Card
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import pack_model, read_model_file
from edge_runtime.core.preprocess import normalise
from edge_runtime.inspection.graph import read_graph
from train.architectures import NAMES
from train.trainer.augment import PRESETS
from train.trainer.recipe import Recipe
from train.trainer.training_set import TrainingSet, Untrained

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


def side(name: str) -> int:
    """As few pixels a side as the family takes."""
    return 40 if name.startswith("cnn") else 32


# resnet50 takes as long as all the others together
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name == "resnet50" else name for name in NAMES]
)
def test_every_family_builds_learns_converts_and_classifies(name: str, eager: None, tmp_path: Path) -> None:
    """One step on two images by the trainer, then the converter's default recipe and the device's classifier."""
    import keras
    import tensorflow as tf

    from train.architectures import find
    from train.trainer.fine_tuning import FineTuning

    family, size = find(name), side(name)
    contract = family.contract(size)
    keras.utils.set_random_seed(0)
    model = family.build(size, 0.35, None, 0.0)
    assert model.output_shape == (None, 1)
    for layer in model.layers:
        if name.startswith("mobilenet") and isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(layer.gamma * 2.5)  # or activations of random weights, and gradients, die on their way
    pixels = np.random.default_rng(0).integers(0, 256, (4, size, size, 3)).astype(np.uint8)
    targets = np.array([1, 0, 1, 0], np.float32)
    training, validation = (TrainingSet(pixels, targets, np.arange(first, first + 2)) for first in (0, 2))
    # Without decay, what changes a weight is its gradient.
    recipe = Recipe(epochs=1, batch=2, ema=0.0, warmup=0.0, weight_decay=0.0, augmentation=PRESETS["none"])
    trainer = FineTuning(Untrained(model, contract, family.pretrained), recipe, training, validation)
    before = [weight.numpy() for weight in model.trainable_weights]
    trainer.run_epoch()
    learnt = [not np.array_equal(a, b.numpy()) for a, b in zip(before, model.trainable_weights, strict=True)]
    assert np.isfinite(trainer.history[0]["loss"])
    assert all(learnt[-4:]) and sum(learnt) > 0.9 * len(learnt), learnt  # the last four are the head's

    tf.config.run_functions_eagerly(False)  # TensorFlow's converter wants a graph
    flatbuffer = Quantizer(model, contract, normalise(pixels[:2], contract)).convert(find_recipe("int8"))
    graph = read_graph(flatbuffer)
    assert {graph.tensors[number].dtype for number in (*graph.inputs, *graph.outputs)} == {"uint8"}
    path = tmp_path / "model.tflite"
    path.write_bytes(pack_model(flatbuffer, Card(input=contract, details={"architecture": name}), None))
    result = Classifier(read_model_file(path)).classify(pixels[0])
    assert result.label in ("Parasitized", "Uninfected") and 0 <= result.probability <= 1


# cnn_128 alone is quick: half a minute and more of TensorFlow's tracing goes into each of the others.
@pytest.mark.parametrize(
    "name", [name if name == "cnn_128" else pytest.param(name, marks=pytest.mark.long) for name in NAMES]
)
def test_the_whole_way(name: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run, model = tmp_path / "run", tmp_path / "model.tflite"
    options = ["--arch", name, "--size", str(side(name)), "--weights", "none"]
    options += ["--epochs", "1", "--batch-size", "16", "-q"]
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
