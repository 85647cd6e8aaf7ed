"""From image to verdict through a real interpreter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.core.card import Card, InputContract, OperatingPoints, OutputContract
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.decision import probability
from edge_runtime.core.model_file import ModelFile, pack_model, read_model_file
from edge_runtime.errors import BadModel

Models = Callable[[str], bytes]
CONTRACT = InputContract(16, 16)
RED, BLUE, BLACK = (200, 60, 40), (40, 60, 200), (0, 0, 0)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (16, 16)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


def file_of(flatbuffer: bytes, card: Card, folder: Path) -> ModelFile:
    path = folder / "m.tflite"
    path.write_bytes(pack_model(flatbuffer, card))
    return read_model_file(path)


@pytest.mark.parametrize("kind, tolerance", [("int8", 0.12), ("float32", 1e-4)])
@pytest.mark.parametrize("colour", [RED, BLUE, BLACK, (255, 255, 255), (128, 100, 96)])
def test_logits_are_the_models(
    kind: str, tolerance: float, colour: tuple[int, int, int], flatbuffer_of: Models, tmp_path: Path
) -> None:
    classifier = Classifier(file_of(flatbuffer_of(kind), Card(input=CONTRACT), tmp_path))
    expected = 4 * (colour[0] - colour[2]) / 127.5
    assert classifier.logits(plain(colour)[np.newaxis])[0] == pytest.approx(expected, abs=tolerance)


def test_a_batch_is_its_single_images(model_path: Path) -> None:
    classifier = Classifier.open(model_path)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    together = classifier.logits(pixels)
    assert together.dtype == np.float64 and together.shape == (5,)
    assert list(together) == [classifier.logits(one[np.newaxis])[0] for one in pixels]
    assert classifier.logits(pixels[:0]).shape == (0,)


@pytest.mark.parametrize("colour, label, count", [(RED, "Parasitized", True), (BLUE, "Uninfected", False)])
def test_images_of_any_size_are_classified(
    colour: tuple[int, int, int], label: str, count: bool, model_path: Path
) -> None:
    classifier = Classifier.open(model_path)
    result = classifier.classify(plain(colour, (37, 61)))
    assert (result.label, result.count) == (label, count)
    assert result == classifier.classify(plain(colour))


def test_calibration_and_points_come_from_the_card(flatbuffer_of: Models, tmp_path: Path) -> None:
    card = Card(CONTRACT, OutputContract(temperature=2.0, bias=-1.5), OperatingPoints(review=0.3, count=0.95))
    result = Classifier(file_of(flatbuffer_of("float32"), card, tmp_path)).classify(plain((160, 60, 100)))
    assert result.logit == pytest.approx(4 * 60 / 127.5, abs=1e-4)
    assert result.probability == pytest.approx(probability(result.logit, 2.0, -1.5))
    assert (result.label, result.review, result.count) == ("Uninfected", True, False)


@pytest.mark.parametrize(
    "kind, output",
    [
        ("sigmoid", OutputContract(kind="probability")),
        ("softmax", OutputContract(kind="probability", index=1)),
        ("logits", OutputContract(kind="logit", index=1)),
        ("softmax", OutputContract(kind="probability", index=0, complement=True)),
        ("logits", OutputContract(kind="logit", index=0, complement=True)),
    ],
)
def test_other_outputs_lead_to_the_same_logit(
    kind: str, output: OutputContract, flatbuffer_of: Models, tmp_path: Path
) -> None:
    classifier = Classifier(file_of(flatbuffer_of(kind), Card(CONTRACT, output), tmp_path))
    image = plain((150, 60, 100))
    assert classifier.classify(image).logit == pytest.approx(4 * 50 / 127.5, abs=1e-3)


def test_channel_order_is_the_cards(flatbuffer_of: Models, tmp_path: Path) -> None:
    swapped = Card(input=replace(CONTRACT, channels="BGR"))
    classifier = Classifier(file_of(flatbuffer_of("float32"), swapped, tmp_path))
    assert classifier.classify(plain(RED)).label == "Uninfected"


@pytest.mark.parametrize(
    "card, message",
    [
        (Card(), r"takes \[1, 16, 16, 3\], its card says \[1, 128, 128, 3\]"),
        (Card(InputContract(16, 17)), "its card says"),
        (Card(CONTRACT, OutputContract(index=1)), "reads output 1, but the model has 1"),
    ],
)
def test_a_card_that_contradicts_the_tensors(card: Card, message: str, flatbuffer_of: Models, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=message):
        Classifier(file_of(flatbuffer_of("int8"), card, tmp_path))


def test_a_model_without_a_card_needs_one(flatbuffer_of: Models, tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(flatbuffer_of("float32"))
    with pytest.raises(BadModel, match="--labels"):
        Classifier.open(path)
    given = Classifier(read_model_file(path), card=Card(input=CONTRACT), labels=("well", "sick"))
    assert given.classify(plain(RED)).label == "sick"


def test_an_answer_that_is_no_number_is_an_error(flatbuffer_of: Models, tmp_path: Path) -> None:
    # the pixels are finite, their sum is not
    absurd = Card(replace(CONTRACT, scale=(1e36,) * 3))
    with pytest.raises(BadModel, match="no number to decide by"):
        Classifier(file_of(flatbuffer_of("float32"), absurd, tmp_path)).classify(plain(RED))
