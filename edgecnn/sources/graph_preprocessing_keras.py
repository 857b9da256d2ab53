"""Preprocessing inside of a Keras model: its first layers and operations, nested models included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from edgecnn.sources.graph_preprocessing import AffineWalk, GraphPreprocessing, describe_constant
from edgecnn.sources.keras_nodes import KerasNode, as_slice, functional_graph, is_symbolic, keras_nodes

# Layers that change no value in inference.
IDENTITIES = ("InputLayer", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Identity", "Cast", "Reshape", "Permute", "ZeroPadding2D")
RESIZING = ("Resizing", "CenterCrop", "RandomCrop", "Cropping2D")

# Operation of keras.ops -> what `AffineWalk.combine` calls it, and what is said of it.
ARITHMETIC = {
    "Multiply": ("mul", "times"),
    "Add": ("add", "plus"),
    "Subtract": ("sub", "less"),
    **dict.fromkeys(("TrueDivide", "Divide"), ("div", "divided by")),
}

# Layer names by which a family of keras.applications is known, its function's name, and what its preprocess_input does.
APPLICATIONS = (
    ({"Conv1", "expanded_conv_depthwise"}, "MobileNetV2", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"conv_dw_1", "conv_pw_1"}, "MobileNet", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"conv2_block1_preact_bn"}, "ResNet50V2", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"conv2_block1_0_bn", "conv2_block1_concat"}, "DenseNet", "ImageNet's mean and deviation (--preprocess torch)"),
    ({"conv1_conv", "conv2_block1_1_conv"}, "ResNet50", "BGR less ImageNet's mean color (--preprocess caffe)"),
    ({"block1_sepconv1", "block14_sepconv2"}, "Xception", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"block2_sepconv1", "block14_sepconv2"}, "Xception", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"block1_conv1", "block5_conv3"}, "VGG16 or VGG19", "BGR less ImageNet's mean color (--preprocess caffe)"),
    ({"mixed0", "mixed10"}, "InceptionV3", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"mixed_5b", "mixed_6a"}, "InceptionResNetV2", "pixel / 127.5 - 1 (--preprocess tf)"),
    ({"normal_conv_1_0", "stem_conv1"}, "NASNet", "pixel / 127.5 - 1 (--preprocess tf)"),
)


def from_keras(model: keras.Model) -> GraphPreprocessing | None:
    """What the first layers of a model do to its input; None where they do nothing that tells."""
    walk = AffineWalk()
    _walk_model(model, walk)
    return walk.conclude()


def hint_keras_application(model: keras.Model) -> str | None:
    """A sentence for messages where the layers are those of keras.applications, whose preprocessing lies outside of the network."""
    names = _layer_names(model)
    for known, family, preprocessing in APPLICATIONS:
        if known <= names:
            return f"its layers are those of keras.applications.{family}, whose preprocess_input is {preprocessing}"
    return None


def _layer_names(model: Any) -> set[str]:
    names = set()
    for layer in getattr(model, "layers", ()):
        names |= {layer.name} | _layer_names(layer)
    return names


def _walk_model(model: Any, walk: AffineWalk) -> bool:
    """Follow the input through a functional or sequential model; whether its end was reached by such operations alone."""
    graph = functional_graph(model)
    if graph is None:
        return False
    nodes = list(keras_nodes(graph))
    tensor, end = graph.inputs[0], graph.outputs[0]
    while tensor is not end:
        readers = [node for node in nodes if any(one is tensor for one in node.inputs)]
        if len(readers) > 1:
            tensor = _join_channels(readers, nodes, walk)
            if tensor is None:
                return False
            continue
        if not readers or len(readers[0].outputs) != 1 or not _step(readers[0], tensor, walk):
            return False
        tensor = readers[0].outputs[0]
    return True


def _join_channels(readers: list[KerasNode], nodes: list[KerasNode], walk: AffineWalk) -> Any | None:
    """The tensor into which `x[..., 2]`, `x[..., 1]`, `x[..., 0]` are put together again; None where that is not what happens."""
    channels = {id(node.outputs[0]): _channel(node) for node in readers}
    joins = [node for node in nodes if node.kind in ("Stack", "Concatenate") and id(node.inputs[0]) in channels]
    if len(joins) != 1 or None in channels.values() or {id(one) for one in joins[0].inputs} != set(channels):
        return None
    order = [channels[id(one)] for one in joins[0].inputs]
    return joins[0].outputs[0] if joins[0].argument("axis", 1) in (-1, 3) and walk.permute(order) else None


def _index(node: KerasNode) -> tuple[Any, ...]:
    """The parts of an index that takes all of the other axes; () for other nodes."""
    key = node.arguments.get(1, node.arguments.get("slice_spec")) if node.kind == "GetItem" else None
    parts = tuple(as_slice(part) for part in key) if isinstance(key, tuple | list) else () if key is None else (as_slice(key),)
    return parts if all(part is Ellipsis or part == slice(None) for part in parts[:-1]) else ()


def _channel(node: KerasNode) -> int | None:
    """Which channel an operation takes alone."""
    last = _index(node)[-1] if _index(node) else None
    if isinstance(last, slice):
        return last.start if isinstance(last.start, int) and last.stop == last.start + 1 and last.step in (None, 1) else None
    return last if isinstance(last, int) and last >= 0 else None


def _step(node: KerasNode, tensor: Any, walk: AffineWalk) -> bool:
    """Take one operation into the walk; whether it is of the kinds that are followed."""
    operation, kind = node.operation, node.kind
    if kind in IDENTITIES or kind.startswith("Random"):
        return True
    if kind in RESIZING:
        walk.resizes = walk.resizes or kind == "Resizing"
        walk.steps.append(operation.name)
        return True
    if kind == "Activation":
        return getattr(operation.activation, "__name__", "") == "linear"
    if functional_graph(operation) is not None:
        return _walk_model(operation, walk)
    if kind in LAYERS:
        return LAYERS[kind](operation, walk)
    return _operation(node, tensor, walk)


def _numbers(value: object) -> np.ndarray | None:
    """A number or a list of them, as float64; None for whatever else a configuration may say."""
    values = np.asarray(value)
    return values.astype(np.float64) if values.dtype.kind in "iuf" else None


def _rescaling(layer: Any, walk: AffineWalk) -> bool:
    scale, offset = (_numbers(value) for value in (layer.scale, layer.offset))
    if scale is None or offset is None:
        return False
    text = f"Rescaling({describe_constant(scale)}{', ' + describe_constant(offset) if offset.any() else ''})"
    walk.is_declared = True
    return walk.multiply(scale, text) and walk.add(offset, text)


def _normalization(layer: Any, walk: AffineWalk) -> bool:
    if getattr(layer, "invert", False) or layer.mean is None:
        return False
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(value), np.float64) for value in (layer.mean, layer.variance))
    text = f"Normalization(mean {describe_constant(mean)})"
    walk.is_declared = True
    return walk.add(-mean, text) and walk.multiply(1 / np.maximum(np.sqrt(variance), keras.config.epsilon()), text)


LAYERS: dict[str, Callable[[Any, AffineWalk], bool]] = {"Rescaling": _rescaling, "Normalization": _normalization}


def _operation(node: KerasNode, tensor: Any, walk: AffineWalk) -> bool:
    """An operation of keras.ops between the tensor and a constant."""
    kind, values = node.kind, list(node.arguments.values())
    if kind in ("Cast", "ExpandDims", "Squeeze", "Reshape", "ConvertToTensor", "StopGradient"):
        return True
    if kind == "Resize":
        walk.resizes = True
        walk.steps.append("resize")
        return True
    if kind == "Negative":
        return walk.multiply(np.array(-1.0), "negative")
    if kind in ("GetItem", "Flip", "Take"):
        return _reorder(node, walk)
    if len(values) < 2:
        return False
    first = values[0] is tensor
    constant = _constant(values[1] if first else values[0])
    if constant is None or kind not in ARITHMETIC:
        return False
    name, word = ARITHMETIC[kind]
    text = describe_constant(constant)
    return walk.combine(name, constant, first, f"{word} {text}" if first or name != "sub" else f"{text} less")


def _reorder(node: KerasNode, walk: AffineWalk) -> bool:
    """`x[..., ::-1]`, a flip of the channels or taking them as 2, 1, 0; other slices are not followed."""
    if node.kind == "GetItem":
        turned = _index(node)[-1:] == (slice(None, None, -1),)
    elif node.kind == "Flip":
        turned = node.argument("axis", 1) in (-1, 3, [-1], [3], (-1,), (3,))
    else:
        indices = _constant(node.argument("indices", 1))
        turned = node.argument("axis", 2) in (-1, 3) and indices is not None and indices.tolist() == [2, 1, 0]
    if turned:
        walk.flip()
    return turned


def _constant(value: Any) -> np.ndarray | None:
    if value is None or is_symbolic(value):
        return None
    try:
        return np.asarray(keras.ops.convert_to_numpy(value), np.float64)
    except (TypeError, ValueError):
        return None
