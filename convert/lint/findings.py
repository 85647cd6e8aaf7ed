"""What a lint rule reports."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.common.text import printable
from edge_runtime.inspection.graph import Graph, Operator


@dataclass(frozen=True)
class Finding:
    """Something about a model that its target will not like.

    Attributes:
        severity: "error" when the target cannot run it (all), "warning" when it runs, but slower or otherwise.
        rule: short name of the rule.
        place: the tensor or operator.
        message: what is wrong.
        cure: what to do about it.
    """

    severity: str
    rule: str
    place: str
    message: str
    cure: str


def tensor_place(graph: Graph, number: int) -> str:
    """How a tensor is named in a finding."""
    return f"tensor {number} {printable(graph.tensors[number].name)}"


def operator_place(graph: Graph, index: int) -> str:
    """How an operator is named in a finding: its number, kind, and the layer it computes."""
    operator: Operator = graph.operators[index]
    name = graph.tensors[operator.outputs[0]].name if operator.outputs else ""
    return f"operator {index} {printable(operator.name)} {printable(name)}".rstrip()
