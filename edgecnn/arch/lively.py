"""Weights with which pictures make a difference at the end, for networks that nobody has trained: what exports and twins are compared on.

Fresh weights do not serve. Signals fade or explode over a hundred layers, batch norms hold the statistics of no picture, and a network whose answers are all
alike agrees with everything. Here one pass over the layers sets each in turn from what the layers before make of a few pictures, after Mishkin and Matas,
2016, All you need is a good init, https://arxiv.org/abs/1511.06422.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

# Standard deviation of the logits over pictures: wide enough that answers differ, narrow enough that probabilities do not saturate.
SPREAD = 1.5

# What a layer computes is given about this mean and standard deviation in each channel. Around zero, a ReLU cuts half of everything off, and a network of
# fifty such layers is chaos: the error of rounding its weights to eight bits is as large as the difference between two pictures (ResNet-50, an eighth of
# the width: 0.8 of it; here 0.15), which no trained network shows.
MEAN, DEVIATION = 0.8, 0.8

# Means and deviations vary between channels by up to this much.
AROUND = 0.3

# Share of the mean variance of all channels that is added to each: a channel that is still on these pictures must not be blown up on others.
STILL = 0.1

_NORM = keras.layers.BatchNormalization


def enliven(model: keras.Model, pictures: np.ndarray, seed: int = 0) -> keras.Model:
    """Give a functional model new weights, layer by layer, so that its answers differ between pictures; on every backend of Keras.

    Kernels are drawn anew and scaled until what a layer computes has unit variance over `pictures`, and biases set its means; batch norms get the statistics
    of what they see, and random factors and offsets. Where the model ends in a softmax, its logits spread by about `SPREAD`.

    Args:
        model: of layers that are each called once; changed in place.
        pictures: some inputs [N, ...] as the model takes them, 4 or more; they should differ from one another.
        seed: of all random values.

    Returns:
        The model itself.
    """
    random = np.random.default_rng(seed)
    walk(model, pictures, lambda layer, given: _settle(layer, given, random))
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        weighted = [layer for layer in model.layers if _kernels(layer)][-1]
        logits = keras.Model(model.inputs[0], last.input)
        for _ in range(2):  # what lies between the last kernel and the logits, such as a ReLU, need not be linear
            _scale(weighted, SPREAD / _spread(_numpy(walk(logits, pictures)[0])), offsets=True)
    return model


def walk(model: keras.Model, inputs: np.ndarray, settle: Callable[[keras.layers.Layer, Any], None] = lambda layer, given: None) -> list[Any]:
    """Run a functional model on `inputs` one layer after the other, with `settle(layer, its input)` before each; gives its outputs.

    A value is let go after its last reader, so that deep networks fit into memory.
    """
    left = Counter(id(tensor) for layer in model.layers for tensor in _tensors(layer.input)) + Counter(id(tensor) for tensor in model.outputs)
    values = {id(model.inputs[0]): keras.ops.convert_to_tensor(inputs)}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        given = [values[id(tensor)] for tensor in _tensors(layer.input)]
        for tensor in _tensors(layer.input):
            left[id(tensor)] -= 1
            if not left[id(tensor)]:
                del values[id(tensor)]
        given = given if isinstance(layer.input, list) else given[0]
        settle(layer, given)
        values[id(layer.output)] = _call(layer, given)
    return [values[id(tensor)] for tensor in model.outputs]


def _call(layer: keras.layers.Layer, given: Any) -> Any:
    """The layer's output. A grouped convolution is done group by group: TensorFlow would compile each of them with XLA, which takes longer than to run it."""
    if not isinstance(layer, keras.layers.Conv2D) or layer.groups == 1:
        return layer(given, training=False)
    parts = zip(keras.ops.split(given, layer.groups, axis=-1), keras.ops.split(layer.kernel, layer.groups, axis=-1), strict=True)
    made = keras.ops.concatenate([keras.ops.conv(x, kernel, layer.strides, layer.padding, dilation_rate=layer.dilation_rate) for x, kernel in parts], axis=-1)
    return layer.activation(made if layer.bias is None else made + layer.bias)


def _tensors(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _settle(layer: keras.layers.Layer, given: Any, random: np.random.Generator) -> None:
    if isinstance(layer, _NORM):
        _settle_norm(layer, _numpy(given), random)
    elif _kernels(layer):
        _settle_kernel(layer, given, random)


def _settle_norm(layer: keras.layers.BatchNormalization, given: np.ndarray, random: np.random.Generator) -> None:
    axis = layer.axis % given.ndim
    others = tuple(a for a in range(given.ndim) if a != axis)
    variance = given.var(others)
    layer.moving_mean.assign(given.mean(others))
    layer.moving_variance.assign(variance + STILL * variance.mean())
    for weight, centre in ((layer.gamma, DEVIATION), (layer.beta, MEAN)):
        if weight is not None:
            weight.assign(centre + random.uniform(-AROUND, AROUND, weight.shape))


def _settle_kernel(layer: keras.layers.Layer, given: Any, random: np.random.Generator) -> None:
    activation = layer.activation
    layer.activation = keras.activations.linear
    for kernel in _kernels(layer):
        kernel.assign(random.normal(0, max(1, np.prod(kernel.shape[:-1])) ** -0.5, kernel.shape))
    if layer.bias is not None:
        layer.bias.assign(np.zeros(layer.bias.shape))
    made = _numpy(_call(layer, given))
    scale = 1 / max(_spread(made.reshape(-1, made.shape[-1])), 1e-6)
    _scale(layer, scale, offsets=False)
    if layer.bias is not None:
        means = made.reshape(-1, made.shape[-1]).mean(0) * scale
        layer.bias.assign(random.uniform(-AROUND, AROUND, means.shape) + MEAN - means)
    layer.activation = activation


def _scale(layer: keras.layers.Layer, factor: float, *, offsets: bool) -> None:
    kernel = _kernels(layer)[-1]
    kernel.assign(_numpy(kernel) * factor)
    if offsets and layer.bias is not None:
        layer.bias.assign(_numpy(layer.bias) * factor)


def _spread(values: np.ndarray) -> float:
    """Standard deviation over examples [N, channels], root mean square over channels."""
    return float(np.sqrt(values.var(0).mean()))


def _kernels(layer: keras.layers.Layer) -> list[Any]:
    """The weights of a convolution or dense layer that its inputs are multiplied with, in the order of their use."""
    return [weight for weight in layer.trainable_weights if "kernel" in weight.name]


def _numpy(value: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)
