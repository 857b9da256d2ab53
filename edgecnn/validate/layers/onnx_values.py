"""Constants, shapes and roundings of an .onnx."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from edgecnn.validate.layers.net import Stored

WHOLE = (np.uint8, np.int8, np.uint16, np.int16)


def types_of(proto: onnx.ModelProto) -> dict[str, int]:
    """Name of a tensor -> its element type, as far as shape inference finds it."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    return {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info, *graph.output)}


def shapes_of(proto: onnx.ModelProto) -> dict[str, tuple[int | None, ...]]:
    """Name of a tensor -> its shape without the batch, with None where it is open."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: tuple(d.dim_value or None for d in value.type.tensor_type.shape.dim)[1:] for value in values}


def rounding_of(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Stored | None:
    """What a QuantizeLinear or DequantizeLinear of an activation rounds to."""
    if node.input[1] not in constants:
        return None
    scale = numpy_helper.to_array(constants[node.input[1]])
    zero = numpy_helper.to_array(constants[node.input[2]]) if len(node.input) > 2 and node.input[2] in constants else np.zeros(1, np.uint8)
    if scale.size != 1 or zero.dtype not in WHOLE:
        return None
    limits = np.iinfo(zero.dtype)
    return Stored(float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]), limits.min, limits.max)


def values_of(tensor: onnx.TensorProto, maker: onnx.NodeProto | None, constants: Mapping[str, onnx.TensorProto], turned: bool) -> np.ndarray:
    """A constant as real numbers, float32; a matrix that lies turned as [inputs, outputs]."""
    found = _real(tensor, maker, constants)
    return found.T if turned else found


def _real(tensor: onnx.TensorProto, maker: onnx.NodeProto | None, constants: Mapping[str, onnx.TensorProto]) -> np.ndarray:
    values = numpy_helper.to_array(tensor)
    if maker is None:
        return values.astype(np.float32)
    scale = numpy_helper.to_array(constants[maker.input[1]]).astype(np.float64)
    zero = numpy_helper.to_array(constants[maker.input[2]]).astype(np.float64) if len(maker.input) > 2 else np.zeros(1)
    sides = [1] * values.ndim
    if scale.size > 1:
        sides[next((a.i for a in maker.attribute if a.name == "axis"), 1)] = scale.size
    zero = zero.reshape(sides) if zero.size == scale.size else zero.reshape(-1)[0]
    return ((values.astype(np.float64) - zero) * scale.reshape(sides)).astype(np.float32)
