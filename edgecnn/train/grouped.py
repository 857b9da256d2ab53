"""Grouped convolutions that train fast on a processor, where XLA, which TensorFlow's need there, takes a hundred times as long for their gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

Tensor = Any

# Channels of one dense convolution: enough to fill a matrix product, few enough that the zeros outside the groups stay cheap.
CHUNK = 64


class BlockDiagonal(layers.Conv2D):
    """A grouped convolution as dense ones over a few groups each, with zeros between the groups: the same function and the same weights."""

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


def has_groups(net: keras.Model) -> bool:
    """Whether a layer of `net` is a grouped convolution."""
    return any(_is_grouped(layer) for layer in net.layers)


def for_processor(net: keras.Model) -> keras.Model:
    """A copy of `net` with the same weights in the same order, whose grouped convolutions are `BlockDiagonal`. `net` itself stays as it is."""

    def copied(layer: keras.Layer) -> keras.Layer:
        kind = BlockDiagonal if _is_grouped(layer) else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(net, clone_function=copied)
    copy.set_weights(net.get_weights())
    return copy


def _is_grouped(layer: keras.Layer) -> bool:
    return type(layer) is layers.Conv2D and layer.groups > 1
