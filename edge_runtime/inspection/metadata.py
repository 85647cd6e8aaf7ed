"""What a model file of another maker says about itself: TFLite metadata, by its schema (metadata_schema.fbs 1.5).

Read are the names of the classes and what became of pixels in training; both stand there in Teachable Machine's, Vertex
AI's and TFLite Model Maker's files.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.core.card import InputContract
from edge_runtime.core.model_file import MAGIC
from edge_runtime.errors import BadModel
from edge_runtime.inspection.flatbuffer import FlatTable

_NAME = "TFLITE_METADATA"
_MAGIC = b"M001"
_NORMALISATION = 1  # of the union ProcessUnitOptions
_IMAGE, _GREY = 2, 2  # of the union ContentProperties; of the enumeration ColorSpaceType


@dataclass(frozen=True)
class Metadata:
    """What is said of the one input and the one output.

    Attributes:
        mean: of pixels 0..255, for each channel or for all; empty when nothing is said.
        std: by which they were divided, like ``mean``: value = (pixel - mean) / std.
        grey: the input is grey.
        label_files: names of the archive's entries that hold the classes' names.
        lowest: of the output's values; None when nothing is said.
        highest: of the output's values; None when nothing is said.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    grey: bool = False
    label_files: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None

    @property
    def says_probability(self) -> bool:
        """Whether the output's values are said to lie in 0..1."""
        return self.lowest == 0 and self.highest == 1

    def scaling(self) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
        """Scale and offset of pixels for each channel, as of an :class:`InputContract`; None when nothing is said."""
        if not self.mean or len(self.mean) != len(self.std):
            return None
        return scaling_of(self.mean, self.std)


def scaling_of(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    """``(pixel - mean) / std`` as scale and offset for each channel; None when they cannot be used.

    Deviations under 1 are those of pixels 0..1, as PyTorch writes them (0.229, 0.224, 0.225): then so are the means.
    """
    if len(mean) not in (1, 3) or len(std) not in (1, 3) or not all(value > 0 for value in std):
        return None
    unit = 255 if max(std) < 1 else 1
    means, stds = (tuple(unit * v for v in (values * 3 if len(values) == 1 else values)) for values in (mean, std))
    scale = (1 / stds[0], 1 / stds[1], 1 / stds[2])
    offset = (-means[0] * scale[0], -means[1] * scale[1], -means[2] * scale[2])
    try:
        InputContract(scale=scale, offset=offset)
    except BadModel:
        return None
    return scale, offset


def read_metadata(flatbuffer: bytes) -> Metadata:
    """The metadata of a model file that was checked; an empty one where there is none, or it is damaged."""
    try:
        model = FlatTable(flatbuffer, int.from_bytes(flatbuffer[:4], "little"))
        entry = next((entry for entry in model.tables(6) if entry.text(0) == _NAME), None)
        if flatbuffer[4:8] != MAGIC or entry is None:
            return Metadata()
        data = model.tables(4)[entry.scalar(1, "I")].numbers(0, "u1").tobytes()
        if data[4:8] != _MAGIC:
            return Metadata()
        return _of_graph(FlatTable(data, int.from_bytes(data[:4], "little")))
    except (BadModel, IndexError):
        return Metadata()


def _of_graph(root: FlatTable) -> Metadata:
    graphs = root.tables(3)
    if not graphs:
        return Metadata()
    inputs, outputs = graphs[0].tables(2), graphs[0].tables(3)
    mean, std = _normalisation(inputs[0]) if len(inputs) == 1 else ((), ())
    files: tuple[str, ...] = ()
    lowest = highest = None
    if len(outputs) == 1:
        files = tuple(file.text(0) for file in outputs[0].tables(6))
        lowest, highest = _range(outputs[0])
    return Metadata(mean, std, len(inputs) == 1 and _is_grey(inputs[0]), files, lowest, highest)


def _normalisation(tensor: FlatTable) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.scalar(0, "B") == _NORMALISATION and options is not None:
            return tuple(map(float, options.numbers(0, "<f4"))), tuple(map(float, options.numbers(1, "<f4")))
    return (), ()


def _is_grey(tensor: FlatTable) -> bool:
    content = tensor.table(3)
    properties = content.table(1) if content is not None and content.scalar(0, "B") == _IMAGE else None
    return properties is not None and properties.scalar(0, "b") == _GREY


def _range(tensor: FlatTable) -> tuple[float | None, float | None]:
    stats = tensor.table(5)
    if stats is None:
        return None, None
    highest, lowest = stats.numbers(0, "<f4"), stats.numbers(1, "<f4")
    if not len(highest) or not len(lowest):
        return None, None
    return float(lowest.min()), float(highest.max())
