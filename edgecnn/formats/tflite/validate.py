"""Checks a .tflite once, at the door: counts, types, shapes, indices and scales. What comes after may trust them.

LiteRT checks much of this itself, and ends the process with signal 11 for some of the rest: for a scale that is NaN, infinite or zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.formats.invalid import InvalidModelError, require
from edgecnn.formats.tflite import operators, sparsity

# Tables of a file: tensors, operators, buffers and so on. A network of a thousand layers has some five thousand.
MOST_TABLES = 1 << 17
# Elements of a tensor, and dimensions.
MOST_ELEMENTS, MOST_SIDES = 1 << 31, 8
# What a stored value of these types can be, which a zero point must be too.
_RANGES = {"INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767), "UINT16": (0, 65535), "INT4": (-8, 7), "UINT4": (0, 15), "INT2": (-2, 1)}
_BITS = {
    **dict.fromkeys(("INT8", "UINT8", "BOOL", "FLOAT8_E4M3FN", "FLOAT8_E5M2"), 8), **dict.fromkeys(("INT4", "UINT4"), 4), "INT2": 2,
    **dict.fromkeys(("INT16", "UINT16", "FLOAT16", "BFLOAT16"), 16), **dict.fromkeys(("INT32", "UINT32", "FLOAT32"), 32),
    **dict.fromkeys(("INT64", "UINT64", "FLOAT64", "COMPLEX64"), 64), "COMPLEX128": 128,
}  # fmt: skip


def check_counts(raw: Any, size: int) -> None:
    """Bound the tables of a `schema.Model` before objects are made of them: vectors may lead to one table a million times.

    Raises:
        InvalidModelError: more tables than the file's bytes can hold. struct.error, IndexError: it is cut off.
    """
    graphs = raw.SubgraphsLength()
    total = graphs + raw.BuffersLength() + raw.OperatorCodesLength() + raw.MetadataLength() + raw.SignatureDefsLength()
    _bound(total, size)
    for graph in (raw.Subgraphs(number) for number in range(graphs)):
        total += graph.TensorsLength() + graph.OperatorsLength()
        _bound(total, size)
    for graph in (raw.Subgraphs(number) for number in range(graphs)):
        for tensor in (graph.Tensors(number) for number in range(graph.TensorsLength())):
            sparse = tensor.Sparsity()
            total += tensor.VariantTensorsLength() + (sparse.DimMetadataLength() if sparse is not None else 0)
        _bound(total, size)


def _bound(total: int, size: int) -> None:
    # A table takes four bytes for its offset and four at least for itself.
    if total > min(MOST_TABLES, size // 4):
        raise InvalidModelError(f"it declares {total:,} tables in {size:,} bytes")


def check(model: Any, size: int) -> None:
    """Hold a `schema.ModelT` against what the format promises; vectors that are missing become empty ones.

    Args:
        model: changed in that way only.
        size: bytes of the file.

    Raises:
        InvalidModelError: with what is wrong and where.
    """
    _fill(model)
    require(model.version == 3, f"it has version {model.version} of the format; expected 3")
    require(bool(model.subgraphs), "it has no graph")
    for number, code in enumerate(model.operatorCodes):
        _check_code(number, code)
    for number, buffer in enumerate(model.buffers):
        outside = buffer.size > 1 or buffer.offset > 1
        require(not outside or 0 < buffer.offset <= buffer.offset + buffer.size <= size, f"buffer {number} lies beyond the end of the file")
    for entry in model.metadata:
        require(0 <= entry.buffer < len(model.buffers), f"metadata entry {_text(entry.name)!r} names buffer {entry.buffer} of {len(model.buffers)}")
    _check_texts(model)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            _check_tensor(model, tensor)
        _check_graph(model, graph)
    _check_signatures(model)


def _check_texts(model: Any) -> None:
    """Every name is UTF-8: runtimes and readers take them for such."""
    names = [("operator", code.customCode) for code in model.operatorCodes] + [("metadata entry", entry.name) for entry in model.metadata]
    names += [("tensor", tensor.name) for graph in model.subgraphs for tensor in graph.tensors]
    for signature in model.signatureDefs:
        names += [("signature", signature.signatureKey), *(("signature's tensor", entry.name) for entry in _entries(signature.inputs, signature.outputs))]
    for what, name in names:
        try:
            (name or b"").decode()
        except UnicodeDecodeError:
            raise InvalidModelError(f"the name of a {what}, {name[:40]!r}, is no text in UTF-8") from None


def _fill(model: Any) -> None:
    for field in ("operatorCodes", "subgraphs", "buffers", "metadata", "signatureDefs"):
        setattr(model, field, getattr(model, field) if getattr(model, field) is not None else [])
    nothing = np.empty(0, np.int32)
    for graph in model.subgraphs:
        graph.tensors, graph.operators = graph.tensors or [], graph.operators or []
        ends = [(owner, field) for owner in (graph, *graph.operators) for field in ("inputs", "outputs")]
        for owner, field in (*ends, *((tensor, "shape") for tensor in graph.tensors)):
            if getattr(owner, field) is None:
                setattr(owner, field, nothing)


def _check_code(number: int, code: Any) -> None:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    require(builtin in _names(schema.BuiltinOperator), f"operator code {number} is {builtin}, which this version of LiteRT does not know; a newer one may")
    require(code.version >= 0, f"operator code {number} has version {code.version}")
    custom = builtin == schema.BuiltinOperator.CUSTOM
    require(not custom or bool(code.customCode), f"operator code {number} is a custom operator without a name")


def _check_tensor(model: Any, tensor: Any) -> None:
    name = f"tensor {_text(tensor.name)!r}"
    kind = _names(schema.TensorType).get(tensor.type)
    require(kind is not None, f"{name} has element type {tensor.type}, which this version of LiteRT does not know")
    sides = [int(side) for side in tensor.shape]
    require(len(sides) <= MOST_SIDES, f"{name} has {len(sides)} dimensions; expected {MOST_SIDES} at most")
    require(all(side >= 0 for side in sides), f"{name} has the shape {sides}; expected no negative sides")
    require(math.prod(sides) <= MOST_ELEMENTS, f"{name} has the shape {sides}, more elements than memory holds")
    signature = tensor.shapeSignature
    if signature is not None and len(signature):
        require(len(signature) == len(sides), f"{name} has {len(sides)} dimensions and a signature of {len(signature)}")
        require(all(side >= -1 for side in signature), f"{name} has the signature {[int(side) for side in signature]}; expected -1 for open sides")
    require(0 <= tensor.buffer < len(model.buffers), f"{name} names buffer {tensor.buffer} of {len(model.buffers)}")
    _check_quantization(name, kind, sides, tensor.quantization)
    data = model.buffers[tensor.buffer].data
    if tensor.sparsity is not None:
        require(data is not None and len(data) > 0, f"{name} is stored sparse and has no values")
        problem = sparsity.problem(tensor.sparsity, sides)
        require(not problem, f"{name} is stored sparse, {problem}")
    elif data is not None and len(data) and kind in _BITS:
        wanted = (math.prod(sides) * _BITS[kind] + 7) // 8
        require(len(data) == wanted, f"{name} has the shape {sides} in {kind.lower()}, {wanted:,} bytes, and {len(data):,} are stored")


def _check_quantization(name: str, kind: str, sides: list[int], quantization: Any) -> None:
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return
    scales = np.asarray(quantization.scale, np.float64)
    points = np.asarray([] if quantization.zeroPoint is None else quantization.zeroPoint, np.int64)
    # Of whole numbers that only count, writers leave a scale of nothing; a bias whose kernel is nothing but zeros has one too.
    least = 0 if kind in ("INT32", "INT64") else np.finfo(np.float64).tiny
    wrong = scales[~(np.isfinite(scales) & (scales >= least))]
    require(not len(wrong), f"{name} has the quantization scale {wrong[0] if len(wrong) else 0:g}; expected a finite number above 0")
    if len(points) == 0 and kind not in ("FLOAT32", "FLOAT16"):
        quantization.zeroPoint = points = np.zeros(len(scales), np.int64)
    require(len(points) in (0, 1, len(scales)), f"{name} has {len(scales)} scales and {len(points)} zero points; expected as many")
    low, high = _RANGES.get(kind, (-(1 << 31), (1 << 31) - 1))
    require(bool(((points >= low) & (points <= high)).all()), f"{name} has a zero point that {kind.lower()} does not reach; expected {low} to {high}")
    if len(scales) > 1:
        axis = quantization.quantizedDimension
        require(0 <= axis < len(sides), f"{name} has a scale for each index of dimension {axis}, and {len(sides)} dimensions")
        require(len(scales) == sides[axis], f"{name} has {len(scales)} scales for {sides[axis]} channels")


def _check_graph(model: Any, graph: Any) -> None:
    count = len(graph.tensors)
    for what in ("inputs", "outputs"):
        for index in getattr(graph, what):
            require(0 <= index < count, f"an entry of the graph's {what} is tensor {index} of {count}")
    fixed = {index for index, tensor in enumerate(graph.tensors) if _is_stored(model, tensor)} | {int(index) for index in graph.inputs}
    ready = fixed | {index for index, tensor in enumerate(graph.tensors) if tensor.isVariable or 0 in [int(side) for side in tensor.shape]}
    for number, operator in enumerate(graph.operators):
        require(0 <= operator.opcodeIndex < len(model.operatorCodes), f"operator {number} names code {operator.opcodeIndex} of {len(model.operatorCodes)}")
        name = f"operator {number}, {_kind(model, operator)},"
        _check_ends(name, operator, count, ready, fixed)
        _check_options(name, model, graph, operator)
        _check_subgraphs(name, model, operator)
        ready.update(int(index) for index in operator.outputs)
        fixed.update(int(index) for index in operator.outputs)
    for index in graph.outputs:
        require(int(index) in ready, f"output {_text(graph.tensors[index].name)!r} of the graph comes from no operator")


def _is_stored(model: Any, tensor: Any) -> bool:
    buffer = model.buffers[tensor.buffer]
    return (buffer.data is not None and len(buffer.data) > 0) or buffer.size > 1 or tensor.externalBuffer > 0


def _check_ends(name: str, operator: Any, count: int, ready: set[int], fixed: set[int]) -> None:
    for index in map(int, operator.inputs):
        require(-1 <= index < count, f"{name} reads tensor {index} of {count}")
        require(index < 0 or index in ready, f"{name} reads tensor {index} before any operator has written it")
    for index in map(int, operator.outputs):
        require(0 <= index < count, f"{name} writes tensor {index} of {count}")
        require(index not in fixed, f"{name} writes tensor {index}, which has a value already")
    require(len(set(map(int, operator.outputs))) == len(operator.outputs), f"{name} writes one tensor twice")


def _check_options(name: str, model: Any, graph: Any, operator: Any) -> None:
    kind = _kind(model, operator)
    least = operators.INPUTS.get(kind)
    if least is None:
        return
    require(len(operator.inputs) >= least, f"{name} has {len(operator.inputs)} inputs; expected {least} or more")
    require(all(index >= 0 for index in operator.inputs[:least]), f"{name} leaves out an input that it needs")
    require(len(operator.outputs) >= 1, f"{name} has no output")
    for field in operators.POSITIVE.get(kind, ()):
        value = getattr(operator.builtinOptions, field, None)
        require(value is not None, f"{name} has no {field} among its options")
        require(1 <= value <= operators.MOST, f"{name} has {field} {value}; expected 1 or more")
    for index in operator.inputs[:2] if kind in operators.FOUR_SIDED else ():
        sides = graph.tensors[index].shape
        require(len(sides) == 4, f"{name} reads a tensor of {len(sides)} dimensions; expected 4")


def _check_subgraphs(name: str, model: Any, operator: Any) -> None:
    for options in (operator.builtinOptions, operator.builtinOptions2):
        for field, value in vars(options).items() if options is not None else ():
            if field.lower().endswith("subgraphindex"):
                require(0 <= value < len(model.subgraphs), f"{name} calls graph {value} of {len(model.subgraphs)}")


def _check_signatures(model: Any) -> None:
    for signature in model.signatureDefs:
        require(0 <= signature.subgraphIndex < len(model.subgraphs), f"a signature names graph {signature.subgraphIndex} of {len(model.subgraphs)}")
        count = len(model.subgraphs[signature.subgraphIndex].tensors)
        for entry in _entries(signature.inputs, signature.outputs):
            require(0 <= entry.tensorIndex < count, f"a signature names tensor {entry.tensorIndex} of {count}")


def _entries(*vectors: Iterable[Any] | None) -> Iterator[Any]:
    for vector in vectors:
        yield from vector or ()


def _kind(model: Any, operator: Any) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    return _names(schema.BuiltinOperator)[max(code.builtinCode, code.deprecatedBuiltinCode)]


@cache
def _names(kind: type) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if name.isupper()}


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")[:80]
