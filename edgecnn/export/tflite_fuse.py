"""A .tflite with fewer operators that do the same, where eight bits would otherwise round once too often."""

from __future__ import annotations

from collections import Counter

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import flatbuffer

_Op = schema.BuiltinOperator

# Operators with integer kernels that ai-edge-quantizer leaves in float, and the versions of those kernels: for int8, for int16.
_INTEGER_VERSION = {_Op.LEAKY_RELU: {schema.TensorType.INT8: 2, schema.TensorType.INT16: 2}, _Op.RELU6: {schema.TensorType.INT8: 2, schema.TensorType.INT16: 3}}


def norms(model: schema.ModelT) -> None:
    """Turn every product with factors a channel and sum with offsets a channel into a 1x1 depthwise convolution; changes the model in place.

    That is what is left of a batch norm with no convolution before it. As a product all channels' factors would share one int8 scale; as a convolution
    each has its own, and the offsets have 32 bits.
    """
    graph = model.subgraphs[0]
    makers = {int(op.outputs[0]): op for op in graph.operators}
    reads = Counter(int(i) for op in graph.operators for i in op.inputs) + Counter(int(i) for i in graph.outputs)
    code = None
    for add in list(graph.operators):
        if _kind(model, add) != _Op.ADD or (offsets := _channels(model, add)) is None:
            continue
        product = makers.get(int(add.inputs[0]))
        if product is None or _kind(model, product) != _Op.MUL or reads[int(add.inputs[0])] != 1 or product.builtinOptions.fusedActivationFunction:
            continue
        factors = _channels(model, product)
        if factors is None or factors.size != offsets.size:
            continue
        code = flatbuffer.operator_code(model, _Op.DEPTHWISE_CONV_2D) if code is None else code
        kernel = flatbuffer.constant(model, factors.reshape(1, 1, 1, -1))
        _into_convolution(add, code, [product.inputs[0], kernel, flatbuffer.constant(model, offsets)])
        graph.operators.remove(product)


def _into_convolution(operator: schema.OperatorT, code: int, inputs: list[int]) -> None:
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = options.depthMultiplier = options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = operator.builtinOptions.fusedActivationFunction
    operator.opcodeIndex, operator.inputs = code, inputs
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.DepthwiseConv2DOptions, options


def _channels(model: schema.ModelT, operator: schema.OperatorT) -> np.ndarray | None:
    """The second input of an operator on maps where it is a constant with one value a channel, [channels]."""
    x, y = (model.subgraphs[0].tensors[i] for i in operator.inputs)
    data = model.buffers[y.buffer].data
    if data is None or len(data) == 0 or y.type != schema.TensorType.FLOAT32 or len(x.shape) != 4 or x.shape[3] < 2:
        return None
    values = flatbuffer.values(model, y)
    return values.reshape(-1) if values.ndim and values.shape[-1] == values.size == x.shape[3] else None


def integers(content: bytes) -> bytes:
    """A quantized file in which operators that have integer kernels use them, where the quantizer has left DEQUANTIZE and QUANTIZE around them."""
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    makers = {int(op.outputs[0]): op for op in graph.operators}
    for operator in list(graph.operators):
        versions = _INTEGER_VERSION.get(_kind(model, operator))
        before = makers.get(int(operator.inputs[0]))
        after = [op for op in graph.operators if operator.outputs[0] in op.inputs]
        if versions is None or before is None or _kind(model, before) != _Op.DEQUANTIZE or [_kind(model, op) for op in after] != [_Op.QUANTIZE]:
            continue
        kind = graph.tensors[before.inputs[0]].type
        operator.opcodeIndex = flatbuffer.operator_code(model, _kind(model, operator), versions[kind])
        operator.inputs, operator.outputs = before.inputs, after[0].outputs
        graph.operators.remove(after[0])
        if not any(before.outputs[0] in op.inputs for op in graph.operators):
            graph.operators.remove(before)
    return flatbuffer.pack(model)


def _kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    return model.operatorCodes[operator.opcodeIndex].builtinCode
