"""Preprocessing inside of a Keras model: its first layers and operations, nested models included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from edgecnn.sources.graph_preprocessing import AffineWalk, GraphPreprocessing, describe_constant

# Layers that change no value in inference.
IDENTITIES = ("InputLayer", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Identity", "Cast", "Reshape", "Permute", "ZeroPadding2D")
RESIZING = ("Resizing", "CenterCrop", "RandomCrop", "Cropping2D")

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
    graph = getattr(model, "_functional", None) or model
    nodes = [node for depth in getattr(graph, "_nodes_by_depth", {}).values() for node in depth]
    if not nodes or not getattr(graph, "inputs", None):
        return False
    tensor, end = graph.inputs[0], graph.outputs[0]
    while tensor is not end:
        readers = [node for node in nodes if any(one is tensor for one in node.input_tensors)]
        if len(readers) > 1:
            tensor = _join_channels(readers, nodes, walk)
            if tensor is None:
                return False
            continue
        if not readers or len(readers[0].outputs) != 1 or not _step(readers[0], tensor, walk):
            return False
        tensor = readers[0].outputs[0]
    return True


def _join_channels(readers: list[Any], nodes: list[Any], walk: AffineWalk) -> Any | None:
    """The tensor into which `x[..., 2]`, `x[..., 1]`, `x[..., 0]` are put together again; None where that is not what happens."""
    channels = {id(node.outputs[0]): _channel(node) for node in readers}
    joins = [node for node in nodes if type(node.operation).__name__ in ("Stack", "Concatenate") and id(node.input_tensors[0]) in channels]
    if len(joins) != 1 or None in channels.values() or {id(one) for one in joins[0].input_tensors} != set(channels):
        return None
    order = [channels[id(one)] for one in joins[0].input_tensors]
    return joins[0].outputs[0] if getattr(joins[0].operation, "axis", None) in (-1, 3) and walk.permute(order) else None


def _channel(node: Any) -> int | None:
    """Which channel an operation takes alone."""
    key = node.arguments.args[1] if type(node.operation).__name__ == "GetItem" and len(node.arguments.args) == 2 else None
    if not isinstance(key, tuple | list) or not all(part is Ellipsis or part == slice(None) for part in key[:-1]):
        return None
    last = key[-1]
    if isinstance(last, slice):
        return last.start if isinstance(last.start, int) and last.stop == last.start + 1 and last.step in (None, 1) else None
    return last if isinstance(last, int) and last >= 0 else None


def _step(node: Any, tensor: Any, walk: AffineWalk) -> bool:
    """Take one operation into the walk; whether it is of the kinds that are followed."""
    operation, kind = node.operation, type(node.operation).__name__
    if kind in IDENTITIES or kind.startswith("Random"):
        return True
    if kind in RESIZING:
        walk.resizes = walk.resizes or kind == "Resizing"
        walk.steps.append(operation.name)
        return True
    if kind == "Activation":
        return getattr(operation.activation, "__name__", "") == "linear"
    if isinstance(operation, keras.Model):
        return _walk_model(operation, walk)
    if kind in LAYERS:
        return LAYERS[kind](operation, walk)
    return _operation(kind, node.arguments.args, node.arguments.kwargs, tensor, walk)


def _rescaling(layer: Any, walk: AffineWalk) -> bool:
    scale, offset = np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
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


def _operation(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any], tensor: Any, walk: AffineWalk) -> bool:
    """An operation of keras.ops between the tensor and a constant."""
    values = [*args, *kwargs.values()]
    if kind in ("Cast", "ExpandDims", "Squeeze", "Reshape", "ConvertToTensor", "StopGradient"):
        return True
    if kind == "Resize":
        walk.resizes = True
        walk.steps.append("resize")
        return True
    if kind == "Negative":
        return walk.multiply(np.array(-1.0), "negative")
    if kind == "GetItem" and len(values) == 2:
        return _get_item(values[1], walk)
    if kind == "Flip":
        walk.flip()
        return kwargs.get("axis") in (-1, 3) or args[1:] in ((-1,), (3,))
    if len(values) < 2:
        return False
    first = values[0] is tensor
    constant = _constant(values[1] if first else values[0])
    return constant is not None and _arithmetic(kind, constant, first, walk)


def _arithmetic(kind: str, constant: np.ndarray, tensor_is_first: bool, walk: AffineWalk) -> bool:
    text = describe_constant(constant)
    if kind == "Multiply":
        return walk.multiply(constant, f"times {text}")
    if kind == "Add":
        return walk.add(constant, f"plus {text}")
    if kind == "Subtract":
        return walk.add(-constant, f"less {text}") if tensor_is_first else walk.multiply(np.array(-1.0), f"{text} less") and walk.add(constant, f"{text} less")
    if kind in ("TrueDivide", "Divide") and tensor_is_first and constant.all():
        return walk.multiply(1 / constant, f"divided by {text}")
    return False


def _get_item(key: Any, walk: AffineWalk) -> bool:
    """`x[..., ::-1]` turns the channels round; other slices are not followed."""
    parts = key if isinstance(key, tuple | list) else (key,)
    last = parts[-1]
    plain = all(part is Ellipsis or part == slice(None) for part in parts[:-1])
    if plain and isinstance(last, slice) and (last.start, last.stop, last.step) == (None, None, -1):
        walk.flip()
        return True
    return False


def _constant(value: Any) -> np.ndarray | None:
    if isinstance(value, keras.KerasTensor):
        return None
    try:
        return np.asarray(keras.ops.convert_to_numpy(value), np.float64)
    except (TypeError, ValueError):
        return None
