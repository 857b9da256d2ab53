"""Constants of a .tflite as real numbers, whatever they are stored as: integers with scales, half floats, half bytes, sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.validate.layers.net import Stored

_Type = schema.TensorType
_TYPES = {
    **{_Type.FLOAT32: np.float32, _Type.FLOAT16: np.float16, _Type.FLOAT64: np.float64},
    **{_Type.INT8: np.int8, _Type.UINT8: np.uint8, _Type.INT16: np.int16, _Type.INT32: np.int32, _Type.INT64: np.int64},
}
ROUNDED = (_Type.INT4, _Type.INT8, _Type.UINT8, _Type.INT16, _Type.INT32, _Type.INT64)


def is_constant(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    """Whether the file holds its values."""
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def is_number(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    """Whether a constant holds real numbers: floats, or integers with a scale; others are shapes and axes."""
    return is_constant(model, tensor) and (tensor.type in (_Type.FLOAT32, _Type.FLOAT16) or (tensor.type in ROUNDED and has_scale(tensor)))


def has_scale(tensor: schema.TensorT) -> bool:
    """Whether a tensor's integers stand for real numbers."""
    return tensor.quantization is not None and tensor.quantization.scale is not None and len(tensor.quantization.scale) > 0


def stored(tensor: schema.TensorT) -> Stored | None:
    """How an activation is rounded; None for floats."""
    if tensor.type not in (_Type.INT8, _Type.UINT8, _Type.INT16) or not has_scale(tensor) or len(tensor.quantization.scale) != 1:
        return None
    limits = np.iinfo(_TYPES[tensor.type])
    zeros = tensor.quantization.zeroPoint
    return Stored(float(tensor.quantization.scale[0]), int(zeros[0]) if zeros is not None and len(zeros) else 0, limits.min, limits.max)


def values(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray:
    """float32, in the tensor's shape."""
    shape = [int(d) for d in tensor.shape] if tensor.shape is not None else []
    raw = np.ascontiguousarray(np.asarray(model.buffers[tensor.buffer].data, np.uint8))
    found = _half_bytes(raw) if tensor.type == _Type.INT4 else raw.view(_TYPES[tensor.type])
    found = _spread(found, tensor, shape) if tensor.sparsity is not None else found[: int(np.prod(shape))].reshape(shape)
    if tensor.type not in ROUNDED or not has_scale(tensor):
        return found.astype(np.float32)
    quantization = tensor.quantization
    sides = [1] * len(shape)
    if len(quantization.scale) > 1:
        sides[quantization.quantizedDimension] = len(quantization.scale)
    scale = np.asarray(quantization.scale, np.float64).reshape(sides)
    zeros = quantization.zeroPoint
    zero = np.asarray(zeros, np.float64) if zeros is not None and len(zeros) else np.zeros(1)
    zero = zero.reshape(sides) if zero.size == scale.size else zero[0]
    return ((found.astype(np.float64) - zero) * scale).astype(np.float32)


def _half_bytes(raw: np.ndarray) -> np.ndarray:
    """Signed numbers of four bits, the lower ones first."""
    both = np.stack([raw & 15, raw >> 4], -1).reshape(-1).astype(np.int8)
    return np.where(both > 7, both - 16, both).astype(np.int8)


def _spread(found: np.ndarray, tensor: schema.TensorT, shape: list[int]) -> np.ndarray:
    """A sparse constant with its zeros: see `SparsityParameters` in the schema. Rows of the dimensions as they are traversed, blocks innermost."""
    sparsity = tensor.sparsity
    order, block_map = ([int(i) for i in (v if v is not None else ())] for v in (sparsity.traversalOrder, sparsity.blockMap))
    rank = len(shape)
    sizes, blocks = list(shape), {}
    for place, dim in enumerate(block_map):
        blocks[rank + place] = int(sparsity.dimMetadata[order.index(rank + place)].denseSize)
        sizes[dim] //= blocks[rank + place]
    all_sizes = [*sizes, *blocks.values()]
    places = [np.zeros(1, np.int64)]
    for level, dim in enumerate(order):
        places = _deeper(places, sparsity.dimMetadata[level], all_sizes[dim])
    dense = np.zeros([all_sizes[dim] for dim in order], found.dtype)
    dense[tuple(places[1:])] = found[: len(places[0])]
    dense = dense.transpose(np.argsort(order))
    # A block belongs behind the dimension that it is cut from.
    axes = [axis for dim in range(rank) for axis in (dim, *(rank + place for place, at in enumerate(block_map) if at == dim))]
    return dense.transpose(axes).reshape(shape)


def _deeper(places: list[np.ndarray], level: Any, size: int) -> list[np.ndarray]:
    """Where the values stand with one dimension more; the first array numbers the rows, for the starts of a sparse level."""
    rows = len(places[0])
    if level.format == schema.DimensionType.DENSE:
        repeated = [np.repeat(place, size) for place in places]
        index = np.tile(np.arange(size), rows)
    else:
        starts, indices = (np.asarray(vector.values, np.int64) for vector in (level.arraySegments, level.arrayIndices))
        repeated = [np.repeat(place, np.diff(starts)) for place in places]
        index = indices
    return [np.arange(len(index)), *repeated[1:], index]
