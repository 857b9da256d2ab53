"""Xception: Deep Learning with Depthwise Separable Convolutions.

Francois Chollet, 2017. Figure 5, https://arxiv.org/abs/1610.02357

The same function as keras.applications.Xception, with the same order of weights. Nothing here pads before a convolution with a stride:
those of the stem are "valid", those of the shortcuts are 1x1.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from edgecnn.arch.blocks import Tensor, activation, check_choice, conv, conv_norm, global_mean, norm, scaled

STEM = (32, 64)  # filters of two 3x3 convolutions, the first with stride 2
ENTRY = (128, 256, 728)  # of two separable convolutions and the 1x1 shortcut of each block, which halves the map
MIDDLE, REPEATS = 728, 8  # of three separable convolutions, with a plain shortcut
EXIT = (728, 1024)  # of the separable convolutions of the last block that halves the map
LAST = 2048  # of the last of two separable convolutions without a shortcut

# Where the ReLUs stand: before each separable convolution of a block (Figure 5), or after, as the handbook has it.
RELUS = ("before", "after")


def separable(x: Tensor, filters: int, *, name: str, relu: str, bias: bool) -> Tensor:
    """Separable 3x3 convolution and batch norm, with a ReLU "before" or "after" both, or "" none: [N, H, W, C] -> [N, H, W, filters]."""
    x = activation(x, "relu" if relu == "before" else "", f"{name}_relu")
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=bias, name=name)(x)
    return activation(norm(x, f"{name}_bn"), "relu" if relu == "after" else "", f"{name}_relu")


def chain(x: Tensor, filters: Sequence[int], acts: Sequence[bool], *, name: str, relu: str, bias: bool) -> Tensor:
    """Separable convolutions one after the other, with a ReLU "before" or "after" each of those whose `acts` is true."""
    for index, (count, act) in enumerate(zip(filters, acts, strict=True), start=1):
        x = separable(x, count, name=f"{name}_sepconv{index}", relu=relu if act else "", bias=bias)
    return x


def halving(x: Tensor, filters: Sequence[int], acts: Sequence[bool], *, name: str, relu: str, bias: bool) -> Tensor:
    """Separable convolutions and a max pool, beside a 1x1 convolution with stride 2: [N, H, W, C] -> [N, H/2, W/2, last of filters]."""
    shortcut = norm(conv(x, filters[-1], 1, 2, name=f"{name}_shortcut", bias=bias), f"{name}_shortcut_bn")
    x = chain(x, filters, acts, name=name, relu=relu, bias=bias)
    x = layers.MaxPooling2D(3, 2, "same", name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])


def network(x: Tensor, *, classes: int, width: float, dropout: float, bias: bool, relu: str, last: int) -> Tensor:
    """Xception.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        width: multiplier on the filters of every layer but the classifier.
        dropout: share of the pooled features dropped in training.
        bias: give every convolution a bias although batch norm has one.
        relu: "before" each separable convolution of the blocks, but for that right behind the stem, or "after", but for the first of the exit flow.
        last: filters of the last separable convolution but one: 1536, and 1556 in the handbook.

    Returns:
        Logits [N, classes].
    """
    check_choice("relu", relu, RELUS)
    for index, filters in enumerate(STEM, start=1):
        x = conv_norm(x, scaled(filters, width), 3, 2 if index == 1 else 1, name=f"block1_conv{index}", padding="valid", bias=bias)
    block = 2
    for filters in ENTRY:
        first = relu == "after" or block > 2  # what leaves the stem has had its ReLU
        x = halving(x, [scaled(filters, width)] * 2, (first, True), name=f"block{block}", relu=relu, bias=bias)
        block += 1
    for _ in range(REPEATS):
        rest = chain(x, [scaled(MIDDLE, width)] * 3, (True,) * 3, name=f"block{block}", relu=relu, bias=bias)
        x = layers.Add(name=f"block{block}_add")([rest, x])
        block += 1
    x = halving(x, [scaled(filters, width) for filters in EXIT], (relu == "before", True), name=f"block{block}", relu=relu, bias=bias)
    x = chain(x, (scaled(last, width), scaled(LAST, width)), (True, True), name=f"block{block + 1}", relu="after", bias=bias)
    return global_mean(x, classes, dropout)
