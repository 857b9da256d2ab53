"""MobileNetV2: Inverted Residuals and Linear Bottlenecks.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen, 2018.
Table 2, https://arxiv.org/abs/1801.04381

The same function as keras.applications.MobileNetV2, with the same order of weights.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import PADDINGS, Tensor, activation, check_choice, conv_norm, divisible, global_mean, norm, padded, scaled

STEM = 32  # filters of the first, full convolution, 3x3 with stride 2

# Table 2, a line each: (expansion t, filters c, repeats n, stride s of the first repeat).
BODY = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

LAST = 1280  # filters of the 1x1 convolution before the mean


def inverted_residual(x: Tensor, expansion: int, filters: int, stride: int, *, name: str, padding: str) -> Tensor:
    """Expand by 1x1, filter by depthwise 3x3, project by 1x1 without activation; a shortcut where shapes agree.

    [N, H, W, C] -> [N, H/stride, W/stride, filters]. An expansion of 1 needs no convolution.
    """
    channels, start = x.shape[-1], x
    if expansion > 1:
        x = conv_norm(x, expansion * channels, 1, name=f"{name}_expand", act="relu6")
    x, padding = padded(x, 3, stride, padding, f"{name}_depthwise")
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{name}_depthwise")(x)
    x = activation(norm(x, f"{name}_depthwise_bn"), "relu6", f"{name}_depthwise_relu6")
    x = conv_norm(x, filters, 1, name=f"{name}_project", act="")
    return layers.Add(name=f"{name}_add")([start, x]) if stride == 1 and channels == filters else x


def network(x: Tensor, *, classes: int, width: float, dropout: float, padding: str) -> Tensor:
    """MobileNet v2.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        width: the paper's width multiplier, on the filters of every layer; below 1 not on those of the last convolution.
        dropout: share of the pooled features dropped in training.
        padding: of layers with stride 2, "same" or "symmetric".

    Returns:
        Logits [N, classes].
    """
    check_choice("padding", padding, PADDINGS)
    scaled(STEM, width)  # refuses a width that leaves nothing; the filters are multiples of 8
    x = conv_norm(x, divisible(STEM * width), 3, 2, name="conv1", act="relu6", padding=padding)
    index = 0
    for expansion, filters, repeats, first in BODY:
        for repeat in range(repeats):
            stride = first if repeat == 0 else 1
            x = inverted_residual(x, expansion, divisible(int(filters * width)), stride, name=f"block{index}", padding=padding)
            index += 1
    x = conv_norm(x, divisible(LAST * max(width, 1.0)), 1, name="conv_last", act="relu6")
    return global_mean(x, classes, dropout)
