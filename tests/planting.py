"""Faults put into quantized files on purpose: a scale that is wrong by a factor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper

from edgecnn.export import flatbuffer

_Op = schema.BuiltinOperator
_CONVOLUTIONS = (_Op.CONV_2D, _Op.DEPTHWISE_CONV_2D)


def planted(source: Path, target: Path, fault: str, factors: tuple[float, ...]) -> Iterator[str]:
    """Write one faulty copy after another to `target`, ten in all, spread over the network; gives the name of the operator at fault each time.

    Args:
        fault: "weights": the scale or scales of a kernel are multiplied; "activations": that of a convolution's result.
        factors: taken in turn.
    """
    plant = _in_tflite if source.suffix == ".tflite" else _in_onnx
    count = len(_places_tflite(source, fault) if source.suffix == ".tflite" else _places_onnx(source, fault))
    for turn, place in enumerate(np.linspace(0, count - 1, 10).astype(int)):
        content, name = plant(source, fault, int(place), factors[turn % len(factors)])
        target.write_bytes(content)
        yield name


def _places_tflite(source: Path, fault: str) -> list[int]:
    """Numbers of the convolutions whose scale is theirs alone: concatenations and poolings share theirs with what they read."""
    model = flatbuffer.read(source.read_bytes())
    graph = model.subgraphs[0]
    kinds = [model.operatorCodes[op.opcodeIndex].builtinCode for op in graph.operators]
    found = [i for i, kind in enumerate(kinds) if kind in _CONVOLUTIONS]
    if fault == "weights":
        return found
    read = {int(t) for op, kind in zip(graph.operators, kinds, strict=True) if kind in _CONVOLUTIONS for t in op.inputs}
    others = {int(t) for op, kind in zip(graph.operators, kinds, strict=True) if kind not in _CONVOLUTIONS for t in op.inputs}
    return [i for i in found if int(graph.operators[i].outputs[0]) in read - others]


def _in_tflite(source: Path, fault: str, place: int, factor: float) -> tuple[bytes, str]:
    model = flatbuffer.read(source.read_bytes())
    graph = model.subgraphs[0]
    operator = graph.operators[_places_tflite(source, fault)[place]]
    tensor = graph.tensors[operator.inputs[1] if fault == "weights" else operator.outputs[0]]
    tensor.quantization.scale = np.asarray(tensor.quantization.scale) * np.float32(factor)
    return flatbuffer.pack(model), graph.tensors[operator.outputs[0]].name.decode()


def _places_onnx(source: Path, fault: str) -> list[str]:
    """Names of the constants that hold a scale of one convolution alone."""
    graph = onnx.load(source).graph
    makers = {node.output[0]: node for node in graph.node}
    rounding = {node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    uses = Counter(name for node in graph.node for name in node.input)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    if fault == "weights":
        return [makers[node.input[1]].input[1] for node in convolutions]
    scales = [rounding[node.output[0]].input[1] for node in convolutions if node.output[0] in rounding]
    # QuantizeLinear and DequantizeLinear of one tensor.
    return [name for name in scales if uses[name] == 2]


def _in_onnx(source: Path, fault: str, place: int, factor: float) -> tuple[bytes, str]:
    model = onnx.load(source)
    name = _places_onnx(source, fault)[place]
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(tensor) * factor).astype(np.float32), name))
    reader = next(node for node in model.graph.node if name in node.input)
    owner = reader.input[0] if reader.op_type == "QuantizeLinear" else next(n.output[0] for n in model.graph.node if reader.output[0] in n.input)
    return model.SerializeToString(), owner
