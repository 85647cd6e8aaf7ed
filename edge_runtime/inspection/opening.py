"""The one way from a model's name to a classifier: for files with a card, and for those the user has to describe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.text import printable
from edge_runtime.core.card import CLASS
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import ModelFile, open_model
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from edge_runtime.core.card import Card, InputContract
    from edge_runtime.core.layout import Layout
    from edge_runtime.inspection.graph import Graph
    from edge_runtime.inspection.metadata import Metadata


@dataclass(frozen=True)
class ModelDescription:
    """What the user says about a model without a card; None for what is not said.

    Attributes:
        labels: class names in the order of the model's outputs, separated by commas, or a file with one a line.
        positive: the label that means parasitized.
        input_range: a key of :data:`edge_runtime.inspection.cardless.INPUT_RANGES`.
        output: one of :data:`edge_runtime.inspection.output_meaning.KINDS`.
        mean: of pixels 0..255 in training, and ...
        std: ... by what they were divided; one number or three.
        channels: one of :data:`edge_runtime.inspection.cardless.CHANNELS`.
        size: (width, height) of the pictures in training.
        tell: gets sentences about what is unusual.
    """

    labels: str | None = None
    positive: str | None = None
    input_range: str | None = None
    output: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channels: str | None = None
    size: tuple[int, int] | None = None
    tell: Callable[[str], None] | None = None

    def __bool__(self) -> bool:
        """Whether anything is said."""
        said = (self.labels, self.positive, self.input_range, self.output, self.channels)
        return any(said) or any(value is not None for value in (self.mean, self.std, self.size))

    def names(self) -> list[str]:
        """The class names that are said; none when nothing is. WrongUsage: their file cannot be read."""
        from edge_runtime.inspection.class_names import said_names

        return said_names(self.labels) if self.labels else []


def open_classifier(
    model: ModelFile | Path | str | None = None,
    accelerator: str = "auto",
    description: ModelDescription | None = None,
) -> Classifier:
    """A classifier, whoever made the model; ask it for twins where several threads classify.

    A file with a card is protected by the SHA-256 on it. Any other is checked, and run in a process of its own, before
    it is loaded here.

    Args:
        model: a file that was read, or its path, or the name of a model that comes along; None for the default.
        accelerator: "auto", "cpu" or "edgetpu"; see :func:`edge_runtime.core.backends.uses_edgetpu`.
        description: of a model without a card; None where the user has no way to describe one, so that it is refused.

    Raises:
        WrongUsage: there is no such model; it has a card and is described all the same, or has none and the
            description lacks something or does not fit; or it cannot run on the accelerator.
        BadModel: the file is damaged, contradicts its card, or crashes the runtime; or it has no card and cannot be
            described.
        EnvironmentLacks: no runtime is installed, or the Edge TPU cannot be used.
    """
    file = model if isinstance(model, ModelFile) else open_model(model)
    if file.card is not None and description:
        raise WrongUsage("The model has a card that says it all; leave --labels, --positive and --input-range out.")
    if file.card is not None or description is None:
        return Classifier(file, accelerator=accelerator)
    return _open_stranger(file, accelerator, description)


def _open_stranger(file: ModelFile, accelerator: str, description: ModelDescription) -> Classifier:
    from edge_runtime.inspection.cardless import InputSaid, describe_input  # only for such files: a Pi's start is short
    from edge_runtime.inspection.class_names import own_names
    from edge_runtime.inspection.graph import read_graph
    from edge_runtime.inspection.metadata import read_metadata

    metadata = read_metadata(file.flatbuffer)
    labels = description.names() or list(own_names(file, metadata))
    ranged = description.input_range or description.mean or description.std or metadata.scaling()
    if not labels or not ranged:
        raise WrongUsage(
            f"{printable(file.path)} has no card; say what it is with --labels A,B (in the order of its outputs) "
            "and --input-range."
        )
    graph = read_graph(file.flatbuffer)
    said = InputSaid(description.input_range, description.mean, description.std, description.channels, description.size)
    contract, layout = describe_input(graph, said, metadata)
    card, pair = described(
        file,
        Described(graph, metadata, contract, layout),
        labels,
        description.positive,
        description.output,
        accelerator,
    )
    if description.tell is not None:
        for sentence in _unusual(layout, card):
            description.tell(sentence)
    return Classifier(file, card=card, labels=pair, accelerator=accelerator)


@dataclass(frozen=True)
class Described:
    """What is known of a model before it is tried.

    Attributes:
        graph: of the file.
        metadata: of the file.
        contract: of its input.
        layout: of its input.
    """

    graph: Graph
    metadata: Metadata
    contract: InputContract
    layout: Layout


def described(
    file: ModelFile,
    known: Described,
    labels: Sequence[str],
    positive: str | None = None,
    output: str | None = None,
    accelerator: str = "auto",
) -> tuple[Card, tuple[str, str]]:
    """Try a model without a card and describe it; errors as :func:`edge_runtime.inspection.cardless.describe`."""
    import numpy as np

    from edge_runtime.inspection.cardless import describe
    from edge_runtime.inspection.trial_run import try_model

    contract, layout = known.contract, known.layout
    opened = layout.shape(contract) if -1 in (layout.height, layout.width) else None
    low, high = min(contract.offset), max(255 * s + o for s, o in zip(contract.scale, contract.offset, strict=True))
    tried = try_model(file.flatbuffer, accelerator, shape=opened, low=low, high=high)
    answers = np.asarray(tried, np.float64) if tried else None
    return describe(known.graph, labels, contract, layout, positive, output, known.metadata, answers)


def _unusual(layout: Layout, card: Card) -> Iterator[str]:
    if layout.words:
        yield f"The model's input is unusual: {layout.words}."
    if card.output.kind == CLASS:
        yield "The model gives class numbers, no scores: every probability is 0 or 1, and nothing can be ranked by it."
