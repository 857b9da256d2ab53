"""Preprocessing in a float ONNX graph, written so that eight bits hold it; see `input_affine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecnn.export import names
from edgecnn.export.input_affine import GRAY_LEVEL, Affine, InputRounding, affine_between, affine_ends, rounding_of
from edgecnn.export.input_affine import with_exact_ranges as _with_exact_ranges
from edgecnn.export.onnx_padding import with_padding_behind_transpose
from edgecnn.export.ranges import Ranges
from edgecnn.sources.graph_preprocessing import conclude
from edgecnn.sources.graph_preprocessing_onnx import follow_image

# Operators that move values, and compute nothing on pixels.
_LAYOUT = ("Cast", "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Identity")


@dataclass(frozen=True)
class _Place:
    """Where preprocessing lies in a graph.

    Attributes:
        image, result: the tensors before and after it; the result lies as convolutions read it, [N, C, H, W].
        affine: what it does.
        nodes: those that do it, in the order of computation; those that move values are among them.
        layer: the convolution that alone reads the result, after no more than padding.
        is_padded: whether that sees zeros around the image.
        gray_level: of the input, or None where it is not known.
    """

    image: str
    result: str
    affine: Affine
    nodes: list[onnx.NodeProto]
    layer: onnx.NodeProto
    is_padded: bool
    gray_level: float | None


def with_input_affine(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The float model with preprocessing in its first layer, or in one 1x1 convolution before it; `proto` itself where there is nothing to do."""
    copy = with_padding_behind_transpose(proto)
    place = _find(copy)
    if place is None:
        return proto
    kernel, bias = _weights(copy, place.layer)
    if _is_foldable(place):
        _set_weights(copy, place.layer, *place.affine.into_weights(kernel, bias))
        _replace(copy, place, None)
    else:
        affine, lost = place.affine.on_levels(place.gray_level)
        if lost.any():
            _set_weights(copy, place.layer, kernel, affine.into_bias(kernel, bias, lost))
        _replace(copy, place, affine)
    _drop_unread(copy.graph)
    del copy.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(copy)


def with_exact_ranges(proto: onnx.ModelProto, ranges: Ranges) -> Ranges:
    """`ranges` with those of the preprocessed image set to what bytes 0 and 255 become."""
    return _with_exact_ranges(follow_image(proto), ranges)


def _find(proto: onnx.ModelProto) -> _Place | None:
    followed = follow_image(proto)
    conclusion = conclude(followed)
    if conclusion is None:
        return None
    start, _ = affine_ends(followed)
    image, before = followed[start]
    end = max(place for place, (_, walk) in enumerate(followed) if walk.resizes == before.resizes)
    result, after = followed[end]
    layer = _layer(proto.graph, result)
    nodes = _nodes_between(proto.graph, image, result)
    if layer is None or [node.op_type for node in nodes if node.op_type not in _LAYOUT] == ["Conv"] or not after.same_values(followed[-1][1]):
        return None
    kernel = next((tensor for tensor in proto.graph.initializer if tensor.name == layer[0].input[1]), None)
    if kernel is None or len(kernel.dims) != 4 or _attributes(layer[0]).get("group", 1) != 1:
        return None
    affine = affine_between(before, after, kernel.dims[1])
    return None if affine is None else _Place(image, result, affine, nodes, *layer, GRAY_LEVEL.get(conclusion.value_range))


def _is_foldable(place: _Place) -> bool:
    """Whether the first convolution's weights and bias can take the preprocessing in exactly."""
    return not (place.is_padded and place.affine.has_offset)


def _nodes_between(graph: onnx.GraphProto, image: str, result: str) -> list[onnx.NodeProto]:
    """Nodes that make a tensor out of another, in the order of the file."""
    makers = {edge: node for node in graph.node for edge in node.output}
    waiting, reached = [result], set()
    while waiting:
        edge = waiting.pop()
        if edge != image and edge in makers and edge not in reached:
            reached.add(edge)
            waiting += makers[edge].input
    return [node for node in graph.node if reached.intersection(node.output)]


def _layer(graph: onnx.GraphProto, tensor: str) -> tuple[onnx.NodeProto, bool] | None:
    """The convolution that alone reads a tensor, and whether it sees zeros around it; None where another operator reads it."""
    is_padded = False
    while True:
        readers = [node for node in graph.node if tensor in node.input]
        if len(readers) != 1 or any(value.name == tensor for value in graph.output):
            return None
        if readers[0].op_type != "Pad":
            break
        if _attributes(readers[0]).get("mode", b"constant") != b"constant" or not _pads_zeros(graph, readers[0]):
            return None
        tensor, is_padded = readers[0].output[0], True
    if readers[0].op_type != "Conv" or readers[0].input[0] != tensor:
        return None
    attributes = _attributes(readers[0])
    automatic = attributes.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER") and set(attributes.get("kernel_shape", (0,))) != {1}
    return readers[0], is_padded or automatic or any(attributes.get("pads", ()))


def _pads_zeros(graph: onnx.GraphProto, pad: onnx.NodeProto) -> bool:
    if len(pad.input) < 3 or not pad.input[2]:
        return True
    value = next((tensor for tensor in graph.initializer if tensor.name == pad.input[2]), None)
    return value is not None and not numpy_helper.to_array(value).any()


def _replace(proto: onnx.ModelProto, place: _Place, affine: Affine | None) -> None:
    """Put the nodes that move values, and a 1x1 convolution where there is an `affine`, in the place of all that preprocess."""
    graph, moves = proto.graph, [node for node in place.nodes if node.op_type in _LAYOUT]
    taken = {edge for node in graph.node for edge in node.output} | {tensor.name for tensor in graph.initializer}
    edge, added = place.image, []
    for number, move in enumerate(moves, 1):
        is_last = number == len(moves) and affine is None
        output = place.result if is_last else names.unused(f"{place.image}_{move.op_type.lower()}", taken)
        taken.add(output)
        node = onnx.NodeProto()
        node.CopyFrom(move)
        node.name, node.input[0], node.output[0] = output, edge, output
        added.append(node)
        edge = output
    if affine is not None:
        added.append(_convolution(graph, affine, edge, place.result, taken))
    elif not moves:
        _rename(graph, place.result, place.image)
    _insert(graph, place.nodes, added)


def _convolution(graph: onnx.GraphProto, affine: Affine, source: str, result: str, taken: set[str]) -> onnx.NodeProto:
    constants = {"weights": affine.matrix[:, :, None, None], "bias": affine.offset.astype(np.float32)}
    inputs = [names.unused(f"{result}/{role}", taken) for role in constants]
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in zip(inputs, constants.values(), strict=True))
    return helper.make_node("Conv", [source, *inputs], [result], result, kernel_shape=[1, 1])


def _insert(graph: onnx.GraphProto, old: list[onnx.NodeProto], new: list[onnx.NodeProto]) -> None:
    """Put nodes where the last of others was."""
    outputs = {edge for node in old for edge in node.output}
    places = [number for number, node in enumerate(graph.node) if outputs.intersection(node.output)]
    kept = [node for number, node in enumerate(graph.node) if number not in places]
    at = places[-1] - len(places) + 1
    arranged = [*kept[:at], *new, *kept[at:]]
    del graph.node[:]
    graph.node.extend(arranged)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if edge == old else edge for edge in node.input]


def _weights(proto: onnx.ModelProto, layer: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [outputs, channels, h, w] and bias [outputs] of a convolution."""
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    kernel = numpy_helper.to_array(constants[layer.input[1]])
    return kernel, numpy_helper.to_array(constants[layer.input[2]]) if len(layer.input) > 2 else np.zeros(len(kernel), np.float32)


def _set_weights(proto: onnx.ModelProto, layer: onnx.NodeProto, kernel: np.ndarray, bias: np.ndarray) -> None:
    """New constants for one convolution; others may share the old ones."""
    taken = {tensor.name for tensor in proto.graph.initializer}
    made = [names.unused(f"{layer.output[0]}/{role}", taken) for role in ("weights", "bias")]
    proto.graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in zip(made, (kernel, bias), strict=True))
    layer.input[:] = [layer.input[0], *made]


def _drop_unread(graph: onnx.GraphProto) -> None:
    read = {edge for node in graph.node for edge in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def measure_input_rounding(proto: onnx.ModelProto, quantized: onnx.ModelProto) -> InputRounding | None:
    """Run every byte through the preprocessing of an int8 model, by ONNX Runtime, and compare it with that of the float model.

    Args:
        proto: the float model as it was converted.
        quantized: the int8 model, with an input of floats or of bytes.

    Returns:
        None where the float model has no preprocessing that is known, or none that is before a convolution.
    """
    place = _find(with_padding_behind_transpose(proto))
    if place is None or place.gray_level is None:
        return None
    followed = follow_image(quantized)
    result, walk = followed[-1]
    if walk.is_identity:
        return InputRounding(0.0, 0.0, 0.0) if _is_foldable(place) else None
    return rounding_of(_seen(quantized, result, place.gray_level), walk.offset, place.affine, place.gray_level)


def _seen(quantized: onnx.ModelProto, result: str, gray_level: float) -> np.ndarray:
    """The real values of the preprocessed image [1, channels, H, W] for images of one gray each, [256, channels]."""
    import onnxruntime

    part = onnx.ModelProto()
    part.CopyFrom(quantized)
    nodes = _nodes_between(quantized.graph, "", result)
    del part.graph.node[:], part.graph.output[:]
    part.graph.node.extend(nodes)
    part.graph.output.append(helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None))
    _drop_unread(part.graph)
    session = onnxruntime.InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    shape = [side if isinstance(side, int) else 1 for side in source.shape]
    # An integer input takes the byte itself.
    kind, step = (np.uint8, 1) if source.type == "tensor(uint8)" else (np.float32, gray_level)
    images = (np.full(shape, level * step, kind) for level in range(256))
    return np.array([session.run(None, {source.name: image})[0][0, :, 0, 0] for image in images], np.float64)
