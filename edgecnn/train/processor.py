"""Convolutions that a processor trains fast. Same function, same weights: what is trained with them is saved with Keras' own.

XLA, which JAX always and TensorFlow for grouped convolutions needs, has slow gradients for convolutions of few channels a group on a processor: a hundred
times slower for grouped ones, three times for depthwise ones. TensorFlow's own depthwise convolution is fast, so that it stays there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

Tensor = Any

# Channels of one dense convolution: enough to fill a matrix product, few enough that the zeros outside the groups stay cheap.
CHUNK = 64

# Largest kernel whose taps are worth an operation each: 7x7.
MOST_TAPS = 49


def wanted(net: keras.Model) -> bool:
    """Whether `for_processor` would replace a layer of `net` on this backend. Ask only where the device is a processor: an accelerator is slower so."""
    return any(_faster(layer) for layer in net.layers)


def for_processor(net: keras.Model) -> keras.Model:
    """A copy of `net` with the same weights in the same order, whose slow convolutions are replaced. `net` itself stays as it is."""

    def copied(layer: keras.Layer) -> keras.Layer:
        return (_faster(layer) or type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(net, clone_function=copied)
    copy.set_weights(net.get_weights())
    return copy


def _faster(layer: keras.Layer) -> type[keras.Layer] | None:
    """The kind of layer that takes the place of `layer`; None where it stays."""
    if type(layer) is layers.Conv2D and layer.groups > 1:
        return BlockDiagonal
    kind = {layers.DepthwiseConv2D: Shifted, layers.SeparableConv2D: ShiftedSeparable}.get(type(layer))
    if kind is None or keras.backend.backend() != "jax":
        return None
    fits = layer.depth_multiplier == 1 and layer.data_format == "channels_last" and math.prod(layer.kernel_size) <= MOST_TAPS
    return kind if fits else None


class BlockDiagonal(layers.Conv2D):
    """A grouped convolution as dense ones over a few groups each, with zeros between the groups."""

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """[N, H, W, C] and [h, w, C / groups, filters] -> [N, H', W', filters]."""
        inside, outside = kernel.shape[-2], kernel.shape[-1] // self.groups
        together = _groups_together(self.groups, max(inside, outside))
        mask = ops.convert_to_tensor(np.kron(np.eye(together), np.ones((inside, outside))), kernel.dtype)
        made = []
        for start in range(0, self.groups, together):
            part = kernel[..., start * outside : (start + together) * outside]
            dense = ops.tile(part, (1, 1, together, 1)) * mask
            channels = inputs[..., start * inside : (start + together) * inside]
            made.append(ops.conv(channels, dense, strides=list(self.strides), padding=self.padding, dilation_rate=self.dilation_rate))
        return ops.concatenate(made, axis=-1) if len(made) > 1 else made[0]


def _groups_together(groups: int, width: int) -> int:
    """How many groups of `width` channels one dense convolution takes: the most that divides `groups` and stays within CHUNK channels."""
    return max(count for count in range(1, groups + 1) if groups % count == 0 and (count == 1 or count * width <= CHUNK))


class Shifted(layers.DepthwiseConv2D):
    """A depthwise convolution as a sum over the taps of its kernel: the picture, shifted, times the tap."""

    def call(self, inputs: Tensor) -> Tensor:
        """[N, H, W, C] -> [N, H', W', C]."""
        if None in inputs.shape[1:3]:
            return super().call(inputs)
        return _finished(self, depthwise(inputs, self.kernel, self.strides, self.padding, self.dilation_rate))


class ShiftedSeparable(layers.SeparableConv2D):
    """A separable convolution whose depthwise part is computed as `Shifted` does."""

    def call(self, inputs: Tensor) -> Tensor:
        """[N, H, W, C] -> [N, H', W', filters]."""
        if None in inputs.shape[1:3]:
            return super().call(inputs)
        x = depthwise(inputs, self.depthwise_kernel, self.strides, self.padding, self.dilation_rate)
        return _finished(self, ops.conv(x, self.pointwise_kernel))


def depthwise(x: Tensor, kernel: Tensor, strides: Sequence[int], padding: str, dilation: Sequence[int]) -> Tensor:
    """Depthwise convolution as a sum of products, in float32 or better: [N, H, W, C] and [h, w, C, 1] -> [N, H', W', C] of the dtype of `x`.

    Args:
        x: of known height and width.
        kernel: one filter a channel.
        strides, dilation: of both sides.
        padding: `same` or `valid`, as Keras means it: of an odd number of zeros, one more stands behind.
    """
    wide = keras.backend.result_type(x.dtype, "float32")
    reach = [(size - 1) * step + 1 for size, step in zip(kernel.shape[:2], dilation, strict=True)]
    if padding == "same":
        x = ops.pad(x, [(0, 0), *(_zeros(*side) for side in zip(x.shape[1:3], reach, strides, strict=True)), (0, 0)])
    ends = [(size - need) // stride * stride + 1 for size, need, stride in zip(x.shape[1:3], reach, strides, strict=True)]
    taps, total = ops.cast(kernel[..., 0], wide), None
    for row, column in np.ndindex(*kernel.shape[:2]):
        top, left = row * dilation[0], column * dilation[1]
        shifted = x[:, top : top + ends[0] : strides[0], left : left + ends[1] : strides[1], :]
        product = ops.cast(shifted, wide) * taps[row, column]
        total = product if total is None else total + product
    return ops.cast(total, x.dtype)


def _zeros(size: int, reach: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind a side of `size` pixels that `same` padding adds for a kernel that reaches over `reach`."""
    missing = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
    return missing // 2, missing - missing // 2


def _finished(layer: layers.DepthwiseConv2D | layers.SeparableConv2D, x: Tensor) -> Tensor:
    """Bias and activation of the layer."""
    if layer.use_bias:
        x = x + layer.bias
    return x if layer.activation is None else layer.activation(x)
