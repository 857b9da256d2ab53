"""Clustered kernels of a quantized .tflite on one scale.

A quantizer gives each output channel the scale of its own largest weight, on which the 16 values of a clustered kernel become other integers in each
channel: more than a hundred of them, which no packer can bring back to 16. On one scale there are 16, and one scale is stored instead of one a channel.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import flatbuffer

_Op, _Type = schema.BuiltinOperator, schema.TensorType
_BIASES = {_Type.INT32: np.int32, _Type.INT64: np.int64}

# A kernel counts as clustered with at most so many values, each of them shared by so many weights on average.
MOST, SHARED = 64, 4


def one_scale(content: bytes) -> bytes:
    """The file with one scale for each kernel that has few values; `content` itself where none has. No weight moves by more than half of its old step."""
    model = flatbuffer.read(content)
    if len(model.subgraphs) > 1:
        return content
    graph = model.subgraphs[0]
    readers = Counter(int(index) for operator in graph.operators for index in operator.inputs)
    changed = False
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode in (_Op.CONV_2D, _Op.FULLY_CONNECTED):
            source, kernel, *rest = (graph.tensors[index] if index >= 0 else None for index in operator.inputs)
            bias = rest[0] if rest else None
            alone = all(index < 0 or readers[int(index)] == 1 for index in operator.inputs[1:])
            if alone and _is_clustered(model, kernel):
                _share(model, source, kernel, bias)
                changed = True
    if changed:
        flatbuffer.drop_unused(model)
    return flatbuffer.pack(model) if changed else content


def _is_clustered(model: schema.ModelT, kernel: schema.TensorT) -> bool:
    if kernel.type != _Type.INT8 or len(kernel.quantization.scale) < 2 or kernel.quantization.quantizedDimension != 0:
        return False
    values = _levels(model, kernel)
    scale, (shared, moved) = _scales(kernel), _moved(values, _scales(kernel))
    few = len(np.unique(moved))
    return few <= MOST and few * SHARED <= moved.size and bool((np.abs(moved * shared - values * scale) <= 0.501 * scale).all())


def _share(model: schema.ModelT, source: schema.TensorT, kernel: schema.TensorT, bias: schema.TensorT | None) -> None:
    scale = _scales(kernel)
    shared, moved = _moved(_levels(model, kernel), scale)
    _set(model, kernel, moved.astype(np.int8), shared)
    if bias is None or bias.type not in _BIASES:
        return
    given = np.float64(source.quantization.scale[0])
    values = np.frombuffer(memoryview(model.buffers[bias.buffer].data), _BIASES[bias.type])
    _set(model, bias, np.rint(values * (scale.reshape(-1) / shared)).astype(values.dtype), given * shared)


def _levels(model: schema.ModelT, kernel: schema.TensorT) -> np.ndarray:
    return np.frombuffer(memoryview(model.buffers[kernel.buffer].data), np.int8).reshape(kernel.shape)


def _scales(kernel: schema.TensorT) -> np.ndarray:
    """One a channel, in a shape that fits the kernel's, float64."""
    return np.asarray(kernel.quantization.scale, np.float64).reshape(-1, *[1] * (len(kernel.shape) - 1))


def _moved(values: np.ndarray, scale: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest of the scales, and the kernel's values on it."""
    shared = float(scale.max())
    return shared, np.rint(values * (scale / shared))


def _set(model: schema.ModelT, tensor: schema.TensorT, values: np.ndarray, scale: float) -> None:
    tensor.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    tensor.quantization.scale, tensor.quantization.zeroPoint = np.array([scale], np.float32), np.zeros(1, np.int64)
