"""Find for each operator of a converted model the operator of the float model it was made from."""

from __future__ import annotations

from edge_runtime.errors import BadModel
from edge_runtime.inspection.graph import Graph

_CASTS = ("QUANTIZE", "DEQUANTIZE")


def pair_operators(graph: Graph, original: Graph) -> list[tuple[int, int]]:
    """Places of each operator in the converted and in the float model; casts between types stand alone.

    Raises:
        BadModel: the operators differ.
    """
    ours = [i for i, operator in enumerate(graph.operators) if operator.name not in _CASTS]
    theirs = [i for i, operator in enumerate(original.operators) if operator.name not in _CASTS]
    for i, j in zip(ours, theirs, strict=False):
        if graph.operators[i].name != original.operators[j].name:
            raise BadModel(
                f"The model is not made from this run: its operator {i} is {graph.operators[i].name}, the run's is "
                f"{original.operators[j].name}."
            )
    if len(ours) != len(theirs):
        raise BadModel(f"The model is not made from this run: it has {len(ours)} operators, the run's {len(theirs)}.")
    return list(zip(ours, theirs, strict=True))
