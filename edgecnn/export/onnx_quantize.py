"""Float ONNX -> every other scheme, by ONNX Runtime's own tools. One short function a scheme; `QUANTIZERS` is the list."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16

from edgecnn.export.onnx_layers import WEIGHTED
from edgecnn.export.ranges import Ranges

# Those that only move or pick values (pooling by maximum, padding, reshaping) take over their input's scale.
_INTEGER_OPERATORS = [
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Concat", "GlobalAveragePool", "ReduceMean", "AveragePool"),
    *("MaxPool", "Pad", "Reshape", "Squeeze", "Flatten", "Transpose"),
    *("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"),
]


def float16(proto: onnx.ModelProto, ranges: Ranges | None) -> onnx.ModelProto:
    """Weights and arithmetic in float16; input and output float32."""
    return _sorted(convert_float_to_float16(_copy(proto), keep_io_types=True))


def int8(proto: onnx.ModelProto, ranges: Ranges | None, wide: Collection[str] = ()) -> onnx.ModelProto:
    """QDQ: weights of 8 bits, one scale a channel, around zero point 128, and uint8 activations.

    uint8 activations, because they hold (pixel - 128) / 128 exactly as TFLite does. uint8 weights, because on x86 without VNNI ONNX Runtime adds pairs of
    products of unsigned and signed bytes in 16 bits, which overflow: MobileNet 0.25 on digits lost 6.5 points there, and no error appears. With both
    unsigned the sums are right on every processor. Where there is VNNI, signed weights would run faster; on ARM both run alike. The quantizer is asked for
    signed ones all the same, which then move by 128: its own unsigned grid has 127.5 steps to the largest weight, ours 127.
    Input and output stay float32: the first operator quantizes the picture; softmax runs in float, so that near ties stay apart.
    The activations of the nodes `wide` stay float32, too; their weights are 8 bits all the same.
    """
    limits = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ((name, found.clipped) for name, found in ranges.items())}
    data = TensorsData(CalibrationMethod.MinMax, limits)
    quantizer = QDQQuantizer(
        _copy(proto),
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=data,
        nodes_to_quantize=[],
        nodes_to_exclude=list(wide),
        op_types_to_quantize=_INTEGER_OPERATORS,
        # The picture is quantized before it is reordered: every byte has its own value, and bytes are moved instead of floats.
        extra_options={"ForceQuantizeNoInputCheck": True, "WeightSymmetric": True},
    )
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantizer.quantize_model()
    finally:
        root.setLevel(level)
    _round_weights(quantizer.model.model.graph, wide)
    _unsigned(quantizer.model.model.graph)
    model = _sorted(quantizer.model.model)
    del model.graph.value_info[:]
    model.producer_name = "edgecnn"
    return model


def _unsigned(graph: onnx.GraphProto) -> None:
    """Move int8 weights, and their zero points, by 128."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants and constants[node.input[0]].data_type == onnx.TensorProto.INT8:
            for name in (node.input[0], node.input[2]):
                values = numpy_helper.to_array(constants[name])
                if values.dtype == np.int8:
                    constants[name].CopyFrom(numpy_helper.from_array((values.astype(np.int16) + 128).astype(np.uint8), name))


def _round_weights(graph: onnx.GraphProto, wide: Collection[str]) -> None:
    """Store the float weights of the nodes `wide` in 8 bits, one symmetric scale an output channel, with a node that expands them."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        tensor = constants.get(node.input[1]) if node.name in wide and node.op_type in WEIGHTED else None
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        exact = numpy_helper.to_array(tensor)
        axis = 0 if node.op_type == "Conv" or any(a.name == "transB" and a.i for a in node.attribute) else exact.ndim - 1
        scale = np.abs(exact).max(tuple(a for a in range(exact.ndim) if a != axis)) / np.float32(127)
        scale[scale == 0] = 1
        steps = np.rint(exact / scale.reshape([-1 if a == axis else 1 for a in range(exact.ndim)])).astype(np.int16)
        stored = {"quantized": (steps + 128).astype(np.uint8), "scale": scale.astype(np.float32), "zero_point": np.full(len(scale), 128, np.uint8)}
        inputs = [f"{tensor.name}_{part}" for part in stored]
        graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in zip(inputs, stored.values(), strict=True))
        graph.initializer.remove(tensor)
        graph.node.append(onnx.helper.make_node("DequantizeLinear", inputs, [tensor.name], f"{tensor.name}_expanded", axis=axis))


def _sorted(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Both tools append what they add, and onnx.checker wants every node after those that feed it."""
    model = ONNXModel(proto)
    model.topological_sort()
    return model.model


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


QUANTIZERS: dict[str, Callable[[onnx.ModelProto, Ranges | None], onnx.ModelProto]] = {"float16": float16, "int8": int8}
