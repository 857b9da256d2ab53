"""Reads a .tflite file without running it: tensors, operators, weights and metadata entries (schema version 3)."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn import card as cards
from edgecnn import files, untrusted
from edgecnn.errors import BadFile
from edgecnn.formats.invalid import InvalidModelError
from edgecnn.formats.tflite import graphs, validate
from edgecnn.runtime import oldest
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.file_info import FileInfo, Operator
from edgecnn.runtime.tflite_schema import element_type, operator_name, text

# Operators whose constant inputs are weights, whatever their type; elsewhere an int32 constant is a shape, an axis or a padding.
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_VALUE_KEEPING = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "CAST", "DENSIFY")
_INDEX_TYPES = ("int32", "int64", "bool")
_HALF_BYTE = ("int4", "uint4")


def read(content: bytes, origin: str | os.PathLike[str] = "file") -> Any:
    """The file as a tree of schema objects (`ModelT`); `origin` names it in errors.

    Walking the whole tree checks every offset of the file, so that native code never sees one that points outside.

    Raises:
        BadFile: not a .tflite file, or one that is cut off or damaged.
    """
    if len(content) < 8 or content[4:8] != b"TFL3":
        raise BadFile(f"{origin} is not a TFLite file (it begins with {content[:8]!r}); expected a .tflite")
    try:
        root = schema.Model.GetRootAs(content)
        validate.check_counts(root, len(content))
        model = schema.ModelT.InitFromObj(root)
        validate.check(model, len(content))
    except InvalidModelError as error:
        raise BadFile(f"{origin} is no file that LiteRT can run: {untrusted.printable(str(error))}; convert or export it again") from error
    # What the generated reader raises where an offset leads outside; of a string where a table was expected, an AttributeError.
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, MemoryError, RecursionError) as error:
        raise BadFile(f"{origin} is cut off or damaged ({len(content):,} bytes); copy or export it again") from error
    return model


def metadata(content: bytes, origin: str | os.PathLike[str] = "file") -> dict[str, bytes]:
    """Name -> content of the metadata entries of a .tflite file; BadFile as `read`."""
    return _metadata(read(content, origin))


def describe(path: str | os.PathLike[str]) -> FileInfo:
    """Read tensors, operators, counts and card of a .tflite file; BadFile as `read`."""
    path = Path(path)
    content = files.read_bytes(path, ".tflite model")
    return replace(info(path, chosen(path, content)), bytes=len(content))


def chosen(path: Path, content: bytes) -> bytes:
    """The file with the graph that classifies images alone, where its signatures run several; BadFile as `graphs.with_chosen_graph`."""
    return graphs.with_chosen_graph(path, read(content, path), content)


def chosen_content(path: str | os.PathLike[str]) -> bytes:
    """What stands in a file, as `chosen` leaves it."""
    return chosen(Path(path), files.read_bytes(path, ".tflite model"))


def info(path: Path, content: bytes) -> FileInfo:
    """`describe` of a file whose content is at hand."""
    model = read(content, path)
    graph, entries, needs = model.subgraphs[0], _metadata(model), oldest.tflite(model)
    spread = _spread(model, graph)
    operators = [_operator(model, graph, op) for op in graph.operators or ()]
    changing = [op.kind for op in operators if op.kind not in _VALUE_KEEPING]
    return FileInfo(
        path=path,
        format="TFLite",
        bytes=len(content),
        inputs=tuple(tensor(graph.tensors[i]) for i in graph.inputs),
        outputs=tuple(tensor(graph.tensors[i]) for i in graph.outputs),
        operators=tuple(operators),
        weight_bytes=_weight_bytes(model, graph),
        requires=oldest.words(needs),
        metadata=entries,
        card=cards.loads(entries[cards.EMBEDDED], path) if cards.EMBEDDED in entries else None,
        sparse_kernels=len(spread),
        dense_bytes=sum(_dense_bytes(graph.tensors[i]) for i in spread),
        sparse_bytes=sum(_bytes(model, graph.tensors[i]) for i in spread),
        last_activation={"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}.get(changing[-1], "") if changing else "",
    )


def tensor(raw: Any) -> Tensor:
    """A schema tensor in the words of the contract; open dimensions are None."""
    signature = raw.shapeSignature if raw.shapeSignature is not None and len(raw.shapeSignature) else raw.shape
    shape = tuple(None if d < 0 else int(d) for d in (signature if signature is not None else ()))
    scales = raw.quantization.scale if raw.quantization is not None else None
    if scales is None or len(scales) != 1:
        return Tensor(text(raw.name), shape, element_type(raw.type))
    return Tensor(text(raw.name), shape, element_type(raw.type), float(scales[0]), int(raw.quantization.zeroPoint[0]))


def _spread(model: Any, graph: Any) -> list[int]:
    """Indices of the constants that are stored sparse; operators that read what DENSIFY makes of them then read them themselves."""
    sources = {int(op.outputs[0]): int(op.inputs[0]) for op in graph.operators or () if _kind(model, op) == "DENSIFY"}
    for op in graph.operators or ():
        op.inputs = [sources.get(int(i), int(i)) for i in (op.inputs if op.inputs is not None else ())]
    return sorted({i for i in sources.values() if graph.tensors[i].sparsity is not None})


def _metadata(model: Any) -> dict[str, bytes]:
    found = {}
    for entry in model.metadata or ():
        data = model.buffers[entry.buffer].data
        found[text(entry.name)] = b"" if data is None else bytes(np.asarray(data, np.uint8))
    return found


def _operator(model: Any, graph: Any, op: Any) -> Operator:
    kind = _kind(model, op)
    weights = [graph.tensors[i] for i in _weights(model, graph, op)]
    result = graph.tensors[op.outputs[0]] if len(op.outputs) else None
    shape = tensor(result).shape if result is not None else ()
    macs = operator_macs(model, graph, op)
    sizes = [math.prod(int(d) for d in w.shape) for w in weights]
    return Operator(kind, text(result.name) if result is not None else "", shape, sum(sizes), sum(_bytes(model, w) for w in weights), macs)


def operator_macs(model: Any, graph: Any, op: Any) -> int:
    """MACs of an operator for one picture, by the shapes that its tensors have now."""
    kind = _kind(model, op)
    if kind not in _WEIGHTED or not len(op.outputs) or len(op.inputs) < 2:
        return 0
    # In a float16 file the kernel is no constant, but what DEQUANTIZE makes of one.
    kernel, result = (graph.tensors[i].shape for i in (op.inputs[1], op.outputs[0]))
    return _macs(kind, [int(d) for d in kernel], [int(d) for d in result])


def _kind(model: Any, op: Any) -> str:
    return operator_name(model.operatorCodes[op.opcodeIndex])


def _weights(model: Any, graph: Any, op: Any) -> list[int]:
    """Indices of the constants of an operator that are weights or biases."""
    kind = _kind(model, op)
    if kind == "DENSIFY":
        return []
    weighted = kind in _WEIGHTED
    constants = [i for i in (op.inputs if op.inputs is not None else ()) if i >= 0 and is_constant(model, graph.tensors[i])]
    return [i for i in constants if weighted or element_type(graph.tensors[i].type) not in _INDEX_TYPES]


def is_constant(model: Any, raw: Any) -> bool:
    """Whether a tensor is stored in the file."""
    buffer = model.buffers[raw.buffer]
    return (buffer.data is not None and len(buffer.data) > 0) or buffer.size > 1


def _macs(kind: str, weights: list[int], result: list[int]) -> int:
    """MACs of one picture; the first dimension of `result` is the batch. TFLite kernels: Conv [O, h, w, I], Depthwise [1, h, w, C], FC [O, I]."""
    if kind == "FULLY_CONNECTED":
        return math.prod(weights) * math.prod(result[1:-1])
    return math.prod(weights) * math.prod(result[1:3])


def _weight_bytes(model: Any, graph: Any) -> dict[str, int]:
    used = {i for op in graph.operators or () for i in _weights(model, graph, op)}
    total: dict[str, int] = {}
    for i in sorted(used):
        raw = graph.tensors[i]
        total[element_type(raw.type)] = total.get(element_type(raw.type), 0) + _bytes(model, raw)
    return total


def _bytes(model: Any, raw: Any) -> int:
    """What a constant takes in the file: of a sparse one its values and where they stand."""
    if raw.sparsity is None:
        return _dense_bytes(raw)
    vectors = [vector for dim in raw.sparsity.dimMetadata or () for vector in (dim.arraySegments, dim.arrayIndices) if vector is not None]
    return len(model.buffers[raw.buffer].data) + sum(np.asarray(vector.values).nbytes for vector in vectors)


def _dense_bytes(raw: Any) -> int:
    count, dtype = math.prod(int(d) for d in raw.shape), element_type(raw.type)
    if dtype in _HALF_BYTE:
        return (count + 1) // 2
    return count * np.dtype(dtype).itemsize
