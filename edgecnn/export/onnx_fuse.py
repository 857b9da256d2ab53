"""A float ONNX graph with fewer operators that do the same, where eight bits would otherwise round once too often.

What the converters leave in pieces: a hard sigmoid or hard swish is three or four operators, a dense layer's bias is an addition of its own, which would be
stored in eight bits instead of thirty-two, and so is a batch norm with no convolution before it, whose factors would share one scale over all channels. As
a 1x1 depthwise convolution it has one scale a channel, and a bias in 32 bits.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import onnx
from onnx import helper, numpy_helper

_SIXTH = 1 / 6

# The least number above zero that float16 holds too.
_NEARLY_ZERO = 2.0**-24

# Operators that give nothing negative, and those that do not from nothing negative.
_NOT_NEGATIVE = ("Relu", "Sigmoid", "HardSigmoid", "Softmax")
_KEEPS_SIGN = ("MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Add", "Pad", "Transpose", "Reshape", "Squeeze")


def fuse(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model, changed in place: `HardSigmoid`, `HardSwish`, `Gemm` and depthwise `Conv` where their parts stood."""
    graph = _Graph(onnx.shape_inference.infer_shapes(proto).graph, proto.graph)
    for rule in (_hard_sigmoid, _hard_swish, _dense, _norm, _zeros_before_pool):
        for node in list(proto.graph.node):
            rule(graph, node)
    graph.sweep()
    return proto


class _Graph:
    """A graph under change: who makes an edge, how many read it, and what its constants hold."""

    def __init__(self, described: onnx.GraphProto, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        values = (*described.value_info, *described.input, *described.output)
        shapes = {value.name: value.type.tensor_type.shape.dim for value in values if value.type.tensor_type.HasField("shape")}
        self.ranks = {name: len(shape) for name, shape in shapes.items()}
        self.channels = {name: shape[1].dim_value for name, shape in shapes.items() if len(shape) == 4}
        self.maker = {edge: node for node in graph.node for edge in node.output}
        self.reads = Counter(edge for node in graph.node for edge in node.input)
        self.reads.update(value.name for value in graph.output)

    def constant(self, edge: str) -> np.ndarray | None:
        """The values of a constant; None for other edges."""
        return numpy_helper.to_array(self.stored[edge]) if edge in self.stored else None

    def is_scalar(self, edge: str, value: float) -> bool:
        """Whether an edge is a constant with this one value."""
        found = self.constant(edge)
        return found is not None and found.size == 1 and math.isclose(float(found.reshape(-1)[0]), value, rel_tol=1e-5, abs_tol=1e-7)

    def only(self, edge: str, kind: str) -> onnx.NodeProto | None:
        """The node of that kind which makes an edge that nobody else reads."""
        node = self.maker.get(edge)
        return node if node is not None and node.op_type == kind and self.reads[edge] == 1 else None

    def readers(self, edge: str) -> list[onnx.NodeProto]:
        """The nodes that read an edge."""
        return [node for node in self.graph.node if edge in node.input]

    def is_positive(self, edge: str) -> bool:
        """Whether an edge cannot be negative, as far as its makers tell."""
        node = self.maker.get(edge)
        if node is None:
            return False
        if node.op_type == "Clip":
            return len(node.input) > 1 and self.is_scalar(node.input[1], 0)
        data = node.input if node.op_type in ("Add", "Concat") else node.input[:1]
        return node.op_type in _NOT_NEGATIVE or (node.op_type in _KEEPS_SIGN and all(map(self.is_positive, data)))

    def split(self, node: onnx.NodeProto) -> tuple[str, np.ndarray] | None:
        """The edge and the constant that a node with two inputs puts together, in whichever order it has them."""
        for varying, fixed in ((0, 1), (1, 0)):
            value = self.constant(node.input[fixed])
            if value is not None and node.input[varying] not in self.stored:
                return node.input[varying], value
        return None

    def replace(self, old: onnx.NodeProto, kind: str, inputs: list[str], constants: dict[str, np.ndarray] | None = None, **attributes: object) -> None:
        """Put a node of another kind in the place of `old`, with the same name and output; `constants` become inputs too."""
        for role, value in (constants or {}).items():
            name = f"{old.output[0]}/{role}"
            self.stored[name] = numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
            self.graph.initializer.append(self.stored[name])
            inputs.append(name)
        self.reads.subtract(old.input)
        self.reads.update(inputs)
        old.CopyFrom(helper.make_node(kind, inputs, list(old.output), old.name, **attributes))

    def sweep(self) -> None:
        """Take out what nobody reads any more."""
        for node in reversed(list(self.graph.node)):
            if not any(self.reads[edge] for edge in node.output):
                self.reads.subtract(node.input)
                self.graph.node.remove(node)
        unread = [tensor for tensor in self.graph.initializer if not self.reads[tensor.name]]
        for tensor in unread:
            self.graph.initializer.remove(tensor)


def _hard_sigmoid(graph: _Graph, node: onnx.NodeProto) -> None:
    """min(max(x + 3, 0), 6) / 6."""
    if node.op_type != "Mul" or not graph.is_scalar(node.input[1], _SIXTH):
        return
    clip = graph.only(node.input[0], "Clip")
    if clip is None or len(clip.input) < 3 or not (graph.is_scalar(clip.input[1], 0) and graph.is_scalar(clip.input[2], 6)):
        return
    add = graph.only(clip.input[0], "Add")
    if add is not None and graph.is_scalar(add.input[1], 3):
        graph.replace(node, "HardSigmoid", [add.input[0]], alpha=_SIXTH, beta=0.5)


def _hard_swish(graph: _Graph, node: onnx.NodeProto) -> None:
    """x times its hard sigmoid."""
    if node.op_type != "Mul":
        return
    for x, gate in (node.input, reversed(node.input)):
        sigmoid = graph.only(gate, "HardSigmoid")
        if sigmoid is not None and sigmoid.input[0] == x:
            graph.replace(node, "HardSwish", [x])
            return


def _dense(graph: _Graph, node: onnx.NodeProto) -> None:
    """A product of matrices and a bias."""
    if node.op_type != "Add" or (parts := graph.split(node)) is None:
        return
    edge, offsets = parts
    product = graph.only(edge, "MatMul")
    matrix = None if product is None else graph.constant(product.input[1])
    if matrix is not None and matrix.ndim == 2 and graph.ranks.get(product.input[0]) == 2 and offsets.size == matrix.shape[1]:
        graph.replace(node, "Gemm", list(product.input), {"bias": offsets.reshape(-1)})


def _norm(graph: _Graph, node: onnx.NodeProto) -> None:
    """Factors and offsets a channel: a batch norm that no convolution before it could take in."""
    if node.op_type not in ("Mul", "Add") or (parts := graph.split(node)) is None or graph.ranks.get(parts[0]) != 4:
        return
    edge, offsets = parts
    if node.op_type == "Mul":
        factors, offsets = offsets, np.zeros_like(offsets)
    else:
        product = graph.only(edge, "Mul")
        if product is None or (parts := graph.split(product)) is None:
            return
        edge, factors = parts
    # One channel that the factors spread over many, as a layer norm has it, is no convolution of groups.
    if factors.size != graph.channels.get(edge):
        return
    if _is_per_channel(factors) and _is_per_channel(offsets) and factors.size == offsets.size and not _followed_by_add(graph, node):
        graph.replace(node, "Conv", [edge], {"weights": factors.reshape(-1, 1, 1, 1), "bias": offsets.reshape(-1)}, kernel_shape=[1, 1], group=factors.size)


def _zeros_before_pool(graph: _Graph, node: onnx.NodeProto) -> None:
    """A frame of zeros before pooling by maximum: zeros that ONNX Runtime takes for zeros.

    It moves a frame of exact zeros into the pooling (PadFusion, https://github.com/microsoft/onnxruntime/pull/18136), where what lies outside of the map
    counts as minus infinity: another result wherever all of a window is negative, 1.6 % of the logits' spread in ResNet50V2.
    """
    if node.op_type != "Pad" or not any(reader.op_type == "MaxPool" for reader in graph.readers(node.output[0])) or graph.is_positive(node.input[0]):
        return
    if len(node.input) < 3 or not node.input[2] or graph.is_scalar(node.input[2], 0):
        graph.replace(node, "Pad", list(node.input[:2]), {"value": np.float32(_NEARLY_ZERO)})


def _is_per_channel(values: np.ndarray) -> bool:
    return values.size > 1 and values.ndim >= 3 and values.size == values.shape[-3]


def _followed_by_add(graph: _Graph, node: onnx.NodeProto) -> bool:
    """Whether a product's offsets come with the next node, which will take both."""
    if node.op_type != "Mul" or graph.reads[node.output[0]] != 1:
        return False
    return any(reader.op_type == "Add" and (parts := graph.split(reader)) is not None and _is_per_channel(parts[1]) for reader in graph.readers(node.output[0]))
