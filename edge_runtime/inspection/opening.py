"""The one way from a model's name to a classifier: for files with a card, and for those the user has to describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.model_file import ModelFile, open_model
from edge_runtime.errors import WrongUsage


@dataclass(frozen=True)
class ModelDescription:
    """What the user says about a model without a card; None for what is not said.

    Attributes:
        labels: class names in the order of the model's outputs, separated by commas.
        positive: the label that means parasitized.
        input_range: a key of :data:`edge_runtime.inspection.cardless.INPUT_RANGES`.
    """

    labels: str | None = None
    positive: str | None = None
    input_range: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.labels or self.positive or self.input_range)


def open_classifier(
    model: ModelFile | Path | str | None = None,
    accelerator: str = "auto",
    description: ModelDescription | None = None,
) -> Classifier:
    """A classifier, whoever made the model; ask it for twins where several threads classify.

    A file with a card is protected by the SHA-256 on it. Any other is checked, and run once in a process of its own,
    before it is loaded here.

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
    said = description.labels
    labels = [label.strip() for label in said.split(",")] if said else list(file.labels)
    if not labels or description.input_range is None:
        raise WrongUsage(
            f"{printable(file.path)} has no card; say what it is with --labels A,B (in the order of its outputs) "
            "and --input-range."
        )
    from edge_runtime.inspection.cardless import describe  # only for such files: a Pi's start is short of time
    from edge_runtime.inspection.trial_run import try_model

    card, pair = describe(file.flatbuffer, labels, description.input_range, description.positive)
    try_model(file.flatbuffer, accelerator)
    return Classifier(file, card=card, labels=pair, accelerator=accelerator)
