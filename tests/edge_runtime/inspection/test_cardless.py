"""Models of other makers classify once the user says what they are."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_runtime.core.card import Card
from edge_runtime.errors import BadModel, ThinsmearError, WrongUsage
from edge_runtime.inspection import cardless
from edge_runtime.inspection.cardless import InputSaid, describe_input
from edge_runtime.inspection.graph import read_graph
from edge_runtime.inspection.metadata import Metadata
from edge_runtime.inspection.trial_run import try_model
from tests.fakes.graphs import with_operator_number

Models = Callable[[str], bytes]


def describe(
    flatbuffer: bytes, labels: list[str], input_range: str, positive: str | None = None
) -> tuple[Card, tuple[str, str]]:
    graph = read_graph(flatbuffer)
    contract, layout = describe_input(graph, InputSaid(input_range), Metadata())
    answers = np.asarray(try_model(flatbuffer))
    return cardless.describe(graph, labels, contract, layout, positive, answers=answers)


@pytest.mark.parametrize(
    "kind, labels, output_kind, index, complement",
    [
        ("sigmoid", ["Uninfected", "Parasitized"], "probability", 0, False),
        ("sigmoid", ["Parasitized", "Uninfected"], "probability", 0, True),
        ("softmax", ["Uninfected", "Parasitized"], "probability", 1, False),
        ("softmax", ["Parasitized", "Uninfected"], "probability", 0, False),
        ("logits", ["healthy", "infected"], "logit", 1, False),
        ("int8", ["negative", "malaria"], "logit", 0, False),
    ],
)
def test_outputs_are_understood(
    kind: str, labels: list[str], output_kind: str, index: int, complement: bool, flatbuffer_of: Models
) -> None:
    card, _ = describe(flatbuffer_of(kind), labels, "-1..1")
    assert (card.output.kind, card.output.index, card.output.complement) == (output_kind, index, complement)
    assert (card.input.height, card.input.width) == (16, 16)


@pytest.mark.parametrize("name, low, high", [("0..1", 0, 1), ("-1..1", -1, 1), ("0..255", 0, 255)])
def test_input_ranges(name: str, low: float, high: float, flatbuffer_of: Models) -> None:
    card, _ = describe(flatbuffer_of("sigmoid"), ["uninfected", "infected"], name)
    assert card.input.offset == (low,) * 3
    assert 255 * card.input.scale[0] + card.input.offset[0] == pytest.approx(high)


@pytest.mark.parametrize(
    "labels, positive, pair",
    [
        (["Parasitized", "Uninfected"], None, ("Uninfected", "Parasitized")),
        (["ring", "clean"], "ring", ("clean", "ring")),
        (["uninfected", "infected"], None, ("uninfected", "infected")),
    ],
)
def test_labels(labels: list[str], positive: str | None, pair: tuple[str, str], flatbuffer_of: Models) -> None:
    assert describe(flatbuffer_of("softmax"), labels, "0..1", positive)[1] == pair


@pytest.mark.parametrize(
    "labels, positive, message",
    [
        (["one"], None, "two or more"),
        (["a", "a"], None, "two or more"),
        (["a", "b"], None, "--positive"),
        (["a", "b"], "c", "none of a, b"),
        (["parasitized", "infected"], None, "--positive"),
        (["a", "b", "parasitized"], None, "2 outputs and 3 labels"),
    ],
)
def test_what_is_not_clear_is_asked(
    labels: list[str], positive: str | None, message: str, flatbuffer_of: Models
) -> None:
    with pytest.raises(WrongUsage, match=message):
        describe(flatbuffer_of("softmax"), labels, "0..1", positive)


def test_an_operator_without_a_name_is_the_runtimes_business(flatbuffer_of: Models) -> None:
    newer = with_operator_number(flatbuffer_of("softmax"), "SOFTMAX", 4321)
    with pytest.raises(BadModel, match=r"cannot load the model|crashes"):
        describe(newer, ["uninfected", "infected"], "0..1")


def test_a_good_model_passes_its_trial_which_is_held_once(
    flatbuffer_of: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    children, run = [], subprocess.run

    def watched(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
        children.append(run(*arguments, **options))
        return children[-1]

    monkeypatch.setattr("edge_runtime.inspection.trial_run.subprocess.run", watched)
    try_model.cache_clear()
    for _ in range(2):  # the second classifier of a pool
        try_model(flatbuffer_of("softmax"))
    assert [child.returncode for child in children] == [0]


def test_a_model_that_does_not_end_is_stopped(flatbuffer_of: Models) -> None:
    with pytest.raises(BadModel, match="took more than"):
        try_model(flatbuffer_of("softmax"), seconds=0.01)


def test_a_runtime_that_crashes_is_an_error_not_a_crash(flatbuffer_of: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_runtime.inspection.trial_run._CHILD", "import os; os.abort()")
    with pytest.raises(BadModel, match="crashes on this model"):
        try_model(flatbuffer_of("logits"))


def test_a_model_that_the_runtime_refuses(flatbuffer_of: Models) -> None:
    with pytest.raises(ThinsmearError, match="cannot load"):
        try_model(flatbuffer_of("softmax")[:600])
