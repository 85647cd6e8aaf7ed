"""A card for models of other makers, from what the user says about them, and what their file and a trial show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_runtime.core.card import CLASS, Card, InputContract, OperatingPoints, OutputContract
from edge_runtime.core.layout import Layout, layout_of
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection.graph import Graph
from edge_runtime.inspection.metadata import Metadata, scaling_of
from edge_runtime.inspection.output_meaning import class_refusal, kind_of_output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# what the model's training made of pixels 0..255: name -> (scale, offset)
INPUT_RANGES = {"0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0), "0..255": (1.0, 0.0)}
CHANNELS = ("RGB", "BGR")
_POSITIVE_WORDS = ("parasit", "infected", "positive", "malaria")
_NEGATIVE_WORDS = ("unparasit", "non-parasit", "uninfected", "non-infected", "not infected", "negative", "healthy")


@dataclass(frozen=True)
class InputSaid:
    """What the user says of the input; None for what is not said.

    Attributes:
        input_range: a key of ``INPUT_RANGES``.
        mean: of pixels 0..255, one number or three, in the order of the model's channels.
        std: by which they were divided, like ``mean``.
        channels: one of ``CHANNELS``.
        size: (width, height) of the pictures that the model was trained with, where it takes any.
    """

    input_range: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channels: str | None = None
    size: tuple[int, int] | None = None


def describe_input(graph: Graph, said: InputSaid, metadata: Metadata) -> tuple[InputContract, Layout]:
    """The input contract of a plain TFLite classifier, and how its tensor is laid out.

    Args:
        said: what is not said is taken from the metadata.

    Raises:
        WrongUsage: the range of the pixels or the size is not known, or what is said contradicts the file.
        BadModel: the model takes no pictures.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise BadModel(f"The model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; it needs one each.")
    tensor = graph.tensors[graph.inputs[0]]
    layout = layout_of(tensor.signature)
    if layout is None:
        raise BadModel(
            f"The model takes {list(tensor.signature)}, not pictures [1, height, width, 3]; channels may stand first "
            "or last, 3 of colour or 1 of grey."
        )
    width, height = _size(layout, tensor.signature, said.size)
    scale, offset = _scaling(said, metadata)
    channels = said.channels or "RGB"
    return InputContract(height=height, width=width, channels=channels, scale=scale, offset=offset), layout


def _size(layout: Layout, shape: tuple[int, ...], said: tuple[int, int] | None) -> tuple[int, int]:
    fixed = (layout.width, layout.height)
    if said is None:
        if min(fixed) < 1:
            raise WrongUsage(
                f"The model takes pictures of any size (its input is {list(shape)}); say which it was trained with, as "
                "in --size 128x128."
            )
        return fixed
    if any(own > 0 and own != wish for own, wish in zip(fixed, said, strict=True)):
        raise WrongUsage(f"The model's input is {list(shape)}, not {said[0]}x{said[1]}; leave --size out.")
    return said


def _scaling(said: InputSaid, metadata: Metadata) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if said.mean is not None or said.std is not None:
        if said.input_range is not None:
            raise WrongUsage("--input-range and --mean with --std say the same; give one of them.")
        found = scaling_of(said.mean or (0.0,), said.std or (1.0,))
        if found is None:
            raise WrongUsage("--mean and --std take one number or three, as in --std 58.4,57.1,57.4, std above 0.")
        return found
    if said.input_range is not None:
        scale, offset = INPUT_RANGES[said.input_range]
        return (scale,) * 3, (offset,) * 3
    own = metadata.scaling()
    if own is None:
        raise WrongUsage(
            "What pixels 0..255 became in training is not known, and the file does not say it; give --input-range, or "
            "--mean and --std."
        )
    return own


def describe(
    graph: Graph,
    labels: Sequence[str],
    contract: InputContract,
    layout: Layout,
    positive: str | None = None,
    output: str | None = None,
    metadata: Metadata | None = None,
    answers: NDArray[np.float64] | None = None,
) -> tuple[Card, tuple[str, str]]:
    """A card for a plain TFLite classifier.

    A single output with two labels is taken as Keras trains it: it speaks for the second label.

    Args:
        labels: class names in the order of the model's outputs, two or more.
        contract: of the input, see :func:`describe_input`, like ``layout``.
        positive: the label that means parasitized; without it, the one that sounds like it.
        output: one of :data:`edge_runtime.inspection.output_meaning.KINDS`; else what the file and the trial say.
        answers: of a trial, see :func:`edge_runtime.inspection.trial_run.try_model`.

    Returns:
        the card, with both operating points at 0.5, and the labels (negative, positive); with more than two
        classes the negative one is "not <positive>".

    Raises:
        WrongUsage: the labels do not fit the output, or no single one means parasitized.
        BadModel: the model answers with class numbers.
    """
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise WrongUsage(f"The labels are {', '.join(labels)}; give two or more different ones, in output order.")
    place = _positive_place(labels, positive)
    kind = output or kind_of_output(graph, metadata or Metadata(), answers)
    if kind == CLASS and output is None:
        raise class_refusal(graph)
    values = 1 if kind == CLASS else _output_values(graph, layout)
    if values not in (1, len(labels)) or (values == 1 and len(labels) != 2 and kind != CLASS):
        raise WrongUsage(f"The model has {values} outputs and {len(labels)} labels are given ({', '.join(labels)}).")
    meaning = OutputContract(
        kind=kind,
        index=place if values > 1 or kind == CLASS else 0,
        complement=values == 1 and place == 0 and kind != CLASS,
    )
    negative = labels[1 - place] if len(labels) == 2 else f"not {labels[place]}"
    return Card(input=contract, output=meaning, points=OperatingPoints()), (negative, labels[place])


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


def _output_values(graph: Graph, layout: Layout) -> int:
    """Values of the output for one picture."""
    shape = graph.tensors[graph.outputs[0]].shape
    values = 1
    for side in shape:
        values *= side
    return values // layout.batch if layout.batch > 1 else values
