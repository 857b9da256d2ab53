"""Multiply-accumulates of a Keras model, counted from its layers."""

from __future__ import annotations

from math import prod

import keras
from keras import layers


def of_layer(layer: keras.Layer) -> int:
    """Multiply-accumulates of one layer on one picture; biases, pooling, normalization and activations count nothing.

    Raises nothing for layers it does not know: they count 0.
    """
    if isinstance(layer, keras.Model):
        return count(layer)
    if isinstance(layer, layers.Dense):
        return prod(layer.kernel.shape) * prod(layer.output.shape[1:-1])
    if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
        return 0
    # Every weight of a kernel is used once at every output pixel: kernel is [height, width, inputs / groups, outputs].
    kernels = [w for w in layer.weights if "kernel" in w.name]
    pixels = prod(layer.output.shape[1:3])
    return pixels * sum(prod(kernel.shape) for kernel in kernels)


def count(model: keras.Model) -> int:
    """Multiply-accumulates of one picture through `model`, whose input size must be fixed."""
    return sum(of_layer(layer) for layer in model.layers)
