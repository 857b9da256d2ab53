"""The layers with weights of a float .tflite: weights snapped to int8's grid, biases corrected."""

from __future__ import annotations

from collections import Counter

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import bias, flatbuffer, names
from edgecnn.export.ranges import Means
from edgecnn.export.reconstruct import LARGEST, Products, Window, snapped

_Op = schema.BuiltinOperator

# operator -> axis of the output channels in its weights: [out, h, w, in a group], [1, h, w, out], [out, in].
OUTPUT_AXIS = {_Op.CONV_2D: 0, _Op.DEPTHWISE_CONV_2D: 3, _Op.FULLY_CONNECTED: 0}


def operators(content: bytes) -> list[tuple[str, bool]]:
    """(name of its output, whether it has weights) of each operator, in the order of computation."""
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    return [(graph.tensors[op.outputs[0]].name.decode(), model.operatorCodes[op.opcodeIndex].builtinCode in OUTPUT_AXIS) for op in graph.operators]


def windows(content: bytes) -> dict[str, list[Window]]:
    """Name of a tensor -> how the layers with weights that read it see it; without those that see too much at once."""
    model = flatbuffer.read(content)
    found: dict[str, list[Window]] = {}
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode in OUTPUT_AXIS:
            source = model.subgraphs[0].tensors[operator.inputs[0]]
            window = _window(model, operator)
            if window.columns(int(source.shape[-1])) <= LARGEST and window not in found.setdefault(source.name.decode(), []):
                found[source.name.decode()].append(window)
    return found


def _window(model: schema.ModelT, operator: schema.OperatorT) -> Window:
    source, kernel = (model.subgraphs[0].tensors[i] for i in operator.inputs[:2])
    options = operator.builtinOptions
    if not hasattr(options, "padding"):
        return Window()
    taps, steps = tuple(map(int, kernel.shape[1:3])), (options.strideH, options.strideW)
    gaps = options.dilationHFactor, options.dilationWFactor
    sides = [bias.same(int(size), *axis) for size, *axis in zip(source.shape[1:3], taps, steps, gaps, strict=True)]
    padding = (0, 0, 0, 0) if options.padding == schema.Padding.VALID else (*sides[0], *sides[1])
    depthwise = model.operatorCodes[operator.opcodeIndex].builtinCode == _Op.DEPTHWISE_CONV_2D
    channels = int(source.shape[3])
    return Window(taps, steps, gaps, padding, channels if depthwise else channels // int(kernel.shape[3]))


def snap(content: bytes, means: Means, products: Products) -> bytes:
    """Round all weights as int8 will, and correct the biases for it; float32 in, float32 out.

    Quantizing the result loses nothing more of the weights, so that activations can be observed as the integer network will have them.
    `means` gives the mean a channel of the layers' inputs; a layer whose input is not among them keeps its bias. `products` are the second moments of what
    layers see; a layer that has none takes each weight to its nearest step.
    """
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    readers = Counter(graph.tensors[i].buffer for operator in graph.operators for i in operator.inputs if i >= 0)
    for operator in graph.operators:
        axis = OUTPUT_AXIS.get(model.operatorCodes[operator.opcodeIndex].builtinCode)
        if axis is None:
            continue
        source, kernel = (graph.tensors[i] for i in operator.inputs[:2])
        exact = flatbuffer.values(model, kernel)
        window = _window(model, operator)
        near = snapped(exact, axis, products.get((source.name.decode(), window)), window.groups)
        flatbuffer.store(model, kernel, near)
        mean = means.get(source.name.decode())
        if mean is not None:
            _add(model, operator, _shift(exact - near, mean, axis, _shares(operator.builtinOptions, source.shape, kernel.shape)), readers)
    return flatbuffer.pack(model)


def _add(model: schema.ModelT, operator: schema.OperatorT, lost: np.ndarray, readers: Counter[int]) -> None:
    """Add to a layer's bias. The converter gives one bias of zeros to all layers without a bias; such a layer gets its own."""
    tensors = model.subgraphs[0].tensors
    index = operator.inputs[2] if len(operator.inputs) > 2 else -1
    if index < 0:
        operator.inputs = [*operator.inputs[:2], flatbuffer.constant(model, lost, _own_bias(model, operator))]
    elif readers[tensors[index].buffer] == 1:
        flatbuffer.store(model, tensors[index], flatbuffer.values(model, tensors[index]) + lost)
    else:
        operator.inputs[2] = flatbuffer.constant(model, flatbuffer.values(model, tensors[index]) + lost, _own_bias(model, operator))


def _own_bias(model: schema.ModelT, operator: schema.OperatorT) -> str:
    tensors = model.subgraphs[0].tensors
    return names.unused(f"{tensors[operator.outputs[0]].name.decode()}/bias", {tensor.name.decode() for tensor in tensors})


def _shift(lost: np.ndarray, mean: np.ndarray, axis: int, shares: np.ndarray | None) -> np.ndarray:
    if axis == 3:
        return bias.shift(lost.transpose(3, 0, 1, 2), mean, len(mean), shares)
    if lost.ndim == 2:
        # A dense layer after flattening sees every position of a channel: the channels repeat.
        return bias.shift(lost, np.tile(mean, lost.shape[1] // len(mean)))
    return bias.shift(lost.transpose(0, 3, 1, 2), mean, len(mean) // lost.shape[3], shares)


def _shares(options: schema.Conv2DOptionsT | schema.DepthwiseConv2DOptionsT | object, source: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    """Shares of a convolution's taps that lie on its input, [h, w]; None for a dense layer."""
    if not hasattr(options, "padding"):
        return None
    rows = int(source[1]), int(kernel[1]), options.strideH, options.dilationHFactor
    columns = int(source[2]), int(kernel[2]), options.strideW, options.dilationWFactor
    if options.padding == schema.Padding.VALID:
        return np.outer(*(bias.on_map(*axis) for axis in (rows, columns)))
    return np.outer(*(bias.on_map(*axis, bias.same(*axis)) for axis in (rows, columns)))
