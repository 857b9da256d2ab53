"""Kernels with many zeros stored sparse in a .tflite: their other values, and where they stand.

Each sparse constant gets a DENSIFY operator, which LiteRT runs once, when the file is loaded; every operator then finds the kernel that it always had.
Schema: `SparsityParameters` in https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import flatbuffer, versions
from edgecnn.formats.tflite.metadata import archive

_Op, _Type = schema.BuiltinOperator, schema.TensorType
WEIGHTED = (_Op.CONV_2D, _Op.DEPTHWISE_CONV_2D, _Op.FULLY_CONNECTED, _Op.DEQUANTIZE)

# Types that LiteRT's DENSIFY knows.
TYPES = {_Type.FLOAT32: np.float32, _Type.FLOAT16: np.float16, _Type.INT8: np.int8}

# Neighbours along the innermost dimension that are stored together, zeros among them too, when one of them is not zero.
BLOCKS = (1, 2, 4, 8, 16)

# A kernel must shrink by so many bytes to be worth an operator and its tables, and to this share: indices hardly shrink after gzip, zeros do, so that a
# file that is a little smaller would be a larger download.
WORTH, SHARE = 256, 0.75

# Indices are stored in the least of these types that holds them.
_INDICES = (
    (np.uint8, schema.SparseIndexVector.Uint8Vector, schema.Uint8VectorT),
    (np.uint16, schema.SparseIndexVector.Uint16Vector, schema.Uint16VectorT),
    (np.int32, schema.SparseIndexVector.Int32Vector, schema.Int32VectorT),
)


@dataclass(frozen=True)
class Form:
    """One way to store a kernel: the last dimension of `order` sparse, cut into blocks, all others dense.

    Attributes:
        order: dimensions from the outermost to the innermost.
        block: values of a block.
        bytes: of values, indices and the starts of the rows.
    """

    order: tuple[int, ...]
    block: int
    bytes: int


def sparse(content: bytes) -> bytes:
    """The file with each kernel stored sparse that is smaller so; `content` itself where there is none. The answers are those of `content`."""
    plain, attached = archive.split(content)
    model = flatbuffer.read(plain)
    (graph, *others) = model.subgraphs
    if others:
        return content
    chosen = {index: form for index in _kernels(model) if (form := best(_values(model, graph.tensors[index]))) is not None}
    if not chosen:
        return content
    code = flatbuffer.operator_code(model, _Op.DENSIFY)
    densified = {index: _store(model, index, form) for index, form in chosen.items()}
    for operator in graph.operators:
        operator.inputs = np.array([densified.get(int(index), int(index)) for index in operator.inputs], np.int32)
    graph.operators[:0] = [_densify(code, source, target) for source, target in densified.items()]
    flatbuffer.drop_unused(model)
    versions.settle(model)
    packed = archive.join(flatbuffer.pack(model), attached)
    return packed if len(packed) < len(content) else content


def best(values: np.ndarray) -> Form | None:
    """The smallest form of a kernel, or None where it is best left dense. One of zeros alone is: a constant of no bytes is none to the runtime."""
    if not values.any():
        return None
    limit = min(values.nbytes - WORTH, SHARE * values.nbytes)
    found = min(_forms(values), key=lambda form: form.bytes, default=None)
    return found if found is not None and found.bytes <= limit else None


def _forms(values: np.ndarray) -> Iterator[Form]:
    for last in range(values.ndim):
        size = values.shape[last]
        if size == 1:
            continue
        order = (*(dim for dim in range(values.ndim) if dim != last), last)
        rows = np.moveaxis(values != 0, last, -1).reshape(-1, size)
        for block in BLOCKS:
            if size % block == 0 and size > block:
                count = int(rows.reshape(len(rows), -1, block).any(-1).sum())
                yield Form(order, block, count * (block * values.itemsize + _width(size // block - 1)) + (len(rows) + 1) * _width(count))


def _width(largest: int) -> int:
    return next(np.dtype(kind).itemsize for kind, *_ in _INDICES if largest <= np.iinfo(kind).max)


def _kernels(model: schema.ModelT) -> list[int]:
    """Indices of the constants that could be stored sparse."""
    graph = model.subgraphs[0]
    found = {}
    for operator in graph.operators:
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        if kind not in WEIGHTED:
            continue
        index = int(operator.inputs[0 if kind == _Op.DEQUANTIZE else 1])
        tensor = graph.tensors[index]
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.type in TYPES and tensor.sparsity is None and len(tensor.shape) > 1:
            found[index] = None
    return list(found)


def _values(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray:
    return np.frombuffer(memoryview(model.buffers[tensor.buffer].data), TYPES[tensor.type]).reshape(tensor.shape)


def _store(model: schema.ModelT, index: int, form: Form) -> int:
    """Store a constant in that form; returns the index of a new tensor, which DENSIFY will fill."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[index]
    dense = copy.copy(tensor)
    dense.buffer, dense.name = 0, tensor.name + b"/dense"
    graph.tensors.append(dense)
    values = _values(model, tensor)
    last = form.order[-1]
    rows = np.moveaxis(values, last, -1).reshape(-1, values.shape[last] // form.block, form.block)
    used = rows.any(-1)
    buffer = schema.BufferT()
    buffer.data = np.ascontiguousarray(rows[used]).reshape(-1).view(np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)
    tensor.sparsity = _sparsity(values.shape, form, used)
    return len(graph.tensors) - 1


def _sparsity(shape: tuple[int, ...], form: Form, used: np.ndarray) -> schema.SparsityParametersT:
    """Where the blocks stand that are stored; `used` [rows, blocks of a row] says which."""
    found = schema.SparsityParametersT()
    blocked = form.block > 1
    found.traversalOrder = np.array([*form.order, *([len(shape)] if blocked else [])], np.int32)
    found.blockMap = np.array([form.order[-1]] if blocked else [], np.int32)
    inner = schema.DimensionMetadataT(format=schema.DimensionType.SPARSE_CSR)
    starts = np.concatenate([[0], np.cumsum(used.sum(-1))])
    inner.arraySegmentsType, inner.arraySegments = _vector(starts)
    inner.arrayIndicesType, inner.arrayIndices = _vector(np.nonzero(used)[1])
    found.dimMetadata = [*(_dense(shape[dim]) for dim in form.order[:-1]), inner, *([_dense(form.block)] if blocked else [])]
    return found


def _dense(size: int) -> schema.DimensionMetadataT:
    return schema.DimensionMetadataT(format=schema.DimensionType.DENSE, denseSize=int(size))


def _vector(numbers: np.ndarray) -> tuple[int, schema.Uint8VectorT | schema.Uint16VectorT | schema.Int32VectorT]:
    kind, code, holder = next(row for row in _INDICES if numbers.max(initial=0) <= np.iinfo(row[0]).max)
    found = holder()
    found.values = numbers.astype(kind)
    return code, found


def _densify(code: int, source: int, target: int) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [source], [target]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.DensifyOptions, schema.DensifyOptionsT()
    return operator
