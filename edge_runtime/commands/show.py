"""``thinsmear show``: what a model file says about itself, and the proof of its golden vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import emit_json, json_option, table, verbosity_options
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.errors import GateFailed, NotConclusive

if TYPE_CHECKING:
    from edge_runtime.core.model_file import ModelFile
    from edge_runtime.inspection.golden import GoldenCheck
    from edge_runtime.inspection.graph import Graph, Tensor

_LIST_LIMIT = 6
_VALUE_WIDTH = 100


@click.command(
    short_help="Show a model file.",
    epilog="""\b
Examples:
  thinsmear show                          the model that comes with the program
  thinsmear show model.tflite --tensors   with every tensor
  thinsmear show --golden                 prove that this machine computes what the model's makers saw
  thinsmear show model.tflite --json | python -m json.tool

Exit code 1 when the golden vectors are not met, 4 when the file holds none.""",
)
@click.argument("model", metavar="[MODEL]", required=False, type=click.Path())
@click.option("--golden", is_flag=True, help="Run the golden vectors on this machine and compare.")
@click.option("--tensors", is_flag=True, help="List every tensor.")
@json_option
@verbosity_options
def show(model: str | None, golden: bool, tensors: bool, as_json: bool) -> None:
    """Show a model file: its card, labels, input, output, operators and sizes.

    MODEL is a .tflite file, or the name of a model that comes with the program. Files of other makers have no card;
    the rest is shown all the same.
    """
    from edge_runtime.core.model_file import open_model
    from edge_runtime.inspection.class_names import own_names
    from edge_runtime.inspection.graph import read_graph
    from edge_runtime.inspection.metadata import read_metadata

    file = open_model(model)
    graph = read_graph(file.flatbuffer)
    if file.card is None:
        file = replace(file, labels=own_names(file, read_metadata(file.flatbuffer)))
    check = _check(file) if golden else None
    if as_json:
        emit_json(_document(file, graph, check))
    else:
        click.echo("\n\n".join(_sections(file, graph, tensors, check)))
    if check is not None and not check.passed:
        raise GateFailed(
            f"This machine does not compute what the model's makers saw: {check.changed_values:,} input values differ, "
            f"outputs are up to {check.output_distance:g} apart ({check.output_limit:g} allowed); "
            "update Pillow, NumPy and ai-edge-litert."
        )


def _check(file: ModelFile) -> GoldenCheck:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.inspection.golden import check_golden, golden_of

    golden = golden_of(file)
    if golden is None:
        raise NotConclusive(f"{printable(file.path)} holds no golden vectors, so nothing can be proven with it.")
    classifier = Classifier(file)
    return check_golden(classifier.interpreter, classifier.contract, golden)


def _document(file: ModelFile, graph: Graph, check: GoldenCheck | None) -> dict[str, Any]:
    from edge_runtime.inspection.metadata import read_metadata

    return {
        "file": as_utf8(file.path),
        "model": file.id,
        "sha256": file.sha256,
        "sizes": _sizes(file),
        "labels": list(file.labels),
        "card": file.card.to_json() if file.card else None,
        "metadata": None if file.card else asdict(read_metadata(file.flatbuffer)),
        "inputs": [asdict(graph.tensors[number]) for number in graph.inputs],
        "outputs": [asdict(graph.tensors[number]) for number in graph.outputs],
        "operators": [
            {"name": name, "version": version, "custom": custom, "count": count}
            for (name, version, custom), count in _operator_counts(graph)
        ],
        "subgraphs": graph.subgraphs,
        "tensors": [asdict(tensor) for tensor in graph.tensors],
        "golden": None if check is None else {**asdict(check), "passed": check.passed},
    }


def _sections(file: ModelFile, graph: Graph, tensors: bool, check: GoldenCheck | None) -> Iterator[str]:
    from edge_runtime.inspection.capture import capture_of, capture_words

    yield _pairs(
        [
            ("file", printable(file.path)),
            ("sha256", file.sha256),
            *((f"size of {part}", f"{size:,} bytes") for part, size in _sizes(file).items()),
            ("labels", ", ".join(file.labels[:_LIST_LIMIT]) or "none"),
            ("graph", f"{len(graph.operators)} operators, {len(graph.tensors)} tensors, {graph.subgraphs} subgraphs"),
        ]
    )
    ends = [("input", n) for n in graph.inputs] + [("output", n) for n in graph.outputs]
    yield table(
        ["tensor", *_TENSOR_HEADINGS], [[role, *_tensor_row(graph.tensors[n])] for role, n in ends], _TENSOR_RIGHT
    )
    yield table(
        ["operator", "version", "count"],
        [[printable(name), version, count] for (name, version, _), count in _operator_counts(graph)],
        right=(1, 2),
    )
    if tensors:
        rows = [[number, *_tensor_row(tensor)] for number, tensor in enumerate(graph.tensors)]
        yield table(["tensor", *_TENSOR_HEADINGS], rows, (0, *_TENSOR_RIGHT))
    if file.card is None:
        yield from _stranger(file, graph)
    else:
        yield _pairs([(name, value) for name, value in _flat("", file.card.to_json())])
        curve = capture_of(file.card.details, file.card.details["flatbuffer_sha256"])
        yield _pairs([("ranking", capture_words(curve))])
    if check is not None:
        yield _pairs(
            [
                ("golden images", str(check.images)),
                ("golden inputs", "bit-equal" if check.inputs_equal else f"{check.changed_values:,} values differ"),
                ("golden outputs", f"up to {check.output_distance:g} apart, {check.output_limit:g} allowed"),
                ("golden vectors", "met" if check.passed else "NOT met"),
            ]
        )


def _stranger(file: ModelFile, graph: Graph) -> Iterator[str]:
    """What a file without a card says of itself, and what is still to be said."""
    from edge_runtime.core.layout import layout_of
    from edge_runtime.inspection.metadata import read_metadata

    metadata = read_metadata(file.flatbuffer)
    layout = layout_of(graph.tensors[graph.inputs[0]].signature) if len(graph.inputs) == 1 else None
    rows = []
    if metadata.mean:
        mean, std = (", ".join(f"{value:g}" for value in values) for values in (metadata.mean, metadata.std))
        rows.append(("normalisation", f"(pixel - mean) / std, mean {mean}, std {std} (pixels 0..255)"))
    if metadata.highest is not None:
        rows.append(("output", f"{metadata.lowest:g} to {metadata.highest:g}, as the file says"))
    if layout is not None and layout.words:
        rows.append(("input", layout.words))
    if rows:
        yield _pairs(rows)
    lacking = ["--labels"] * (not file.labels) + ["--input-range"] * (metadata.scaling() is None)
    lacking += ["--size"] * (layout is not None and -1 in (layout.height, layout.width))
    wanted = f" To classify, give {' and '.join(lacking)}." if lacking else " It says what classifying needs."
    yield f"No card: a model of another maker.{wanted}"


_TENSOR_HEADINGS = ("shape", "type", "scale", "zero point", "weights", "name")
_TENSOR_RIGHT = (5,)


def _tensor_row(tensor: Tensor) -> list[str]:
    scales, zero_points = tensor.scales, tensor.zero_points
    return [
        str(list(tensor.signature)),
        tensor.dtype,
        f"{scales[0]:.6g}" if len(scales) == 1 else (f"{len(scales)} scales" if scales else ""),
        str(zero_points[0]) if len(scales) == 1 and zero_points else "",
        f"{tensor.constant_bytes:,}" if tensor.constant_bytes else "",
        printable(tensor.name),
    ]


def _operator_counts(graph: Graph) -> list[tuple[tuple[str, int, bool], int]]:
    return Counter((op.name, op.version, op.custom) for op in graph.operators).most_common()


def _sizes(file: ModelFile) -> dict[str, int]:
    entries = {} if file.archive is None else {printable(name): size for name, size in file.archive.sizes.items()}
    return {"flatbuffer": len(file.flatbuffer), **entries}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """A JSON document as (dotted name, text) rows; long lists only by their length."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, (list, tuple)):
        long = len(value) > _LIST_LIMIT or any(isinstance(inner, (dict, list, tuple)) for inner in value)
        yield prefix, f"{len(value)} entries (see --json)" if long else "; ".join(map(_shown, value)) or "none"
    else:
        yield prefix, _shown(value)


def _shown(value: Any) -> str:
    if value is None or value in ({}, ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    shown = f"{value:.6g}" if isinstance(value, float) else printable(str(value))
    return shown if len(shown) <= _VALUE_WIDTH else f"{shown[:_VALUE_WIDTH]}..."


def _pairs(rows: list[tuple[str, str]]) -> str:
    width = max(len(printable(name)) for name, _ in rows)
    return "\n".join(f"{printable(name):{width}}  {value}".rstrip() for name, value in rows)
