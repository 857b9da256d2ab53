"""A builder of small networks for CIFAR in the manner of VGG: a tail, levels of equal blocks with maps halved between them, and a head.

Own design, in the shape of teaching notebooks that put one block after another into the same frame. The blocks are those of VGG (Karen Simonyan, Andrew
Zisserman, 2014, https://arxiv.org/abs/1409.1556), ResNet (Kaiming He et al., 2015, https://arxiv.org/abs/1512.03385) and ResNeXt (Saining Xie et al., 2016,
https://arxiv.org/abs/1611.05431).
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, activation, check_choice, global_mean
from edgecnn.arch.residual import Sizes, Style, multiple
from edgecnn.errors import BadSetting

FILTERS = 40  # of the first level, doubled in every next one
HIDDEN = 128  # of the dense head

TAILS = {"conv": 1, "double": 2}  # 3x3 convolutions before the first level
BLOCKS = ("plain", "residual", "bottleneck", "resnext")
HEADS = ("mean", "dense")


def network(
    x: Tensor,
    *,
    classes: int,
    tail: str,
    block: str,
    head: str,
    levels: int,
    downsamples: int,
    repeats: int,
    cardinality: int,
    width: float,
    dropout: float,
    norm: str,
) -> Tensor:
    """A network of `levels` levels with `repeats` blocks each.

    Args:
        x: [N, height, width, 3]; 32 pixels in CIFAR.
        classes: outputs.
        tail: a key of TAILS.
        block: one of BLOCKS: two 3x3 convolutions, the same beside a shortcut, ResNet's bottleneck, or ResNeXt's with groups.
        head: the mean over pixels, or that and a hidden dense layer.
        levels: how often blocks of more filters begin.
        downsamples: after how many of the levels, from the first one on, a 2x2 pool halves the map.
        repeats: blocks of each level.
        cardinality: groups of the block "resnext".
        width: multiplier on the filters of every layer but the last, rounded so that groups divide them.
        dropout: share of the features dropped in training before the last layer.
        norm: batch norm "before" or "after" each activation inside the blocks.

    Returns:
        Logits [N, classes].
    """
    _check(tail, block, head, levels, downsamples, repeats, cardinality)
    groups = cardinality if block == "resnext" else 1
    style = Style(groups=groups, shortcut="none" if block == "plain" else "projection", norm=norm)
    filters = [multiple(FILTERS * 2**level, width, groups) for level in range(levels)]
    for index in range(TAILS[tail]):
        x = residual.unit(x, filters[0], 3, style=style, name=f"tail_conv{index + 1}")
    for level, count in enumerate(filters, start=1):
        for index in range(1, repeats + 1):
            x = residual.block(x, _sizes(block, count), style=style, name=f"level{level}_block{index}")
        if level <= downsamples:
            x = layers.MaxPooling2D(2, padding="same", name=f"level{level}_pool")(x)
    return _head(x, head, classes, multiple(HIDDEN, width), dropout)


def _check(tail: str, block: str, head: str, levels: int, downsamples: int, repeats: int, cardinality: int) -> None:
    check_choice("tail", tail, tuple(TAILS))
    check_choice("block", block, BLOCKS)
    check_choice("head", head, HEADS)
    for what, value in (("levels", levels), ("repeats", repeats)):
        if not 1 <= value <= 8:
            raise BadSetting(f"{what} {value}: expected 1 to 8")
    if not 0 <= downsamples <= levels:
        raise BadSetting(f"downsamples {downsamples}: expected 0 to {levels}, one after each level at most")
    if cardinality < 1:
        raise BadSetting(f"cardinality {cardinality}: expected 1 or more")


def _sizes(block: str, filters: int) -> Sizes:
    """Convolutions of one block: (filters, kernel) of each."""
    if block in ("plain", "residual"):
        return ((filters, 3), (filters, 3))
    inner = filters if block == "resnext" else max(filters // 4, 1)
    return ((inner, 1), (inner, 3), (filters, 1))


def _head(x: Tensor, head: str, classes: int, hidden: int, dropout: float) -> Tensor:
    """[N, H, W, C] -> logits [N, classes]."""
    if head == "dense":
        # The hidden layer as a 1x1 convolution of the mean: the same numbers, and `global_mean` can follow.
        x = layers.GlobalAveragePooling2D(keepdims=True, name="head_pool")(x)
        x = layers.Conv2D(hidden, 1, kernel_initializer="he_normal", name="head_hidden")(x)
        x = activation(x, "relu", "head_relu")
    return global_mean(x, classes, dropout)
