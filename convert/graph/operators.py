"""Operators of a model one by one: each as a model of its own, and paired with those of the model it was made from."""

from __future__ import annotations

from typing import Any

from convert.graph.edit import pack, schema, unpack
from edge_runtime.errors import BadModel
from edge_runtime.inspection.graph import Graph, Operator

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


def split_operators(flatbuffer: bytes, graph: Graph) -> list[tuple[bytes, tuple[int, ...]]]:
    """One model an operator, in order, weights included.

    Args:
        flatbuffer: a model of one subgraph.
        graph: its structure.

    Returns:
        for each operator the model and which of the operator's inputs (positions) the model takes; the others are
        constants that it carries.
    """
    whole = unpack(flatbuffer)
    return [_alone(whole, graph, i, operator) for i, operator in enumerate(graph.operators)]


def _alone(whole: Any, graph: Graph, index: int, operator: Operator) -> tuple[bytes, tuple[int, ...]]:
    kinds = schema()
    source = whole.subgraphs[0]
    numbers = sorted({number for number in (*operator.inputs, *operator.outputs) if number >= 0})
    place = {number: i for i, number in enumerate(numbers)} | {-1: -1}
    fed = tuple(
        i for i, number in enumerate(operator.inputs) if number >= 0 and not graph.tensors[number].constant_bytes
    )
    copy = kinds.OperatorT.InitFromObj(_packed(kinds.OperatorT, kinds.Operator, source.operators[index]))
    copy.opcodeIndex = 0
    copy.inputs = [place[number] for number in operator.inputs]
    copy.outputs = [place[number] for number in operator.outputs]
    model = kinds.ModelT()
    model.version = whole.version
    model.operatorCodes = [whole.operatorCodes[source.operators[index].opcodeIndex]]
    # Buffer 0 is the empty one by convention; every tensor here gets a buffer of its own behind it.
    model.buffers = [kinds.BufferT()]
    subgraph = kinds.SubGraphT()
    subgraph.tensors = []
    for number in numbers:
        tensor = source.tensors[number]
        model.buffers.append(whole.buffers[tensor.buffer])
        own = kinds.TensorT.InitFromObj(_packed(kinds.TensorT, kinds.Tensor, tensor))
        own.buffer = len(model.buffers) - 1
        subgraph.tensors.append(own)
    subgraph.operators = [copy]
    subgraph.inputs = [place[operator.inputs[i]] for i in fed]
    subgraph.outputs = copy.outputs
    model.subgraphs = [subgraph]
    return pack(model), fed


def _packed(kind: Any, reader: Any, value: Any) -> Any:
    """A flatbuffer view of one object, from which the generated code makes an independent copy."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(value.Pack(builder))
    return reader.GetRootAs(builder.Output(), 0)
