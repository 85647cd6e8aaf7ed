"""What to type when the classes look exchanged: whose word is doubted, the model's labels or the data's."""

from __future__ import annotations

import shlex
from pathlib import Path

from edge_runtime.common.text import printable
from train.data.reading import Reading

_OTHER_NUMBER = {"0": "1", "1": "0", "yes": "no", "no": "yes", "true": "false", "false": "true"}


def exchanged_remedy(
    target: str | Path, data: Path | None, reading: Reading, labels: str | None = None, input_range: str | None = None
) -> str:
    """The command that evaluates with the classes exchanged, as the end of a sentence.

    Args:
        target: the run or the model.
        data: folder or list; None for a run's own cells.
        reading: how the data were read.
        labels: class names of a model without a card, in the order taken, separated by commas; None of others.
        input_range: of a model without a card.
    """
    words = ["thinsmear", "evaluate", printable(target)] + ([] if data is None else [printable(data)])
    if reading.patients is not None:
        words += ["--patients", reading.patients]
    if labels is not None and labels.count(",") == 1:
        turned = ",".join(label.strip() for label in reversed(labels.split(",")))
        numbers = ["--parasitized", ",".join(reading.parasitized)] if reading.parasitized else []
        ranged = [] if input_range is None else ["--input-range", input_range]
        command = shlex.join([*words, *numbers, "--labels", turned, *ranged])
        return f"`{command}` takes the model's outputs the other way round"
    if len(reading.parasitized) == 1 and reading.parasitized[0] in _OTHER_NUMBER:
        command = shlex.join([*words, "--parasitized", _OTHER_NUMBER[reading.parasitized[0]]])
        return f"`{command}` takes the numbers of the data the other way round"
    where = "the training data" if data is None else printable(data)
    return (
        f"look at a few images of {where}; if its folders or labels are exchanged, rename them, or list the images in "
        f"a CSV with path and label: `{shlex.join([*words[:3], 'CSV'])}`"
    )
