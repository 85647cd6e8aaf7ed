"""Will a machine take this model as it is? Findings about a TFLite file, each with the place and the cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from convert.lint.cpu import check_cpu
from convert.lint.edgetpu import check_edgetpu
from convert.lint.findings import Lint, LintFinding, tensor_place
from convert.quantise.recipes import CPU, EDGETPU
from edge_runtime.core.card import InputContract
from edge_runtime.core.preprocess import lookup_table
from edge_runtime.errors import WrongUsage
from edge_runtime.inspection.graph import Graph, read_graph

_CHECKS: dict[str, Callable[[Graph], Iterator[LintFinding]]] = {CPU: check_cpu, EDGETPU: check_edgetpu}
_COMPILED = "edgetpu-custom-op"


def lint(flatbuffer: bytes, target: str, contract: InputContract | None = None) -> Lint:
    """Check a model for a target, without running it.

    Args:
        flatbuffer: any TFLite model, with or without a tail.
        target: "cpu" or "edgetpu".
        contract: of the card; then it is also checked that pixels reach the input tensor nearly unchanged.

    Raises:
        BadModel: the file is no TFLite model or damaged.
        WrongUsage: an unknown target.
    """
    if target not in _CHECKS:
        raise WrongUsage(f"There is no target {target!r}; there are {', '.join(_CHECKS)}.")
    graph = read_graph(flatbuffer)
    found = list(_CHECKS[target](graph))
    if any(operator.name == _COMPILED for operator in graph.operators) and target == EDGETPU:
        found = []  # compiled already; what is left outside runs on the CPU, and the compiler's log said so
    if contract is not None:
        found += _input_table(graph, contract)
    weights = sum(tensor.constant_bytes for tensor in graph.tensors)
    ordered = tuple(sorted(found, key=lambda finding: finding.severity != "error"))
    return Lint(target, len(graph.operators), weights, ordered)


def _input_table(graph: Graph, contract: InputContract) -> Iterator[LintFinding]:
    """A quantised input should hold the pixel itself (uint8) or the pixel - 128 (int8), within 1."""
    for number in graph.inputs:
        tensor = graph.tensors[number]
        if tensor.dtype not in ("uint8", "int8") or len(tensor.scales) != 1 or tensor.scales[0] <= 0:
            continue
        table = lookup_table(contract, tensor.dtype, tensor.scales[0], tensor.zero_points[0]).astype(int)
        wanted = np.arange(256)[:, np.newaxis] + np.iinfo(tensor.dtype).min
        away = int(np.abs(table - wanted).max())
        if away > 1:
            yield LintFinding(
                "warning",
                "input-table",
                tensor_place(graph, number),
                f"a pixel and its value in the tensor differ by up to {away} (scale {tensor.scales[0]:.6g}, zero point "
                f"{tensor.zero_points[0]}): a program that feeds raw pixels decides differently",
                "calibrate again with pixels 0 and 255 in the set (thinsmear convert does), or feed it through the "
                "table of the card, as thinsmear classify does",
            )
