"""Fresh weights that are the same on every backend: Keras' initializers draw from their backend's generator, these from NumPy's."""

from __future__ import annotations

import random
from math import prod, sqrt

import keras
import numpy as np
from keras import initializers

# Standard deviation of a normal distribution cut at two standard deviations, whose own is 1.
CUT = 0.87962566103423978


def seed(number: int) -> None:
    """Let everything random that Keras makes from now on be decided by `number`."""
    if keras.backend.backend() == "jax":
        random.seed(number)  # from which Keras takes the seeds of dropout; `set_random_seed` would load TensorFlow wherever it is installed
    else:
        keras.utils.set_random_seed(number)


def draw(net: keras.Model, seed: int) -> None:
    """Give the weights of `net` that have a random initializer of Keras' variance scaling family (Glorot, He, LeCun) NumPy's values of the same distribution.

    Other weights, such as biases and batch norms, stay: they are the same everywhere.

    Args:
        net: changed in place.
        seed: decides the values, together with the place of the weight in the network.
    """
    for number, (weight, initializer) in enumerate(_drawn(net)):
        weight.assign(_values(weight.shape, initializer, np.random.default_rng((seed, number))))


# (attribute of a layer, its initializer): a depthwise convolution calls its weight `kernel` too, a separable one has both.
WEIGHTS = (
    ("kernel", "kernel_initializer"),
    ("kernel", "depthwise_initializer"),
    ("depthwise_kernel", "depthwise_initializer"),
    ("pointwise_kernel", "pointwise_initializer"),
)


def _drawn(net: keras.Model) -> list[tuple[keras.Variable, initializers.Initializer]]:
    found = []
    for layer in net._flatten_layers(include_self=False):
        for weight, initializer in ((getattr(layer, kind, None), getattr(layer, how, None)) for kind, how in WEIGHTS):
            if weight is not None and isinstance(initializer, initializers.VarianceScaling):
                found.append((weight, initializer))
    return found


def _values(shape: tuple[int, ...], initializer: initializers.VarianceScaling, rng: np.random.Generator) -> np.ndarray:
    """Variance scaling (He et al., 2015, arXiv:1502.01852): variance `scale` over the number of inputs, outputs or their mean."""
    taps = prod(shape[:-2])
    inputs, outputs = shape[-2] * taps, shape[-1] * taps
    fan = {"fan_in": inputs, "fan_out": outputs}.get(initializer.mode, (inputs + outputs) / 2)
    spread = sqrt(initializer.scale / max(1.0, fan))
    if initializer.distribution == "uniform":
        return rng.uniform(-sqrt(3) * spread, sqrt(3) * spread, shape).astype("float32")
    values = rng.standard_normal(shape)
    if initializer.distribution == "truncated_normal":
        while (outside := np.abs(values) > 2).any():
            values[outside] = rng.standard_normal(int(outside.sum()))
        spread /= CUT
    return (spread * values).astype("float32")
