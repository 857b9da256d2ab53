"""Blocks that several families share: tensor in, tensor out, layer names derived from `name`."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from edgecnn.errors import BadSetting

Tensor = Any  # a KerasTensor, which Keras does not export as a type

# Keras' momentum of 0.99 needs hundreds of steps to forget the first ones: small data sets have 40 an epoch.
MOMENTUM = 0.95

# How a convolution with a stride pads. TensorFlow's "same" at even sizes adds its pixel after the picture only, which costs no layer and is what Keras'
# own weights want. "symmetric" adds the same on every side, as PyTorch does and as the sparse kernels of XNNPACK ask for; in TFLite it is a PAD
# operator before the convolution. Weights trained with one give slightly wrong answers with the other, and no error.
PADDINGS = ("same", "symmetric")

# Where a batch norm stands: before the activation, as its paper has it, or after.
NORMS = ("before", "after")


def picture(input_shape: tuple[int, int, int], pad: int = 0) -> tuple[Tensor, Tensor]:
    """The input `image` and, where `pad` pixels are more than its sides, the same in a frame of zeros: mid-grey under the default preprocessing.

    Raises:
        BadSetting: a frame smaller than the picture.
    """
    image = keras.Input(input_shape, name="image")
    height, width = input_shape[:2]
    if not pad:
        return image, image
    if pad < max(height, width):
        raise BadSetting(f"pad_input {pad}: expected {max(height, width)} or more for pictures of {height}x{width}")
    rows, columns = pad - height, pad - width
    frame = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    return image, layers.ZeroPadding2D(frame, name="pad_input")(image)


def classifier(name: str, image: Tensor, logits: Tensor) -> keras.Model:
    """The model from `image` to `probabilities`, a softmax of the logits in float32, also where the rest computes in less."""
    return keras.Model(image, layers.Softmax(name="probabilities", dtype="float32")(logits), name=name)


def scaled(filters: int, width: float) -> int:
    """Channels of a layer under the width multiplier, rounded down as Keras does.

    Raises:
        BadSetting: nothing would be left of the layer.
    """
    channels = int(filters * width)
    if channels < 1:
        raise BadSetting(f"width {width} leaves {filters} filters none: expected more, such as 0.25")
    return channels


def divisible(channels: float, by: int = 8) -> int:
    """`channels` at the nearest multiple of `by`, at least one, and at most a tenth below: how MobileNet v2 and later round under a width multiplier."""
    near = max(by, int(channels + by / 2) // by * by)
    return near + by if near < 0.9 * channels else near


def check_dropout(rate: float) -> None:
    """Refuse a dropout rate outside [0, 1)."""
    if not 0 <= rate < 1:
        raise BadSetting(f"dropout {rate}: expected a share from 0 to below 1")


def check_choice(what: str, value: object, known: tuple[object, ...]) -> None:
    """Refuse a value that is not one of `known`."""
    if value not in known:
        raise BadSetting(f"{what} '{value}': expected one of {', '.join(map(str, known))}")


def activation(x: Tensor, kind: str, name: str) -> Tensor:
    """`relu`, `relu6`, or any activation that Keras knows by name; "" changes nothing."""
    if not kind:
        return x
    if kind in ("relu", "relu6"):
        return layers.ReLU(6.0 if kind == "relu6" else None, name=name)(x)
    return layers.Activation(kind, name=name)(x)


def conv(
    x: Tensor,
    filters: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    *,
    name: str,
    padding: str = "same",
    groups: int = 1,
    bias: bool = False,
) -> Tensor:
    """Convolution alone, He's initial weights: [N, H, W, C] -> [N, H/stride, W/stride, filters].

    `padding` is Keras' "same" or "valid", or "symmetric": (kernel - 1) / 2 pixels on every side, by a layer of its own where the stride makes a difference.
    """
    x, padding = padded(x, kernel, stride, padding, name)
    return layers.Conv2D(filters, kernel, stride, padding, groups=groups, use_bias=bias, kernel_initializer="he_normal", name=name)(x)


def padded(x: Tensor, kernel: int | tuple[int, int], stride: int, padding: str, name: str) -> tuple[Tensor, str]:
    """`x` ready for a layer of that kernel and stride, and the `padding` to give to that layer: resolves "symmetric", hands on the others."""
    if padding != "symmetric":
        return x, padding
    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
    if stride == 1 or (high, wide) == (1, 1):
        return x, "same"
    rows, columns = (high - 1) // 2, (wide - 1) // 2
    return layers.ZeroPadding2D(((rows, rows), (columns, columns)), name=f"{name}_pad")(x), "valid"


def norm(x: Tensor, name: str, *, epsilon: float = 1e-3, scale: bool = True) -> Tensor:
    """Batch norm over channels; `scale=False` leaves out gamma."""
    return layers.BatchNormalization(momentum=MOMENTUM, epsilon=epsilon, scale=scale, name=name)(x)


def conv_norm(
    x: Tensor,
    filters: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    *,
    name: str,
    act: str = "relu",
    padding: str = "same",
    groups: int = 1,
    bias: bool = False,
    epsilon: float = 1e-3,
    scale: bool = True,
    order: str = "before",
) -> Tensor:
    """Convolution, batch norm and activation, as layers NAME, NAME_bn and NAME_ACT: [N, H, W, C] -> [N, H/stride, W/stride, filters].

    `order` says where the batch norm stands, "before" or "after" the activation.
    """
    x = conv(x, filters, kernel, stride, name=name, padding=padding, groups=groups, bias=bias)
    if order == "after":
        return norm(activation(x, act, f"{name}_{act}"), f"{name}_bn", epsilon=epsilon, scale=scale)
    return activation(norm(x, f"{name}_bn", epsilon=epsilon, scale=scale), act, f"{name}_{act}")


def squeeze_excite(x: Tensor, squeezed: int, *, name: str, gate: str = "sigmoid") -> Tensor:
    """Weigh channels by what their means say: [N, H, W, C] -> the same shape (Hu et al., 2018, https://arxiv.org/abs/1709.01507).

    Mean over pixels, 1x1 convolutions to `squeezed` channels with ReLU and back to C with `gate`, and a product with `x`. Convolutions rather than
    dense layers, so that nothing needs reshaping; both have biases.
    """
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    weights = conv(weights, squeezed, 1, name=f"{name}_reduce", bias=True)
    weights = activation(weights, "relu", f"{name}_relu")
    weights = conv(weights, x.shape[-1], 1, name=f"{name}_expand", bias=True)
    weights = activation(weights, gate, f"{name}_gate")
    return layers.Multiply(name=f"{name}_scale")([x, weights])


def global_mean(x: Tensor, classes: int, dropout: float, *, flat: str = "logits") -> Tensor:
    """Mean over pixels, dropout, and a dense layer called `flat`: [N, H, W, C] -> logits [N, classes]."""
    check_dropout(dropout)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name=flat)(x)


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
