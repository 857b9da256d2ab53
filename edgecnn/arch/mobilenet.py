"""MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications.

Andrew G. Howard, Menglong Zhu, Bo Chen, Dmitry Kalenichenko, Weijun Wang, Tobias Weyand, Marco Andreetto, Hartwig Adam, 2017.
Table 1, https://arxiv.org/abs/1704.04861

The same function as keras.applications.MobileNet, with the same order of weights and names of layers.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import Tensor, bn_relu6, check_dropout, pad_after, scaled

STEM = 32  # filters of the first, full convolution, 3x3 with stride 2

# Table 1, a depthwise convolution and the 1x1 convolution after it on each line: (stride of the former, filters of the latter).
BODY = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (2, 1024),
    (1, 1024),  # Table 1 prints stride 2 here, but keeps 7x7 pixels: a misprint, stride 1 in the authors' code too
)


def separable(x: Tensor, stride: int, filters: int, *, index: int, bias: bool) -> Tensor:
    """Depthwise 3x3 and pointwise 1x1 convolution, each with batch norm and ReLU6: [N, H, W, C] -> [N, H/stride, W/stride, filters]."""
    x, padding = pad_after(x, stride, f"conv_dw_{index}")
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=bias, name=f"conv_dw_{index}")(x)
    x = bn_relu6(x, f"conv_dw_{index}")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=bias, name=f"conv_pw_{index}")(x)
    return bn_relu6(x, f"conv_pw_{index}")


def network(x: Tensor, *, classes: int, width: float, dropout: float, bias: bool) -> Tensor:
    """MobileNet v1.

    Args:
        x: [N, height, width, 3]; the paper's resolution multiplier is another height and width.
        classes: outputs.
        width: the paper's width multiplier alpha, on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training.
        bias: give every convolution a bias although batch norm has one, as some tutorials do: 10,944 idle parameters at width 1.

    Returns:
        Logits [N, classes].
    """
    check_dropout(dropout)
    x = layers.Conv2D(scaled(STEM, width), 3, 2, "same", use_bias=bias, name="conv1")(x)
    x = bn_relu6(x, "conv1")
    for index, (stride, filters) in enumerate(BODY, start=1):
        x = separable(x, stride, scaled(filters, width), index=index, bias=bias)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    # Departure: a 1x1 convolution where the paper has a fully connected layer, as in Keras; the same numbers in another shape.
    x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
    return layers.Reshape((classes,), name="logits")(x)
