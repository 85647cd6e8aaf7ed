"""What runs where: how many operators of a model the Edge TPU takes and how many are left to the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_runtime.core.backends.edgetpu import CUSTOM_OPERATOR
from edge_runtime.inspection.graph import read_graph

if TYPE_CHECKING:
    from edge_runtime.core.classifier import Classifier


@dataclass(frozen=True)
class ComputeUnits:
    """Operators by the unit that runs them.

    Attributes:
        edgetpu: on the Edge TPU.
        cpu: on the processor.
    """

    edgetpu: int
    cpu: int

    def __str__(self) -> str:
        units = [("Edge TPU", self.edgetpu), ("CPU", self.cpu)]
        shown = [f"{name} ({count})" for name, count in units if count or name == "CPU"]
        return f"Compute units: {' | '.join(shown)} | Total ({self.edgetpu + self.cpu})"


def compute_units_of(classifier: Classifier) -> ComputeUnits:
    """How many operators of a loaded model run where."""
    return compute_units(classifier.model.flatbuffer, classifier.card.details)


def compute_units(flatbuffer: bytes, details: Mapping[str, Any] | None = None) -> ComputeUnits:
    """Count the operators of a model that is loaded and running.

    A compiled model holds one operator in place of all those the Edge TPU took; how many these were stands on the
    card (from the compiler's log). Without a card that one operator is what can be counted.

    Args:
        details: the card's details.
    """
    names = [operator.name for operator in read_graph(flatbuffer).operators]
    compiled = names.count(CUSTOM_OPERATOR.decode())
    if not compiled:
        return ComputeUnits(0, len(names))
    report = (details or {}).get("edgetpu")
    mapped = report.get("mapped") if isinstance(report, Mapping) else None
    return ComputeUnits(mapped if isinstance(mapped, int) else compiled, len(names) - compiled)
