"""A .tflite classifier of another maker, from what the user says about its input and output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from edge_runtime.core.card import Card

# what its training made of pixels 0..255:
# name -> (channel order, name in edge_runtime.inspection.cardless.INPUT_RANGES)
INPUTS = {
    "rgb/255": ("RGB", "0..1"),
    "rgb/127.5-1": ("RGB", "-1..1"),
    "rgb": ("RGB", "0..255"),
    "bgr/255": ("BGR", "0..1"),
    "bgr/127.5-1": ("BGR", "-1..1"),
    "bgr": ("BGR", "0..255"),
}


@dataclass(frozen=True)
class Foreign:
    """A model file, and how it was trained.

    Attributes:
        path: the .tflite file.
        input: a key of :data:`INPUTS`.
        positive: which class means parasitized, counted from 0; of a single output, 1 says that it speaks for
            parasitized and 0 for uninfected.
    """

    path: Path
    input: str
    positive: int


def pair_up(paths: tuple[Path, ...], inputs: tuple[str, ...], positives: tuple[int, ...]) -> list[Foreign]:
    """Each --peer with its --peer-input and --peer-positive, given once for all or once for each.

    Raises:
        WrongUsage: the numbers do not fit.
    """
    for name, values in (("--peer-input", inputs), ("--peer-positive", positives)):
        if paths and len(values) not in (1, len(paths)):
            raise WrongUsage(
                f"There are {len(paths)} --peer and {len(values)} {name}; give one for all or one for each."
            )
    all_inputs = inputs * len(paths) if len(inputs) == 1 else inputs
    all_positives = positives * len(paths) if len(positives) == 1 else positives
    return [Foreign(*three) for three in zip(paths, all_inputs, all_positives, strict=False)]


def as_one_file(foreign: Foreign, target: Path) -> tuple[Path, Card]:
    """The model with a card, so that this program's runtime takes it as one of its own.

    A file that has a card already stays as it is, and its card counts.

    Raises:
        WrongUsage, BadModel: see :func:`edge_runtime.inspection.cardless.describe`, or the class does not exist.
    """
    from edge_runtime.core.model_file import pack_model, read_model_file  # here, so that help needs no NumPy
    from edge_runtime.inspection.cardless import InputSaid, describe_input
    from edge_runtime.inspection.graph import read_graph
    from edge_runtime.inspection.metadata import read_metadata
    from edge_runtime.inspection.opening import Described, described

    file = read_model_file(foreign.path)
    if file.card is not None:
        return foreign.path, file.card
    graph = read_graph(file.flatbuffer)
    values = 1
    for side in graph.tensors[graph.outputs[0]].shape[1:]:
        values *= side
    labels = [f"class {number}" for number in range(max(values, 2))]
    if not 0 <= foreign.positive < len(labels):
        raise WrongUsage(f"{printable(foreign.path)} has {len(labels)} classes; --peer-positive is {foreign.positive}.")
    channels, input_range = INPUTS[foreign.input]
    metadata = read_metadata(file.flatbuffer)
    contract, layout = describe_input(graph, InputSaid(input_range, channels=channels), metadata)
    card, _ = described(file, Described(graph, metadata, contract, layout), labels, labels[foreign.positive])
    target.write_bytes(pack_model(file.flatbuffer, card))
    return target, card
