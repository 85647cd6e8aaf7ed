"""Calibration: the range of every activation over the representative images, by three methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from convert.graph.edit import pack, schema, unpack
from convert.graph.probe import Probe
from edge_runtime.common.console import progress
from edge_runtime.core.card import InputContract
from edge_runtime.inspection.graph import read_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 2048
_CLIPPED = 1e-4
_CANDIDATES = 64
_LEVELS = 255
Range = tuple[float, float]


def _widest(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> Range:
    return float(edges[0]), float(edges[-1])


def _percentile(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> Range:
    share = np.cumsum(counts) / max(1, int(counts.sum()))
    low = int(np.searchsorted(share, _CLIPPED, side="right"))
    high = int(np.searchsorted(share, 1 - _CLIPPED))
    return float(edges[low]), float(edges[min(high + 1, len(edges) - 1)])


def _least_error(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> Range:
    """Trade clipping against step width: squared clipping error plus width^2 / 12 for what is inside."""
    centres = (edges[:-1] + edges[1:]) / 2
    low, high = min(0.0, float(edges[0])), max(0.0, float(edges[-1]))
    kept = np.linspace(1.0, 0.2, _CANDIDATES)
    below = [float((counts * np.maximum(low * k - centres, 0) ** 2).sum()) for k in kept]
    above = [float((counts * np.maximum(centres - high * k, 0) ** 2).sum()) for k in kept]
    step = (high * kept[:, None] - low * kept[None, :]) / _LEVELS
    error = np.asarray(above)[:, None] + np.asarray(below)[None, :] + step**2 / 12 * counts.sum()
    i, j = np.unravel_index(int(np.argmin(error)), error.shape)
    return low * float(kept[j]), high * float(kept[i])


# name -> range from a histogram of the activation; "minmax" is the TensorFlow converter's own method
METHODS: dict[str, Callable[[NDArray[np.int64], NDArray[np.float64]], Range]] = {
    "minmax": _widest,
    "mse": _least_error,
    "percentile": _percentile,
}


class ActivationCalibration:
    """Activations of a float model on the representative images, summarised once, read by any method.

    Attributes:
        flatbuffer: the float model.
    """

    def __init__(self, flatbuffer: bytes, real: NDArray[np.float32], contract: InputContract) -> None:
        """Run the model on ``real``, float32 [n, H, W, 3] as the model takes them.

        The input's own range is what pixels 0 and 255 become, whether or not an image holds them: its scale would
        otherwise depend on the sample, and pixels would no longer reach the tensor nearly unchanged.
        """
        self.flatbuffer = flatbuffer
        self._real = real
        self._graph = read_graph(flatbuffer)
        ends = [s * p + o for s, o in zip(contract.scale, contract.offset, strict=True) for p in (0, 255)]
        self._input: Range = (min(ends), max(ends))
        self._watched = [
            number
            for operator in self._graph.operators
            for number in operator.outputs
            if self._graph.tensors[number].dtype == "float32"
        ]
        self._ends: dict[int, Range] = {}
        self._counts: dict[int, NDArray[np.int64]] = {}

    def ranges(self, method: str) -> dict[int, Range]:
        """Range of each tensor by number, always with 0 inside; ``method`` is a name of :data:`METHODS`.

        The output keeps its whole range whatever the method: clipped logits would merge the surest cells.
        """
        if not self._ends:
            self._ends = self._extremes()
        if method != "minmax" and not self._counts:
            self._counts = self._histograms()
        result: dict[int, Range] = dict.fromkeys(self._graph.inputs, self._input)
        for number in self._watched:
            low, high = self._ends[number]
            if method != "minmax" and number not in self._graph.outputs:
                low, high = METHODS[method](self._counts[number], np.linspace(low, high, _BINS + 1))
            result[number] = (min(low, 0.0), max(high, 0.0))
        return result

    def annotated(self, method: str) -> bytes:
        """The float model with the ranges written into its tensors, as TensorFlow's quantiser expects them."""
        model = unpack(self.flatbuffer)
        for number, (low, high) in self.ranges(method).items():
            tensor = model.subgraphs[0].tensors[number]
            tensor.quantization = tensor.quantization or schema().QuantizationParametersT()
            tensor.quantization.min, tensor.quantization.max = [low], [high]
        return pack(model)

    def _extremes(self) -> dict[int, Range]:
        low = dict.fromkeys(self._watched, np.inf)
        high = dict.fromkeys(self._watched, -np.inf)

        def note_ends(number: int, values: NDArray[np.float32]) -> None:
            low[number] = min(low[number], float(values.min()))
            high[number] = max(high[number], float(values.max()))

        self._visit(note_ends, "Calibrating")
        return {number: (low[number], high[number]) for number in self._watched}

    def _histograms(self) -> dict[int, NDArray[np.int64]]:
        counts = {number: np.zeros(_BINS, np.int64) for number in self._watched}

        def add(number: int, values: NDArray[np.float32]) -> None:
            low, high = self._ends[number]
            width = (high - low) or 1.0
            index = np.minimum(((values.ravel() - low) * (_BINS / width)).astype(np.int32), _BINS - 1)
            counts[number] += np.bincount(index, minlength=_BINS)

        self._visit(add, "Calibrating again")
        return counts

    def _visit(self, look: Callable[[int, NDArray[np.float32]], None], label: str) -> None:
        probe = Probe(self.flatbuffer)
        with progress(range(len(self._real)), label, len(self._real)) as images:
            for i in images:
                probe.run(self._real[i : i + 1])
                for number in self._watched:
                    look(number, probe.tensor(number))
