"""The layers with weights of a float ONNX graph: weights snapped to int8's grid, biases corrected."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from edgecnn.export import bias
from edgecnn.export.ranges import Means


def snap(proto: onnx.ModelProto, means: Means) -> onnx.ModelProto:
    """Round all weights as int8 will, and correct the biases for it; see `tflite_layers.snap`. A product without a bias of its own is only rounded."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    for node in copy.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in constants:
            continue
        exact = numpy_helper.to_array(constants[node.input[1]])
        axis = 0 if node.op_type == "Conv" or _attribute(node, "transB", 0) else exact.ndim - 1
        near = bias.rounded(exact, axis)
        _store(constants[node.input[1]], near)
        mean = means.get(node.input[0])
        if mean is not None and len(node.input) > 2 and node.input[2] in constants:
            offsets = constants[node.input[2]]
            lost = np.moveaxis(exact - near, axis, 0)
            groups = _attribute(node, "group", 1)
            mean = np.tile(mean, max(1, lost.shape[1] * groups // len(mean)))
            _store(offsets, numpy_helper.to_array(offsets) + bias.shift(lost, mean, groups))
    return copy


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)


def _store(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))
