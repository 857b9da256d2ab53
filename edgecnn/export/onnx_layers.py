"""The layers with weights of a float ONNX graph: weights snapped to int8's grid, biases corrected."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecnn.export import bias, names
from edgecnn.export.ranges import Means

WEIGHTED = ("Conv", "Gemm", "MatMul")


def operators(proto: onnx.ModelProto) -> list[tuple[str, bool]]:
    """(name, whether it has weights) of each node, in the order of computation; a node is called as its output is."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    return [(node.name, node.op_type in WEIGHTED and node.input[1] in constants) for node in proto.graph.node]


def snap(proto: onnx.ModelProto, means: Means) -> onnx.ModelProto:
    """Round all weights as int8 will, and correct the biases for it; see `tflite_layers.snap`. A product of matrices, which has no bias, is only rounded."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    readers = Counter(edge for node in copy.graph.node for edge in node.input)
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in copy.graph.value_info}
    for node in copy.graph.node:
        if node.op_type not in WEIGHTED or node.input[1] not in constants:
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        exact = numpy_helper.to_array(constants[node.input[1]])
        axis = 0 if node.op_type == "Conv" or attributes.get("transB") else exact.ndim - 1
        near = bias.rounded(exact, axis)
        _store(constants[node.input[1]], near)
        mean = means.get(node.input[0])
        if mean is not None and node.op_type != "MatMul":
            lost = np.moveaxis(exact - near, axis, 0)
            groups = attributes.get("group", 1)
            mean = np.tile(mean, max(1, lost.shape[1] * groups // len(mean)))
            shares = _shares(attributes, shapes.get(node.input[0], []), lost.shape)
            offsets = _own_bias(copy.graph, node, constants, readers, len(lost))
            _store(offsets, numpy_helper.to_array(offsets) + bias.shift(lost, mean, groups, shares))
    return copy


def _own_bias(graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, onnx.TensorProto], readers: Counter[str], outputs: int) -> onnx.TensorProto:
    """The bias of a node, a new one where it has none or shares it with other nodes."""
    known = node.input[2] if len(node.input) > 2 else ""
    if readers[known] == 1:
        return constants[known]
    values = numpy_helper.to_array(constants[known]) if known else np.zeros(outputs, np.float32)
    name = names.unused(f"{node.name}/bias", constants)
    graph.initializer.append(numpy_helper.from_array(values, name))
    constants[name] = graph.initializer[-1]
    node.input[:] = [*node.input[:2], name]
    return constants[name]


def _shares(attributes: dict[str, object], source: list[int], kernel: tuple[int, ...]) -> np.ndarray | None:
    """Shares of a convolution's taps that lie on its input [N, C, h, w], as [h, w]; None for a dense layer or where the sizes are open."""
    if len(kernel) != 4 or len(source) != 4 or not all(source[2:]):
        return None
    steps = zip(attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1)), strict=True)
    axes = [(size, taps, *step) for size, taps, step in zip(source[2:], kernel[2:], steps, strict=True)]
    if attributes.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        return np.outer(*(bias.on_map(*axis, bias.same(*axis)) for axis in axes))
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return np.outer(*(bias.on_map(*axis, pads) for axis, pads in zip(axes, ((top, bottom), (left, right)), strict=True)))


def _store(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))
