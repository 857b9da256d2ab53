"""One layer of a Keras model in a few words and numbers: what tables and diagrams of an architecture are made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from edgecnn.arch import macs
from edgecnn.arch.tree import Layer, sides

# Class of a layer -> (kind, words) where its settings say nothing more.
PLAIN = {
    "InputLayer": ("input", "input"),
    "BatchNormalization": ("norm", "bn"),
    "LayerNormalization": ("norm", "layer norm"),
    "Softmax": ("activation", "softmax"),
    "LeakyReLU": ("activation", "leaky relu"),
    "PReLU": ("activation", "prelu"),
    "GlobalAveragePooling2D": ("pool", "global mean"),
    "GlobalMaxPooling2D": ("pool", "global max"),
    "Flatten": ("shape", "flatten"),
    "Reshape": ("shape", "reshape"),
    "Add": ("merge", "add"),
    "Concatenate": ("merge", "concat"),
    "Multiply": ("merge", "multiply"),
    "Average": ("merge", "mean"),
    "Maximum": ("merge", "maximum"),
    "Minimum": ("merge", "minimum"),
    "Subtract": ("merge", "subtract"),
}


def describe(operation: Any, output: Any, inputs: int, *, again: bool = False) -> Layer:
    """Describe one call of a layer or of an operation such as `x + 3`: weights are asked for their shapes only.

    Args:
        operation: a layer, or what Keras makes of arithmetic on its tensors.
        output: the tensor that the call gave.
        inputs: how many tensors it took.
        again: whether the layer was called before.
    """
    kind, text = _words(operation, inputs)
    weighted = isinstance(operation, keras.Layer) and not again
    return Layer(
        name=operation.name,
        kind=kind,
        text=f"{text}, shared" if again else text,
        shape=tuple(output.shape[1:]),
        parameters=operation.count_params() if weighted else 0,
        macs=macs.of_layer(operation) if weighted else 0,
    )


def _words(operation: Any, inputs: int) -> tuple[str, str]:
    name = type(operation).__name__
    if name in SPECIAL:
        return SPECIAL[name](operation)
    kind, text = PLAIN.get(name, ("other", _spelt(name)))
    return ("activation", f"{text} constant") if kind == "merge" and inputs == 1 else (kind, text)


def _spelt(name: str) -> str:
    """`GaussianNoise` as "gaussian noise", `UpSampling2D` as "up sampling2d"."""
    return "".join(f" {c.lower()}" if c.isupper() and i and not name[i - 1].isdigit() else c.lower() for i, c in enumerate(name))


def _window(word: str, size: Sequence[int], strides: Sequence[int], filters: int | None = None) -> list[str]:
    """`conv 3x3`, `64`, `/2`: word and window, filters, stride."""
    stride = "" if set(strides) == {1} else f"/{strides[0]}" if len(set(strides)) == 1 else f"/{sides(strides)}"
    return [part for part in (f"{word} {sides(size)}", "" if filters is None else str(filters), stride) if part]


def _finished(layer: Any, parts: list[str]) -> str:
    """The parts, and the activation that is built into the layer, if any."""
    act = getattr(layer.activation, "__name__", "")
    return ", ".join(parts + ([act] if act and act != "linear" else []))


def _conv(layer: Any) -> tuple[str, str]:
    parts = _window("conv", layer.kernel_size, layer.strides, layer.filters)
    if set(layer.dilation_rate) != {1}:
        parts.append(f"dilation {layer.dilation_rate[0]}")
    if layer.groups > 1:
        parts.append(f"groups {layer.groups}")
    return "grouped" if layer.groups > 1 else "conv", _finished(layer, parts)


def _depthwise(layer: Any) -> tuple[str, str]:
    parts = _window("depthwise", layer.kernel_size, layer.strides)
    if layer.depth_multiplier > 1:
        parts.append(f"each {layer.depth_multiplier} times")
    return "depthwise", _finished(layer, parts)


def _separable(layer: Any) -> tuple[str, str]:
    return "depthwise", _finished(layer, _window("separable", layer.kernel_size, layer.strides, layer.filters))


def _dense(layer: Any) -> tuple[str, str]:
    return "dense", _finished(layer, [f"dense {layer.units}"])


def _pool(word: str) -> Callable[[Any], tuple[str, str]]:
    return lambda layer: ("pool", ", ".join(_window(word, layer.pool_size, layer.strides)))


def _padding(layer: Any) -> tuple[str, str]:
    numbers = [n for pair in layer.padding for n in pair]
    return "padding", f"pad {numbers[0]}" if len(set(numbers)) == 1 else f"pad {' '.join(map(str, numbers))}"


def _relu(layer: Any) -> tuple[str, str]:
    top = layer.max_value
    return "activation", "relu" if top is None else f"relu{top:g}"


# Class of a layer -> what makes (kind, words) of its settings.
SPECIAL: dict[str, Callable[[Any], tuple[str, str]]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "MaxPooling2D": _pool("max pool"),
    "AveragePooling2D": _pool("mean pool"),
    "ZeroPadding2D": _padding,
    "ReLU": _relu,
    "Activation": lambda layer: ("activation", layer.activation.__name__),
    "Dropout": lambda layer: ("dropout", f"dropout {layer.rate:g}"),
    "Rescaling": lambda layer: ("activation", f"scale {layer.scale:g}"),
}
