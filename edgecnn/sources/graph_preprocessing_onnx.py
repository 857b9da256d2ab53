"""Preprocessing inside of an .onnx: its first nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from edgecnn.sources.graph_preprocessing import AffineWalk, GraphPreprocessing, conclude, describe_constant

IDENTITIES = ("Cast", "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Identity", "QuantizeLinear", "DequantizeLinear")
# Values of the largest constant that is looked at: a 1x1 convolution of four channels.
_MOST = 16


def from_onnx(model: onnx.ModelProto) -> GraphPreprocessing | None:
    """What the first nodes of a model do to its input; None where they do nothing that tells."""
    return conclude(follow_image(model))


def follow_image(model: onnx.ModelProto) -> list[tuple[str, AffineWalk]]:
    """Tensors that still are the image, from the input on, each with what was done to it so far; [("", nothing)] where there is not one input."""
    graph, walk = model.graph, AffineWalk()
    constants = _constants(graph)
    inputs = [value.name for value in graph.input if value.name not in {tensor.name for tensor in graph.initializer}]
    tensor = inputs[0] if len(inputs) == 1 else ""
    followed = [(tensor, walk.copy())]
    while tensor:
        readers = [node for node in graph.node if tensor in node.input]
        if len(readers) > 1 and (joined := _join_channels(graph, readers, constants, walk)):
            tensor = joined
        elif len(readers) != 1 or not _step(readers[0], tensor, constants, walk):
            break
        else:
            tensor = readers[0].output[0]
        followed.append((tensor, walk.copy()))
    return followed


def _join_channels(graph: onnx.GraphProto, readers: list[onnx.NodeProto], constants: Mapping[str, np.ndarray], walk: AffineWalk) -> str:
    """The tensor into which slices of one channel each are put together again; "" where that is not what happens."""
    channels = {node.output[0]: _channel(node, constants) for node in readers}
    joins = [node for node in graph.node if node.op_type == "Concat" and set(node.input) == set(channels)]
    if len(joins) != 1 or None in channels.values():
        return ""
    return joins[0].output[0] if walk.permute([channels[name] for name in joins[0].input]) else ""


def _channel(node: onnx.NodeProto, constants: Mapping[str, np.ndarray]) -> int | None:
    """Which channel a Slice or a Gather takes alone."""
    if node.op_type == "Slice" and len(node.input) > 2:
        start, stop = (constants.get(name) for name in node.input[1:3])
        if start is not None and stop is not None and len(start) == 1 and int(stop[0]) == int(start[0]) + 1:
            return int(start[0])
    return None


def _constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Constants that may be numbers of the preprocessing: small ones, stored in the file itself."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors.update((node.output[0], attribute.t) for attribute in node.attribute if attribute.name == "value")
    small = {name: tensor for name, tensor in tensors.items() if np.prod(tensor.dims or [1]) <= _MOST and not tensor.external_data}
    values = {name: numpy_helper.to_array(tensor).astype(np.float64).reshape(-1) for name, tensor in small.items()}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values and node.input[1] in values:
            zero = values.get(node.input[2], np.zeros(1)) if len(node.input) > 2 else np.zeros(1)
            stored, scale = values[node.input[0]], values[node.input[1]]
            if stored.size % scale.size == 0:
                # Scales a channel lie along the first axis of a kernel, and the only one of a bias.
                rows = stored.reshape(scale.size, -1) - zero.reshape(-1, 1)
                values[node.output[0]] = (rows * scale.reshape(-1, 1)).reshape(-1)
    return values


def _step(node: onnx.NodeProto, tensor: str, constants: Mapping[str, np.ndarray], walk: AffineWalk) -> bool:
    kind = node.op_type
    if kind in IDENTITIES:
        return node.input[0] == tensor
    if kind == "Resize":
        walk.resizes = True
        walk.steps.append(kind)
        return True
    if kind == "Neg":
        return walk.multiply(np.array(-1.0), kind)
    if kind == "Gather" or kind == "Slice":
        return _flip(node, constants, walk)
    if kind == "Conv":
        return _pointwise(node, constants, walk)
    if kind not in ("Mul", "Add", "Sub", "Div"):
        return False
    first = node.input[0] == tensor
    constant = constants.get(node.input[1 if first else 0])
    return constant is not None and walk.combine(kind.lower(), constant, first, f"{kind} {describe_constant(constant)}")


def _pointwise(node: onnx.NodeProto, constants: Mapping[str, np.ndarray], walk: AffineWalk) -> bool:
    """A 1x1 convolution without padding whose kernel has one weight an output."""
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    is_plain = attributes.get("kernel_shape") == [1, 1] and not any(attributes.get("pads", ())) and set(attributes.get("strides", (1,))) == {1}
    weights = constants.get(node.input[1])
    bias = constants.get(node.input[2]) if len(node.input) > 2 else np.zeros(1)
    if weights is None or bias is None or not is_plain:
        return False
    groups = attributes.get("group", 1)
    channels = groups if groups > 1 else math.isqrt(weights.size)
    if weights.size != (channels if groups > 1 else channels**2):
        return False
    matrix = np.diag(weights) if groups > 1 else weights.reshape(channels, channels)
    return walk.mix(matrix, bias, f"{node.op_type} {describe_constant(matrix.sum(1))}")


def _flip(node: onnx.NodeProto, constants: Mapping[str, np.ndarray], walk: AffineWalk) -> bool:
    """Channels gathered as 2, 1, 0, or sliced with step -1, other axes as they are."""
    values = [None if constants.get(name) is None else constants[name].tolist() for name in node.input[1:]]
    if node.op_type == "Gather":
        turned = values[0] == [2, 1, 0]
    else:
        starts, stops, axes, steps = values if len(values) == 4 else (None,) * 4
        known = None not in (starts, stops, axes, steps)
        others = [one for one in zip(starts, stops, steps, strict=True) if one[2] != -1] if known else []
        turned = known and steps.count(-1) == 1 and axes[steps.index(-1)] in (1, 3, -1) and all(a == 0 and b >= 10**6 and c == 1 for a, b, c in others)
    if turned:
        walk.flip()
    return turned
