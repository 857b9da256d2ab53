"""Checks an .onnx once, at the door: sizes, types, names, circles and second files. What comes after may trust them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import onnx

from edgecnn import files, untrusted
from edgecnn.errors import BadFile
from edgecnn.formats.invalid import InvalidModelError, require
from edgecnn.formats.onnx import tensors

# Bytes of a protobuf; what is larger keeps its weights in a second file.
LARGEST = 2 << 30
# Graphs within one another, as If and Loop have them.
DEEPEST = 16
# Operators -> inputs that they have at least, in any domain: readers look at these without asking whose they are.
_INPUTS = {"Conv": 2, "FusedConv": 2, "NhwcFusedConv": 2, "ConvInteger": 2, "Gemm": 2, "FusedGemm": 2, "MatMul": 2, "FusedMatMul": 2, "MatMulInteger": 2}
_INPUTS |= {"QLinearConv": 8, "QLinearMatMul": 8, "QGemm": 6, "DequantizeLinear": 2, "QuantizeLinear": 2}
# Attributes whose numbers are 1 or more.
_POSITIVE = ("strides", "dilations", "kernel_shape", "group", "num_groups", "blocksize")
_WINDOWS = ("Conv", "Pool", "SpaceToDepth", "DepthToSpace", "GroupNormalization")
_MOST_WINDOW = 1 << 16

_DAMAGED = "not an ONNX file, or one that is cut off or damaged"


def read(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """Parse and check an .onnx; weights in a second file stay there.

    Raises:
        BadFile: missing, not ONNX, cut off, or with contents that no runtime can use.
    """
    path = Path(path)
    return parse(files.read_bytes(path, ".onnx model", LARGEST), path)


def parse(content: bytes, path: Path) -> onnx.ModelProto:
    """`read` of a file whose content is at hand; `path` names it, and second files lie beside it."""
    try:
        model = onnx.ModelProto.FromString(content)
    # protobuf's DecodeError is another class in every version of protobuf.
    except Exception as error:
        raise BadFile(f"{path}: {_DAMAGED}; copy or export it again") from error
    if not model.graph.node:
        raise BadFile(f"{path}: {_DAMAGED} (its graph has no nodes); copy or export it again")
    try:
        check(model, path.parent)
    except InvalidModelError as error:
        raise BadFile(f"{path} is no file that ONNX Runtime can run: {untrusted.printable(str(error))}") from error
    return model


def check(model: onnx.ModelProto, folder: Path) -> None:
    """Hold a parsed file against what the format promises.

    Raises:
        InvalidModelError: with what is wrong and where.
    """
    require(model.ir_version > 0, "it names no version of ONNX")
    require(bool(model.opset_import), "it names no opset")
    _check_texts(model)
    for entry in model.opset_import:
        require(entry.version > 0, f"it names opset {entry.version} of {entry.domain[:40] or 'ONNX'!r}; expected 1 or more")
    _check_functions(model, folder)
    _check_graph(model.graph, folder, frozenset(), 0)


def _check_texts(message: onnx.ModelProto) -> None:
    """Every text is UTF-8: protobuf hands over others as bytes, which no reader expects."""
    waiting: list[Any] = [message]
    while waiting:
        for field, value in waiting.pop().ListFields():
            several = value if hasattr(value, "append") or hasattr(value, "add") else [value]
            if field.message_type is not None:
                waiting += several
            elif field.type == field.TYPE_STRING:
                require(all(isinstance(text, str) for text in several), f"a {field.name.replace('_', ' ')} in it is no text in UTF-8")


def _check_functions(model: onnx.ModelProto, folder: Path) -> None:
    """Functions that call one another in a circle would be spread out without end."""
    calls: dict[tuple[str, str], set[tuple[str, str]]] = {(f.domain, f.name): set() for f in model.functions}
    for function in model.functions:
        _check_nodes(function.node, folder, {*function.input, ""}, frozenset(), 0)
        calls[function.domain, function.name] |= {(node.domain, node.op_type) for node in _all_nodes(function.node)} & set(calls)
    _check_order(calls, "functions")


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _all_nodes(graph.node)


def _check_graph(graph: onnx.GraphProto, folder: Path, outer: Set[str], depth: int) -> None:
    require(depth <= DEEPEST, f"its graphs lie more than {DEEPEST} deep in one another")
    constants = [*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)]
    for tensor in (*graph.initializer, *(part for sparse in graph.sparse_initializer for part in (sparse.values, sparse.indices))):
        tensors.check(tensor, folder)
    names = [tensor.name for tensor in constants]
    require(len(set(names)) == len(names), "two of its constants have one name")
    for value in (*graph.input, *graph.output, *graph.value_info):
        _check_value(value)
    given = [value.name for value in graph.input]
    require(len(set(given)) == len(given), "two of its inputs have one name")
    known = {*names, *given, ""}
    written = _check_nodes(graph.node, folder, known, outer, depth)
    for value in graph.output:
        require(value.name in written or value.name in known or value.name in outer, f"its output {value.name[:80]!r} comes from no node")


def _check_nodes(nodes: Iterable[onnx.NodeProto], folder: Path, known: Set[str], outer: Set[str], depth: int) -> set[str]:
    """Check nodes and what lies within them; returns the names that they write."""
    writers: dict[str, int] = {}
    for number, node in enumerate(nodes):
        require(bool(node.op_type), f"node {number} has no operator")
        require(bool(node.output) and bool(node.output[0]), f"node {number}, {node.op_type[:40]}, has no output")
        least = _INPUTS.get(node.op_type, 0)
        require(len(node.input) >= least and all(node.input[:least]), f"node {number}, {node.op_type[:40]}, has fewer than its {least} inputs")
        for name in filter(None, node.output):
            require(name not in writers and name not in known, f"{name[:80]!r} is written twice")
            writers[name] = number
    reads: dict[int, set[int]] = {}
    inner = {*known, *outer, *writers}
    for number, node in enumerate(nodes):
        for name in node.input:
            require(name in inner, f"node {number}, {node.op_type[:40]}, reads {name[:80]!r}, which nothing writes")
        taken = {*node.input, *(name for graph in _graphs(node) for part in _all_nodes(graph.node) for name in part.input)}
        reads[number] = {writers[name] for name in taken if name in writers}
        _check_attributes(number, node, folder, inner, depth)
    _check_order(reads, "nodes")
    return set(writers)


def _check_attributes(number: int, node: onnx.NodeProto, folder: Path, names: Set[str], depth: int) -> None:
    for attribute in node.attribute:
        for tensor in (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors):
            tensors.check(tensor, folder)
        values = [attribute.i] if attribute.type == onnx.AttributeProto.INT else list(attribute.ints)
        if attribute.name in _POSITIVE and any(part in node.op_type for part in _WINDOWS):
            right = all(1 <= value <= _MOST_WINDOW for value in values)
            require(right, f"node {number}, {node.op_type[:40]}, has {attribute.name} {values[:8]}; expected numbers from 1 to {_MOST_WINDOW:,}")
    for graph in _graphs(node):
        _check_graph(graph, folder, names, depth + 1)


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _check_value(value: onnx.ValueInfoProto) -> None:
    if not value.type.HasField("tensor_type"):
        return
    tensor, name = value.type.tensor_type, f"tensor {value.name[:80]!r}"
    known = tensor.elem_type == 0 or tensor.elem_type in tensors.type_names()
    require(known, f"{name} has element type {tensor.elem_type}, which this version of ONNX does not know; a newer one may")
    sides = [side.dim_value for side in tensor.shape.dim]
    # -1 and 0 are what some writers leave where a side is open.
    tensors.check_sides(name, [side for side in sides if side not in (-1, 0)])


def _check_order(graph: dict, what: str) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        raise InvalidModelError(f"its {what} read one another in a circle") from None
