"""Deep residual learning for image recognition: ResNet for ImageNet.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, 2015. Table 1, https://arxiv.org/abs/1512.03385

By default the form that torchvision made usual: no biases, symmetric padding, the stride of a bottleneck in its 3x3 convolution. With biases, the stride in
the first 1x1 convolution as in the paper, and its epsilon, the same function as keras.applications.ResNet50, ResNet101 and ResNet152, weights in their order.
"""

from __future__ import annotations

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, check_choice, global_mean
from edgecnn.arch.residual import Sizes, Style, multiple

STEM = 64
FILTERS = (64, 128, 256, 512)  # of the four stages, conv2_x to conv5_x
EXPANSION = 4  # output of a bottleneck over its inner filters

# Table 1, layers -> blocks of the four stages; the first two are of basic blocks, the others of bottlenecks.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
BASIC = (18, 34)


def sizes(depth: int, filters: int) -> Sizes:
    """Convolutions of one block of a stage with that many inner filters: (filters, kernel) of each."""
    if depth in BASIC:
        return ((filters, 3), (filters, 3))
    return ((filters, 1), (filters, 3), (EXPANSION * filters, 1))


def network(
    x: Tensor,
    *,
    classes: int,
    depth: int,
    stride_in: str,
    bias: bool,
    epsilon: float,
    width: float,
    dropout: float,
    padding: str,
    norm: str,
) -> Tensor:
    """ResNet.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        depth: layers, a key of BLOCKS.
        stride_in: which convolution of a bottleneck halves the map, "3x3" or the first "1x1".
        bias: give every convolution a bias although batch norms follow.
        epsilon: of the batch norms.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training; the paper has none.
        padding: "symmetric" or "same".
        norm: batch norm "before" or "after" each activation inside the blocks.

    Returns:
        Logits [N, classes].
    """
    check_choice("depth", depth, tuple(BLOCKS))
    style = Style(bias=bias, stride_in=stride_in, epsilon=epsilon, padding=padding, norm=norm)
    x = residual.stem(x, multiple(STEM, width), style=style)
    x = residual.body(x, BLOCKS[depth], [sizes(depth, multiple(filters, width)) for filters in FILTERS], style=style)
    return global_mean(x, classes, dropout)
