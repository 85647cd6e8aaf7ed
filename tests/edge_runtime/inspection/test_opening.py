"""The one way in: which models need a description, what a description must say, and that strangers are tried first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.commands.options import INPUT_RANGES
from edge_runtime.core.model_file import read_model_file
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection import cardless, trial_run
from edge_runtime.inspection.compute_units import ComputeUnits, compute_units_of
from edge_runtime.inspection.opening import ModelDescription, open_classifier

Models = Callable[[str], bytes]
SAID = ModelDescription("well, infected", None, "-1..1")


@pytest.fixture
def plain(flatbuffer_of: Models, tmp_path: Path) -> Path:
    """A model without a card."""
    path = tmp_path / "plain.tflite"
    path.write_bytes(flatbuffer_of("sigmoid"))
    return path


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The models that were run in a process of their own."""
    seen: list[bytes] = []

    def tried(flatbuffer: bytes, accelerator: str, **_: object) -> tuple[tuple[float, ...], ...]:
        seen.append(flatbuffer)
        return ((0.25,), (0.75,))

    monkeypatch.setattr(trial_run, "try_model", tried)
    return seen


def test_a_card_vouches_for_its_model(model_path: Path, tried: list[bytes]) -> None:
    for model in (str(model_path), model_path, read_model_file(model_path)):
        assert open_classifier(model, description=ModelDescription()).model.id == read_model_file(model_path).id
    assert tried == []


def test_a_card_is_not_described(model_path: Path) -> None:
    for description in (
        ModelDescription(labels="a,b"),
        ModelDescription(positive="a"),
        ModelDescription(None, None, "0..1"),
    ):
        with pytest.raises(WrongUsage, match="a card that says it all"):
            open_classifier(model_path, description=description)


def test_a_stranger_is_described_and_tried_first(plain: Path, tried: list[bytes], flatbuffer_of: Models) -> None:
    classifier = open_classifier(plain, description=SAID)
    assert tried == [flatbuffer_of("sigmoid")]
    assert classifier.labels == ("well", "infected")
    assert classifier.classify(np.full((16, 16, 3), (250, 20, 60), np.uint8)).label == "infected"
    assert [twin.labels for twin in classifier.side_by_side(3)] == [("well", "infected")] * 3
    assert len(tried) == 1


@pytest.mark.parametrize(
    "description", [ModelDescription(), ModelDescription("a,b"), ModelDescription(None, None, "0..1")]
)
def test_a_stranger_needs_labels_and_range(description: ModelDescription, plain: Path) -> None:
    with pytest.raises(WrongUsage, match=r"plain\.tflite has no card; say what it is with --labels A,B"):
        open_classifier(plain, description=description)


def test_where_nothing_can_be_said_a_stranger_is_refused(plain: Path) -> None:
    with pytest.raises(BadModel, match="has no card"):
        open_classifier(plain)


def test_the_options_offer_every_input_range() -> None:
    assert set(INPUT_RANGES) == set(cardless.INPUT_RANGES)


def test_compute_units_of_a_loaded_model(model_path: Path) -> None:
    units = compute_units_of(open_classifier(model_path))
    assert units == ComputeUnits(edgetpu=0, cpu=units.cpu) and units.cpu > 1
