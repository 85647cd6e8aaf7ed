"""A card for models of other makers, from what the user says about them and what their graph shows."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.core.card import Card, InputContract, OperatingPoints, OutputContract
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection.graph import Graph, Operator, read_graph

# what the model's training made of pixels 0..255: name -> (scale, offset)
INPUT_RANGES = {"0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0), "0..255": (1.0, 0.0)}
_POSITIVE_WORDS = ("parasit", "infected", "positive", "malaria")
_NEGATIVE_WORDS = ("unparasit", "non-parasit", "uninfected", "non-infected", "not infected", "negative", "healthy")
_PROBABILITY_OPERATORS = ("LOGISTIC", "SOFTMAX")
_PASSING_OPERATORS = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE")


def describe(
    flatbuffer: bytes, labels: Sequence[str], input_range: str, positive: str | None = None
) -> tuple[Card, tuple[str, str]]:
    """A card for a plain TFLite classifier.

    A single output with two labels is taken as Keras trains it: it speaks for the second label.

    Args:
        labels: class names in the order of the model's outputs, two or more.
        input_range: a key of ``INPUT_RANGES``.
        positive: the label that means parasitized; without it, the one that sounds like it.

    Returns:
        the card, with both operating points at 0.5, and the labels (negative, positive); with more than two
        classes the negative one is "not <positive>".

    Raises:
        WrongUsage: the labels do not fit the output, or no single one means parasitized.
        BadModel: the model is no image classifier.
    """
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise WrongUsage(f"The labels are {', '.join(labels)}; give two or more different ones, in output order.")
    graph = read_graph(flatbuffer)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise BadModel(f"The model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; it needs one each.")
    shape = graph.tensors[graph.inputs[0]].shape
    if len(shape) != 4 or shape[3] != 3:
        raise BadModel(f"The model takes {list(shape)}, not colour images [1, height, width, 3].")
    scale, offset = INPUT_RANGES[input_range]
    place = _positive_place(labels, positive)
    values = _output_values(graph)
    if values not in (1, len(labels)) or (values == 1 and len(labels) != 2):
        raise WrongUsage(f"The model has {values} outputs and {len(labels)} labels are given ({', '.join(labels)}).")
    last = _last_operator(graph)
    if last is not None and not last.known:
        raise BadModel(
            f"The model ends in the operator {last.name}, which is newer than this program, so what its output means "
            "is not known; upgrade thinsmear, or convert the model with an older TensorFlow."
        )
    output = OutputContract(
        kind="probability" if last is not None and last.name in _PROBABILITY_OPERATORS else "logit",
        index=place if values > 1 else 0,
        complement=values == 1 and place == 0,
    )
    card = Card(
        input=InputContract(height=shape[1], width=shape[2], scale=(scale,) * 3, offset=(offset,) * 3),
        output=output,
        points=OperatingPoints(),
    )
    negative = labels[1 - place] if len(labels) == 2 else f"not {labels[place]}"
    return card, (negative, labels[place])


def _positive_place(labels: Sequence[str], positive: str | None) -> int:
    if positive is not None:
        if positive not in labels:
            raise WrongUsage(f"The positive label {positive!r} is none of {', '.join(labels)}.")
        return list(labels).index(positive)
    words = [label.lower() for label in labels]
    sounding = [
        i
        for i, word in enumerate(words)
        if any(good in word for good in _POSITIVE_WORDS) and not any(bad in word for bad in _NEGATIVE_WORDS)
    ]
    if len(sounding) != 1:
        raise WrongUsage(f"Which of {', '.join(labels)} means parasitized is not clear; say so with --positive LABEL.")
    return sounding[0]


def _output_values(graph: Graph) -> int:
    values = 1
    for side in graph.tensors[graph.outputs[0]].shape[1:]:
        values *= side
    return values


def _last_operator(graph: Graph) -> Operator | None:
    """The operator that makes the output, leaving out those that only change its form."""
    makers = {number: operator for operator in graph.operators for number in operator.outputs}
    number = graph.outputs[0]
    for _ in graph.operators:
        operator = makers.get(number)
        if operator is None or operator.name not in _PASSING_OPERATORS or not operator.inputs:
            break
        number = operator.inputs[0]
    return makers.get(number)
