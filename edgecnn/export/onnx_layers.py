"""The layers with weights of a float ONNX graph: weights snapped to int8's grid, biases corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecnn.export import bias, names, reconstruct
from edgecnn.export.ranges import Means
from edgecnn.export.reconstruct import LARGEST, Products, Window

WEIGHTED = ("Conv", "Gemm", "MatMul")


# What an integer runtime computes together with the node before it.
FUSED = ("Relu", "Clip", "LeakyRelu")


def operators(proto: onnx.ModelProto) -> list[tuple[str, bool]]:
    """(name, whether it has weights) of each operator, in the order of computation; a node and the activation after it are one, called after the latter."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    return [(group[-1].name, group[0].op_type in WEIGHTED and group[0].input[1] in constants) for group in _groups(proto)]


def nodes(proto: onnx.ModelProto, names: Collection[str]) -> list[str]:
    """Names of all nodes that belong to the operators of these names."""
    return [node.name for group in _groups(proto) if group[-1].name in names for node in group]


def _groups(proto: onnx.ModelProto) -> list[list[onnx.NodeProto]]:
    """Nodes that are one operator."""
    readers = Counter(edge for node in proto.graph.node for edge in node.input)
    found: dict[str, list[onnx.NodeProto]] = {}
    groups = []
    for node in proto.graph.node:
        before = found.get(node.input[0]) if node.op_type in FUSED and readers[node.input[0]] == 1 else None
        if before is None:
            before = []
            groups.append(before)
        before.append(node)
        found[node.output[0]] = before
    return groups


def windows(proto: onnx.ModelProto) -> dict[str, list[Window]]:
    """Name of a tensor -> how the nodes with weights that read it see it; without those that see too much at once, and those of unknown sizes."""
    found: dict[str, list[Window]] = {}
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    shapes = _shapes(proto)
    for node in proto.graph.node:
        if node.op_type in WEIGHTED and node.input[1] in constants:
            window = _window(node, constants[node.input[1]], shapes)
            if window and window.columns(_inputs(node, constants[node.input[1]])) <= LARGEST and window not in found.setdefault(node.input[0], []):
                found[node.input[0]].append(window)
    return found


def _shapes(proto: onnx.ModelProto) -> dict[str, list[int]]:
    values = (*proto.graph.value_info, *proto.graph.input)
    return {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}


def _inputs(node: onnx.NodeProto, kernel: onnx.TensorProto) -> int:
    """Channels that a node reads."""
    attributes = _attributes(node)
    if node.op_type == "Conv":
        return kernel.dims[1] * attributes.get("group", 1)
    return kernel.dims[1 if attributes.get("transB") else 0]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _window(node: onnx.NodeProto, kernel: onnx.TensorProto, shapes: dict[str, list[int]]) -> Window | None:
    """None where the size of the input is not known."""
    if node.op_type != "Conv":
        return Window()
    attributes, size = _attributes(node), shapes.get(node.input[0], [])
    if len(kernel.dims) != 4 or len(size) != 4 or not all(size[2:]):
        return None
    taps, steps = tuple(kernel.dims[2:]), tuple(attributes.get("strides", (1, 1)))
    gaps = tuple(attributes.get("dilations", (1, 1)))
    if attributes.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        rows, columns = (bias.same(*axis) for axis in zip(size[2:], taps, steps, gaps, strict=True))
    else:
        top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
        rows, columns = (top, bottom), (left, right)
    return Window(taps, steps, gaps, (*rows, *columns), attributes.get("group", 1))


def _snapped(node: onnx.NodeProto, exact: np.ndarray, axis: int, window: Window | None, products: Products) -> np.ndarray:
    """The kernel on int8's grid, in its own order of axes."""
    moments = products.get((node.input[0], window)) if window else None
    if moments is None:
        return bias.rounded(exact, axis)
    outputs_first = np.moveaxis(exact, axis, 0)
    flat = outputs_first.reshape(window.groups, len(outputs_first) // window.groups, -1)
    return np.moveaxis(reconstruct.rounded(flat, moments).reshape(outputs_first.shape), 0, axis)


def snap(proto: onnx.ModelProto, means: Means, products: Products) -> onnx.ModelProto:
    """Round all weights as int8 will, and correct the biases for it; see `tflite_layers.snap`. A product of matrices, which has no bias, is only rounded."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    readers = Counter(edge for node in copy.graph.node for edge in node.input)
    shapes = _shapes(copy)
    for node in copy.graph.node:
        if node.op_type not in WEIGHTED or node.input[1] not in constants:
            continue
        attributes = _attributes(node)
        exact = numpy_helper.to_array(constants[node.input[1]])
        axis = 0 if node.op_type == "Conv" or attributes.get("transB") else exact.ndim - 1
        window = _window(node, constants[node.input[1]], shapes)
        near = _snapped(node, exact, axis, window, products)
        _store(constants[node.input[1]], near)
        mean = means.get(node.input[0])
        if mean is not None and node.op_type != "MatMul":
            lost = np.moveaxis(exact - near, axis, 0)
            groups = attributes.get("group", 1)
            mean = np.tile(mean, max(1, lost.shape[1] * groups // len(mean)))
            shares = _shares(window, shapes.get(node.input[0], [])) if node.op_type == "Conv" else None
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


def _shares(window: Window | None, source: list[int]) -> np.ndarray | None:
    """Shares of a convolution's taps that lie on its input [N, C, h, w], as [h, w]; None where the sizes are open."""
    if window is None:
        return None
    sides = window.padding[:2], window.padding[2:]
    axes = zip(source[2:], window.kernel, window.strides, window.dilations, sides, strict=True)
    return np.outer(*(bias.on_map(*axis) for axis in axes))


def _store(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))
