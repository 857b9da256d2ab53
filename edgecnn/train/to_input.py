"""The preprocessing of a card on the device."""

from __future__ import annotations

from typing import Any

from keras import ops

from edgecnn.card import Preprocessing

Tensor = Any

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in the runners


def to_input(pictures: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Pixels [N, H, W, 3] RGB in 0..255, float32 -> network input [N, H, W, channels], float32: channels in order, minus the mean, over std."""
    if preprocessing.order == "bgr":
        pictures = ops.flip(pictures, axis=-1)
    elif preprocessing.order == "grey":
        # Rounded, because the runners and every app compute luma as a byte.
        pictures = ops.floor(ops.sum(pictures * ops.convert_to_tensor(LUMA, "float32"), axis=-1, keepdims=True) + 0.5)
    elif preprocessing.order == "rgba":
        pictures = ops.concatenate([pictures, ops.full_like(pictures[..., :1], 255.0)], axis=-1)
    mean, std = (ops.convert_to_tensor(values, "float32") for values in (preprocessing.mean, preprocessing.std))
    return (pictures - mean) / std


def from_input(inputs: Tensor, preprocessing: Preprocessing) -> Tensor:
    """The way back, for networks that want the same pictures with another preprocessing: [N, H, W, channels] -> pixels [N, H, W, 3] RGB in 0..255."""
    mean, std = (ops.convert_to_tensor(values, "float32") for values in (preprocessing.mean, preprocessing.std))
    pictures = ops.cast(inputs, "float32") * std + mean
    if preprocessing.order == "bgr":
        return ops.flip(pictures, axis=-1)
    return ops.repeat(pictures, 3, axis=-1) if preprocessing.order == "grey" else pictures
