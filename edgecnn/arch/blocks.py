"""Blocks that several families share: tensor in, tensor out, layer names derived from `name`."""

from __future__ import annotations

from typing import Any

from keras import layers

from edgecnn.errors import BadSetting

Tensor = Any  # a KerasTensor, which Keras does not export as a type


def scaled(filters: int, width: float) -> int:
    """Channels of a layer under the width multiplier, rounded down as Keras does.

    Raises:
        BadSetting: nothing would be left of the layer.
    """
    channels = int(filters * width)
    if channels < 1:
        raise BadSetting(f"width {width} leaves {filters} filters none: expected more, such as 0.25")
    return channels


def check_dropout(rate: float) -> None:
    """Refuse a dropout rate outside [0, 1)."""
    if not 0 <= rate < 1:
        raise BadSetting(f"dropout {rate}: expected a share from 0 to below 1")


def bn_relu6(x: Tensor, name: str) -> Tensor:
    """Batch norm and min(max(x, 0), 6): [N, H, W, C] -> the same shape."""
    # Keras' momentum of 0.99 needs hundreds of steps to forget the first ones: small data sets have 40 an epoch.
    x = layers.BatchNormalization(momentum=0.95, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def pad_after(x: Tensor, stride: int, name: str) -> tuple[Tensor, str]:
    """Get `x` ready for a 3x3 convolution that pads after the picture (below and right) only.

    Returns:
        The tensor and the `padding` to give to the convolution. With stride 2 "same" pads after only at even sizes, which
        costs no layer; at odd sizes it pads both sides, so there the padding is a layer of its own.
    """
    height, width = x.shape[1:3]
    if stride == 1 or (height % 2 == 0 and width % 2 == 0) or min(height, width) == 1:
        return x, "same"
    return layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x), "valid"


def probabilities(x: Tensor) -> Tensor:
    """Softmax of the logits [N, classes] in float32, also where the rest computes in less."""
    return layers.Softmax(name="probabilities", dtype="float32")(x)
