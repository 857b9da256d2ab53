"""The layers with weights of a float .tflite: weights snapped to int8's grid, biases corrected."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import bias, flatbuffer
from edgecnn.export.ranges import Means

_Op = schema.BuiltinOperator

# operator -> axis of the output channels in its weights: [out, h, w, in], [1, h, w, out], [out, in].
OUTPUT_AXIS = {_Op.CONV_2D: 0, _Op.DEPTHWISE_CONV_2D: 3, _Op.FULLY_CONNECTED: 0}


def snap(content: bytes, means: Means) -> bytes:
    """Round all weights as int8 will, and correct the biases for it; float32 in, float32 out.

    Quantizing the result loses nothing more of the weights, so that activations can be observed as the integer network will have them.
    `means` gives the mean a channel of the layers' inputs; a layer whose input is not among them keeps its bias.
    """
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    for operator in graph.operators:
        axis = OUTPUT_AXIS.get(model.operatorCodes[operator.opcodeIndex].builtinCode)
        if axis is None:
            continue
        source, kernel = (graph.tensors[i] for i in operator.inputs[:2])
        exact = _values(model, kernel)
        near = bias.rounded(exact, axis)
        _store(model, kernel, near)
        mean = means.get(source.name.decode())
        if mean is not None and len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            offsets = graph.tensors[operator.inputs[2]]
            _store(model, offsets, _values(model, offsets) + _shift(exact - near, mean, axis))
    return flatbuffer.pack(model)


def _shift(lost: np.ndarray, mean: np.ndarray, axis: int) -> np.ndarray:
    if axis == 3:
        return bias.shift(lost.transpose(3, 0, 1, 2), mean, groups=len(mean))
    if lost.ndim == 2:
        # A dense layer after flattening sees every position of a channel: the channels repeat.
        return bias.shift(lost, np.tile(mean, lost.shape[1] // len(mean)))
    return bias.shift(lost.transpose(0, 3, 1, 2), mean)


def _values(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray:
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)


def _store(model: schema.ModelT, tensor: schema.TensorT, values: np.ndarray) -> None:
    model.buffers[tensor.buffer].data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
