"""Preprocessing in a float .tflite, written so that eight bits hold it; see `input_affine`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn.export import flatbuffer, names
from edgecnn.export.input_affine import GRAY_LEVEL, Affine, InputRounding, affine_between, affine_ends, rounding_of
from edgecnn.export.input_affine import with_exact_ranges as _with_exact_ranges
from edgecnn.export.ranges import Ranges
from edgecnn.runtime.tflite_schema import operator_name
from edgecnn.sources.graph_preprocessing import conclude
from edgecnn.sources.graph_preprocessing_tflite import follow_image


@dataclass(frozen=True)
class _Place:
    """Where preprocessing lies in a graph.

    Attributes:
        image, result: the tensors before and after it.
        affine: what it does.
        operators: those that do it.
        gray_level: of the input, or None where it is not known.
    """

    image: int
    result: int
    affine: Affine
    operators: list[schema.OperatorT]
    gray_level: float | None


def with_input_affine(content: bytes) -> bytes:
    """The float file with preprocessing in its first layer, or in one 1x1 convolution before it; `content` itself where there is nothing to do.

    Zeros around the image may then stand for a value that is off by up to half a gray level: see `measure_input_rounding`.
    """
    model = flatbuffer.read(content)
    place = _find(model)
    if place is None:
        return content
    if (layer := _foldable(model, place)) is not None:
        _fold(model, place, layer)
    else:
        _into_convolution(model, place)
    graph = model.subgraphs[0]
    graph.operators = [op for op in graph.operators if all(op is not old for old in place.operators)]
    return flatbuffer.pack(model)


def with_exact_ranges(content: bytes, ranges: Ranges) -> Ranges:
    """`ranges` with those of the preprocessed image set to what bytes 0 and 255 become."""
    model = flatbuffer.read(content)
    tensors = model.subgraphs[0].tensors
    return _with_exact_ranges([(tensors[index].name.decode(), walk) for index, walk in follow_image(model)], ranges)


def _find(model: schema.ModelT) -> _Place | None:
    graph = model.subgraphs[0]
    followed = follow_image(model)
    conclusion = conclude(followed)
    if conclusion is None:
        return None
    start, end = affine_ends(followed)
    (image, before), (result, after) = followed[start], followed[end]
    shapes = [list(map(int, graph.tensors[index].shape)) for index in (image, result)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 4 or graph.tensors[image].type != schema.TensorType.FLOAT32:
        return None
    affine = affine_between(before, after, shapes[0][3])
    operators = _operators_between(graph, image, result)
    if affine is None or [_kind(model, op) for op in operators] in (["CONV_2D"], ["DEPTHWISE_CONV_2D"]):
        return None
    return _Place(image, result, affine, operators, GRAY_LEVEL.get(conclusion.value_range))


def _operators_between(graph: schema.SubGraphT, image: int, result: int) -> list[schema.OperatorT]:
    makers = {int(index): op for op in graph.operators for index in op.outputs}
    waiting, between = [result], []
    while waiting:
        op = makers.get(waiting.pop())
        if op is not None and all(op is not one for one in between):
            between.append(op)
            waiting += [int(index) for index in op.inputs if index != image]
    return between


def _layer(model: schema.ModelT, tensor: int) -> tuple[schema.OperatorT, bool] | None:
    """The convolution that alone reads a tensor, and whether it sees zeros around it; None where another operator reads it."""
    graph, is_padded = model.subgraphs[0], False
    while True:
        readers = [op for op in graph.operators if tensor in [int(index) for index in op.inputs]]
        if len(readers) != 1 or tensor in [int(index) for index in graph.outputs]:
            return None
        if _kind(model, readers[0]) != "PAD":
            break
        tensor, is_padded = int(readers[0].outputs[0]), True
    (layer,) = readers
    kernel = graph.tensors[layer.inputs[1]] if _kind(model, layer) == "CONV_2D" else None
    if kernel is None or kernel.buffer == 0 or kernel.shape[3] != graph.tensors[layer.inputs[0]].shape[3]:
        return None
    is_same = layer.builtinOptions.padding == schema.Padding.SAME and any(int(side) > 1 for side in kernel.shape[1:3])
    return layer, is_padded or is_same


def _foldable(model: schema.ModelT, place: _Place) -> schema.OperatorT | None:
    """The first convolution, where its weights and its bias can take the preprocessing in exactly."""
    layer = _layer(model, place.result)
    return None if layer is None or (layer[1] and place.affine.has_offset) else layer[0]


def _fold(model: schema.ModelT, place: _Place, layer: schema.OperatorT) -> None:
    kernel, bias = _weights(model, layer)
    _set_weights(model, layer, *place.affine.into_weights(kernel, bias))
    for op in model.subgraphs[0].operators:
        op.inputs = [place.image if index == place.result else int(index) for index in op.inputs]


def _into_convolution(model: schema.ModelT, place: _Place) -> None:
    """One 1x1 convolution in the place of the operators, and what its zero is off in the bias of the next."""
    affine, lost = place.affine.on_levels(place.gray_level)
    layer = _layer(model, place.result)
    if lost.any() and layer is not None:
        kernel, bias = _weights(model, layer[0])
        _set_weights(model, layer[0], kernel, affine.into_bias(kernel, bias, lost))
    elif lost.any():
        affine = place.affine
    graph, name = model.subgraphs[0], model.subgraphs[0].tensors[place.result].name.decode()
    taken = {tensor.name.decode() for tensor in graph.tensors}
    constants = {"weights": affine.matrix[:, None, None, :], "bias": affine.offset.astype(np.float32)}
    inputs = [flatbuffer.constant(model, value, names.unused(f"{name}/{role}", taken)) for role, value in constants.items()]
    last = next(op for op in place.operators if place.result in [int(index) for index in op.outputs])
    at = next(number for number, op in enumerate(graph.operators) if op is last)
    graph.operators.insert(at, _convolution(model, [place.image, *inputs], place.result))


def _convolution(model: schema.ModelT, inputs: list[int], output: int) -> schema.OperatorT:
    options, operator = schema.Conv2DOptionsT(), schema.OperatorT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    operator.opcodeIndex = flatbuffer.operator_code(model, schema.BuiltinOperator.CONV_2D)
    operator.inputs, operator.outputs = inputs, [output]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    return operator


def _weights(model: schema.ModelT, layer: schema.OperatorT) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [outputs, channels, h, w] and bias [outputs] of a convolution."""
    tensors = model.subgraphs[0].tensors
    kernel = flatbuffer.values(model, tensors[layer.inputs[1]]).transpose(0, 3, 1, 2)
    has_bias = len(layer.inputs) > 2 and layer.inputs[2] >= 0
    return kernel, flatbuffer.values(model, tensors[layer.inputs[2]]) if has_bias else np.zeros(len(kernel), np.float32)


def _set_weights(model: schema.ModelT, layer: schema.OperatorT, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Other constants for one convolution; what others read too is left to them."""
    for place, (role, values) in enumerate({"weights": kernel.transpose(0, 2, 3, 1), "bias": bias}.items(), 1):
        graph = model.subgraphs[0]
        index = int(layer.inputs[place]) if place < len(layer.inputs) else -1
        readers = [op for op in graph.operators for one in op.inputs if one >= 0 and graph.tensors[one].buffer == graph.tensors[index].buffer]
        if index >= 0 and len(readers) == 1:
            flatbuffer.store(model, graph.tensors[index], values)
            continue
        name = names.unused(f"{graph.tensors[layer.outputs[0]].name.decode()}/{role}", {tensor.name.decode() for tensor in graph.tensors})
        layer.inputs = [*map(int, layer.inputs[:place]), flatbuffer.constant(model, np.ascontiguousarray(values), name), *map(int, layer.inputs[place + 1 :])]


def _kind(model: schema.ModelT, op: schema.OperatorT) -> str:
    return operator_name(model.operatorCodes[op.opcodeIndex])


def measure_input_rounding(content: bytes, quantized: bytes) -> InputRounding | None:
    """Run every byte through the preprocessing of an int8 file, by LiteRT, and compare it with that of the float file.

    Args:
        content: the float file as it was converted.
        quantized: the int8 file, input int8, uint8 or float32.

    Returns:
        None where the float file has no preprocessing that is known, or the quantized file's cannot be told apart from its layers.
    """
    source = flatbuffer.read(content)
    place = _find(source)
    if place is None or place.gray_level is None:
        return None
    model = flatbuffer.read(quantized)
    followed = follow_image(model)
    end = affine_ends(followed)[1]
    if followed[end][1].is_identity:
        return InputRounding(0.0, 0.0, 0.0) if _foldable(source, place) else None
    seen = _seen(model, followed[end][0], place.gray_level)
    return rounding_of(seen, followed[end][1].offset, place.affine, place.gray_level)


def _seen(model: schema.ModelT, result: int, gray_level: float) -> np.ndarray:
    """The real values of the preprocessed image for images of one gray each, [256, channels]."""
    graph = model.subgraphs[0]
    needed = _operators_between(graph, -1, result)
    graph.operators = [op for op in graph.operators if any(op is one for one in needed)]
    graph.outputs, model.signatureDefs = [result], []
    interpreter = Interpreter(model_content=flatbuffer.pack(model), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for level in range(256):
        value = {"uint8": level, "int8": level - 128}.get(np.dtype(source["dtype"]).name, level * gray_level)
        interpreter.set_tensor(source["index"], np.full(source["shape"], value, source["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target["index"])[0, 0, 0].astype(np.float64))
    scale, zero_point = target["quantization"]
    return (np.array(rows) - zero_point) * (scale or 1.0)
