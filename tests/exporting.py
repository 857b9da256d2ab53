"""What a written file is made of, and what it should be made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import keras
import onnx
from ai_edge_litert import schema_py_generated as schema
from keras import layers

from edgecnn.export import flatbuffer

_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
_TYPES = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Operator:
    """One operator of a file.

    Attributes:
        kind: its name; "CUSTOM" and Flex operators show as they are called.
        types: of the tensors that it reads and writes.
        groups: of a convolution.
    """

    kind: str
    types: frozenset[str]
    groups: int = 1


def tflite_operators(path: Path) -> list[Operator]:
    """The operators of a .tflite in their order."""
    model = flatbuffer.read(path.read_bytes())
    (graph,) = model.subgraphs
    found = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = code.customCode.decode() if code.customCode else _NAMES[code.builtinCode]
        tensors = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        grouped = kind == "CONV_2D"
        groups = tensors[0].shape[3] // tensors[1].shape[3] if grouped else 1
        found.append(Operator(kind, frozenset(_TYPES[tensor.type] for tensor in tensors), int(groups)))
    return found


def groups_of(path: Path) -> Counter[int]:
    """How many convolutions an .onnx has of each number of groups."""
    nodes = onnx.load(path).graph.node
    return Counter(next((a.i for a in node.attribute if a.name == "group"), 1) for node in nodes if node.op_type == "Conv")


def floating(path: Path) -> list[str]:
    """Operators of an .onnx with QDQ that read or write an activation which is not quantized."""
    graph = onnx.load(path).graph
    restored = {edge for node in graph.node if node.op_type == "DequantizeLinear" for edge in node.output} | {tensor.name for tensor in graph.initializer}
    quantized = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    found = []
    for node in graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            whole = restored.issuperset(edge for edge in node.input if edge) and quantized.issuperset(node.output)
            found += [] if whole else [node.op_type]
    return found


def products(model: keras.Model) -> Counter[tuple[str, int]]:
    """(convolution or dense, groups) of every product with weights that a file needs: one a layer, two for a separable convolution.

    A batch norm on maps that does not follow a convolution of its own becomes a depthwise convolution, groups as many as channels.
    """
    found: Counter[tuple[str, int]] = Counter()
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            found["dense", 1] += 1
        elif isinstance(layer, layers.DepthwiseConv2D | layers.SeparableConv2D):
            found["conv", layer.input.shape[-1]] += 1
            found["conv", 1] += isinstance(layer, layers.SeparableConv2D)
        elif isinstance(layer, layers.Conv2D):
            found["conv", layer.groups] += 1
        elif isinstance(layer, layers.BatchNormalization) and len(layer.input.shape) == 4 and not _folds(layer):
            found["conv", layer.input.shape[-1]] += 1
    return found


def _folds(norm: layers.BatchNormalization) -> bool:
    """Whether a batch norm follows a convolution, or a norm after one, that nothing else reads."""
    before = norm.input._keras_history.operation
    if len(before._outbound_nodes) != 1:
        return False
    if isinstance(before, layers.BatchNormalization):
        return _folds(before)
    return isinstance(before, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D) and before.activation is keras.activations.linear
