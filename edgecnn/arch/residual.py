"""Residual blocks, shared by ResNet, ResNeXt and SENet: one block whose style says groups, squeeze-excite ratio, shortcut, padding and the rest.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, 2015, Deep residual learning for image recognition, section 3.3 and Table 1,
https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras import layers

from edgecnn.arch.blocks import NORMS, PADDINGS, Tensor, activation, check_choice, conv_norm, padded, scaled, squeeze_excite
from edgecnn.errors import BadSetting

# How a block's input gets past its convolutions where their output has another shape (section 3.3): "identity" is the paper's option A, every second pixel
# and zeros in the new channels; "projection" its option B, a convolution with batch norm; "none" leaves every shortcut out: the paper's plain nets.
SHORTCUTS = ("identity", "projection", "none")

# Which convolution of a bottleneck has its stride: the 3x3, as in torchvision and most of what came later, or the first 1x1, as in the paper and Keras.
STRIDES = ("3x3", "1x1")

# The convolutions of one block: (filters, kernel) of each.
Sizes = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Style:
    """What all blocks of one network have in common.

    Attributes:
        groups: of the 3x3 convolutions.
        ratio: a squeeze-excite unit at the end of each block, with this many times fewer channels inside; 0 for none.
        bias: give the convolutions biases although batch norms follow.
        stride_in: which convolution halves the map, one of STRIDES.
        shortcut: one of SHORTCUTS.
        shortcut_kernel: of a projection that halves the map; 1 otherwise.
        epsilon: of the batch norms.
        padding: one of `blocks.PADDINGS`.
        norm: batch norm "before" or "after" the activation.
    """

    groups: int = 1
    ratio: int = 0
    bias: bool = False
    stride_in: str = "3x3"
    shortcut: str = "projection"
    shortcut_kernel: int = 1
    epsilon: float = 1e-5
    padding: str = "symmetric"
    norm: str = "before"

    def __post_init__(self) -> None:
        check_choice("stride in", self.stride_in, STRIDES)
        check_choice("shortcut", self.shortcut, SHORTCUTS)
        check_choice("padding", self.padding, PADDINGS)
        check_choice("norm", self.norm, NORMS)
        for what, value, least in (("groups", self.groups, 1), ("squeeze-excite ratio", self.ratio, 0)):
            if value < least:
                raise BadSetting(f"{what} {value}: expected {least} or more")

    def strided(self, sizes: Sizes) -> int:
        """Which of a block's convolutions, counted from 0, has the block's stride."""
        if self.stride_in == "1x1":
            return 0
        return next(index for index, (_, kernel) in enumerate(sizes) if kernel > 1)


def multiple(filters: int, width: float, groups: int = 1) -> int:
    """Channels under the width multiplier, rounded down to what `groups` divides, and one a group at least; a width that leaves nothing raises BadSetting."""
    return max(scaled(filters, width) // groups, 1) * groups


def unit(x: Tensor, filters: int, kernel: int, stride: int = 1, *, style: Style, name: str, act: str = "relu", groups: int = 1) -> Tensor:
    """Convolution, batch norm and ReLU in the style given: [N, H, W, C] -> [N, H/stride, W/stride, filters]."""
    return conv_norm(
        x,
        filters,
        kernel,
        stride,
        name=name,
        act=act,
        padding=style.padding,
        groups=groups,
        bias=style.bias,
        epsilon=style.epsilon,
        order=style.norm,
    )


def max_pool(x: Tensor, *, padding: str, name: str) -> Tensor:
    """Maximum over 3x3 with stride 2, of values that are not negative: [N, H, W, C] -> [N, H/2, W/2, C]."""
    x, padding = padded(x, 3, 2, padding, name)
    return layers.MaxPooling2D(3, 2, padding, name=name)(x)


def stem(x: Tensor, filters: int, *, style: Style) -> Tensor:
    """The first layers for ImageNet, a 7x7 convolution and a pool with stride 2 each: [N, H, W, 3] -> [N, H/4, W/4, filters]."""
    x = unit(x, filters, 7, 2, style=style, name="conv1")
    return max_pool(x, padding=style.padding, name="pool1")


def block(x: Tensor, sizes: Sizes, stride: int = 1, *, style: Style, name: str) -> Tensor:
    """Convolutions of `sizes` beside a shortcut: [N, H, W, C] -> [N, H/stride, W/stride, filters of the last].

    Two of 3x3 are the basic block, 1x1, 3x3 and 1x1 the bottleneck; ReLU follows the sum, not the last convolution.
    """
    beside = _shortcut(x, sizes[-1][0], stride, style=style, name=f"{name}_shortcut")
    strided = style.strided(sizes)
    for index, (filters, kernel) in enumerate(sizes):
        act = "" if index == len(sizes) - 1 and beside is not None else "relu"
        groups = style.groups if kernel > 1 else 1
        x = unit(x, filters, kernel, stride if index == strided else 1, style=style, name=f"{name}_conv{index + 1}", act=act, groups=groups)
    if style.ratio:
        x = squeeze_excite(x, max(x.shape[-1] // style.ratio, 1), name=f"{name}_se")
    if beside is None:
        return x
    x = layers.Add(name=f"{name}_add")([beside, x])
    return activation(x, "relu", f"{name}_relu")


def body(x: Tensor, repeats: Sequence[int], sizes: Sequence[Sizes], *, style: Style) -> Tensor:
    """All stages, `repeats` blocks of `sizes` each; every stage but the first halves the map: [N, H, W, C] -> [N, H/2^(stages - 1), ..., filters]."""
    for stage, (count, size) in enumerate(zip(repeats, sizes, strict=True), start=1):
        for index in range(1, count + 1):
            stride = 2 if stage > 1 and index == 1 else 1
            x = block(x, size, stride, style=style, name=f"stage{stage}_block{index}")
    return x


def _shortcut(x: Tensor, filters: int, stride: int, *, style: Style, name: str) -> Tensor | None:
    """What is added to the block's output; None where nothing is."""
    if style.shortcut == "none":
        return None
    if stride == 1 and x.shape[-1] == filters:
        return x
    if style.shortcut == "projection":
        return unit(x, filters, style.shortcut_kernel if stride > 1 else 1, stride, style=style, name=name, act="")
    return _with_empty_channels(_every_second_pixel(x, stride, name), filters, name)


def _every_second_pixel(x: Tensor, stride: int, name: str) -> Tensor:
    """The pixels over which a symmetrically padded convolution of that stride is centred; a pool of size 1 takes them with no arithmetic."""
    return layers.MaxPooling2D(1, stride, name=f"{name}_pool")(x) if stride > 1 else x


def _with_empty_channels(x: Tensor, filters: int, name: str) -> Tensor:
    """Channels of zeros after those of `x`: [N, H, W, C] -> [N, H, W, filters].

    Channels become columns of a picture, which Keras has a padding layer for; in TFLite and ONNX that is a reshape, a PAD and a reshape.
    """
    height, width, channels = x.shape[1:]
    if filters < channels:
        raise BadSetting(f"an identity shortcut cannot bring {channels} channels down to {filters}: expected shortcut 'projection'")
    x = layers.Reshape((height * width, channels, 1), name=f"{name}_columns")(x)
    x = layers.ZeroPadding2D(((0, 0), (0, filters - channels)), name=f"{name}_pad")(x)
    return layers.Reshape((height, width, filters), name=f"{name}_channels")(x)
