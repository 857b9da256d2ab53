"""Searching for MobileNetV3.

Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, Yukun Zhu, Ruoming Pang, Vijay Vasudevan,
Quoc V. Le, Hartwig Adam, 2019. Tables 1 and 2, https://arxiv.org/abs/1905.02244; the minimalistic ones from the authors' code,
https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet

The same function as keras.applications.MobileNetV3Large and MobileNetV3Small without their preprocessing layer, with the same order of weights.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import (
    PADDINGS,
    Tensor,
    activation,
    check_choice,
    check_dropout,
    conv,
    conv_norm,
    divisible,
    norm,
    padded,
    scaled,
    squeeze_excite,
)

STEM = 16  # filters of the first, full convolution, 3x3 with stride 2
SQUEEZE = 4  # squeeze-excite has a quarter of the expanded channels

# Tables 1 and 2, a line each: (kernel, expanded channels, filters, squeeze-excite, activation RE or HS, stride).
# The first line has no expanding convolution.
SIZES = {
    "large": (
        (3, 16, 16, False, "RE", 1),
        (3, 64, 24, False, "RE", 2),
        (3, 72, 24, False, "RE", 1),
        (5, 72, 40, True, "RE", 2),
        (5, 120, 40, True, "RE", 1),
        (5, 120, 40, True, "RE", 1),
        (3, 240, 80, False, "HS", 2),
        (3, 200, 80, False, "HS", 1),
        (3, 184, 80, False, "HS", 1),
        (3, 184, 80, False, "HS", 1),
        (3, 480, 112, True, "HS", 1),
        (3, 672, 112, True, "HS", 1),
        (5, 672, 160, True, "HS", 2),
        (5, 960, 160, True, "HS", 1),
        (5, 960, 160, True, "HS", 1),
    ),
    "small": (
        (3, 16, 16, True, "RE", 2),
        (3, 72, 24, False, "RE", 2),
        (3, 88, 24, False, "RE", 1),
        (5, 96, 40, True, "HS", 2),
        (5, 240, 40, True, "HS", 1),
        (5, 240, 40, True, "HS", 1),
        (5, 120, 48, True, "HS", 1),
        (5, 144, 48, True, "HS", 1),
        (5, 288, 96, True, "HS", 2),
        (5, 576, 96, True, "HS", 1),
        (5, 576, 96, True, "HS", 1),
    ),
}

LAST = {"large": 1280, "small": 1024}  # filters of the 1x1 convolution after the mean
WIDER = 6  # the 1x1 convolution before the mean has six times the filters of the line before it

# TFLite has hard swish as an operator of its own and folds all of the hard sigmoid but one product, from Keras' activations as from x * relu6(x + 3) / 6.
ACTIVATIONS = {"RE": "relu", "HS": "hard_silu"}


def bottleneck(x: Tensor, expanded: int, filters: int, kernel: int, stride: int, act: str, *, name: str, squeeze: bool, padding: str) -> Tensor:
    """Expand by 1x1, filter by depthwise `kernel`, weigh channels if `squeeze`, project by 1x1 without activation; a shortcut where shapes agree.

    [N, H, W, C] -> [N, H/stride, W/stride, filters]. `expanded` 0 stands for no expanding convolution.
    """
    channels, start = x.shape[-1], x
    if expanded:
        x = conv_norm(x, expanded, 1, name=f"{name}_expand", act=act)
    x, padding = padded(x, kernel, stride, padding, f"{name}_depthwise")
    x = layers.DepthwiseConv2D(kernel, stride, padding, use_bias=False, name=f"{name}_depthwise")(x)
    x = activation(norm(x, f"{name}_depthwise_bn"), act, f"{name}_depthwise_{act}")
    if squeeze:
        x = squeeze_excite(x, divisible(x.shape[-1] / SQUEEZE), name=f"{name}_se", gate="hard_sigmoid")
    x = conv_norm(x, filters, 1, name=f"{name}_project", act="")
    return layers.Add(name=f"{name}_add")([start, x]) if stride == 1 and channels == filters else x


def body(x: Tensor, size: str, *, width: float, minimalistic: bool, padding: str) -> Tensor:
    """The lines of Table 1 or 2: [N, H, W, C] -> [N, H/16, W/16, filters of the last line]."""
    before = STEM
    for index, (kernel, expanded, filters, squeeze, act, stride) in enumerate(SIZES[size]):
        # Under a width the expansion's ratio is kept, to the inputs as they were rounded.
        wide = divisible(x.shape[-1] * (expanded / before)) if index else 0
        kernel, act, squeeze = (3, "RE", False) if minimalistic else (kernel, act, squeeze)
        out = divisible(filters * width)
        x = bottleneck(x, wide, out, kernel, stride, ACTIVATIONS[act], name=f"block{index}", squeeze=squeeze, padding=padding)
        before = filters
    return x


def network(x: Tensor, *, classes: int, size: str, minimalistic: bool, width: float, dropout: float, padding: str) -> Tensor:
    """MobileNet v3.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        size: "large" or "small".
        minimalistic: ReLU and 3x3 everywhere and no squeeze-excite, for hardware that is slow at these.
        width: multiplier on the filters of every layer but the first; below 1 not on those of the convolution after the mean.
        dropout: share of that convolution's outputs dropped in training.
        padding: of layers with stride 2, "same" or "symmetric".

    Returns:
        Logits [N, classes].
    """
    check_choice("MobileNet v3 size", size, tuple(SIZES))
    check_choice("padding", padding, PADDINGS)
    check_dropout(dropout)
    scaled(STEM, width)  # refuses a width that leaves nothing; the filters are multiples of 8
    act = ACTIVATIONS["RE" if minimalistic else "HS"]
    x = conv_norm(x, STEM, 3, 2, name="conv1", act=act, padding=padding)
    x = body(x, size, width=width, minimalistic=minimalistic, padding=padding)
    x = conv_norm(x, divisible(WIDER * x.shape[-1]), 1, name="conv_last", act=act)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    # Without batch norm, as Table 1 says; the classifier is a 1x1 convolution, too.
    x = activation(conv(x, last_filters(size, width), 1, name="conv_pooled", bias=True), act, f"conv_pooled_{act}")
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes, 1, name="conv_preds")(x)
    return layers.Reshape((classes,), name="logits")(x)


def last_filters(size: str, width: float) -> int:
    """Filters of the convolution after the mean."""
    return divisible(LAST[size] * max(width, 1.0))
