"""MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications.

Andrew G. Howard, Menglong Zhu, Bo Chen, Dmitry Kalenichenko, Weijun Wang, Tobias Weyand, Marco Andreetto, Hartwig Adam, 2017.
Table 1, https://arxiv.org/abs/1704.04861

The same function as keras.applications.MobileNet, with the same order of weights and names of layers.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import PADDINGS, Tensor, activation, check_choice, check_dropout, norm, pad_after, padded, scaled

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

ACTIVATIONS = ("relu6", "relu")  # the paper says ReLU; its authors' code has ReLU6, and so have all weights


def norm_act(x: Tensor, act: str, name: str) -> Tensor:
    """Batch norm and activation, as layers NAME_bn and NAME_relu: [N, H, W, C] -> the same shape."""
    return activation(norm(x, f"{name}_bn"), act, f"{name}_relu")


def separable(x: Tensor, stride: int, filters: int, *, index: int, bias: bool, act: str, padding: str) -> Tensor:
    """Depthwise 3x3 and pointwise 1x1 convolution, each with batch norm and activation: [N, H, W, C] -> [N, H/stride, W/stride, filters]."""
    name = f"conv_dw_{index}"
    # Keras pads after the picture at odd sizes, too, where TensorFlow's own "same" pads both sides.
    x, padding = pad_after(x, stride, name) if padding == "same" else padded(x, 3, stride, padding, name)
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=bias, name=name)(x)
    x = norm_act(x, act, name)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=bias, name=f"conv_pw_{index}")(x)
    return norm_act(x, act, f"conv_pw_{index}")


def network(x: Tensor, *, classes: int, width: float, dropout: float, bias: bool, act: str, padding: str) -> Tensor:
    """MobileNet v1.

    Args:
        x: [N, height, width, 3]; the paper's resolution multiplier is another height and width.
        classes: outputs.
        width: the paper's width multiplier alpha, on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training.
        bias: give every convolution a bias although batch norm has one, as some tutorials do: 10,944 idle parameters at width 1.
        act: "relu6", or "relu" as in those tutorials.
        padding: of layers with stride 2, "same" or "symmetric".

    Returns:
        Logits [N, classes].
    """
    check_dropout(dropout)
    check_choice("activation", act, ACTIVATIONS)
    check_choice("padding", padding, PADDINGS)
    x, stem_padding = padded(x, 3, 2, padding, "conv1")
    x = layers.Conv2D(scaled(STEM, width), 3, 2, stem_padding, use_bias=bias, name="conv1")(x)
    x = norm_act(x, act, "conv1")
    for index, (stride, filters) in enumerate(BODY, start=1):
        x = separable(x, stride, scaled(filters, width), index=index, bias=bias, act=act, padding=padding)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    # Departure: a 1x1 convolution where the paper has a fully connected layer, as in Keras; the same numbers in another shape.
    x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
    return layers.Reshape((classes,), name="logits")(x)
