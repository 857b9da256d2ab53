"""Aggregated residual transformations for deep neural networks: ResNeXt for CIFAR.

Saining Xie, Ross Girshick, Piotr Dollar, Zhuowen Tu, Kaiming He, 2016. Section 5.3 and Table 7, https://arxiv.org/abs/1611.05431

Also, with biases, the stride in the first 1x1 convolutions and Keras' epsilon, the cardinality-16 net at the end of Dezso Ribli's notebook. That one writes
the block as 16 separate paths, form (b); this is the same function with grouped convolutions, form (c).
"""

from __future__ import annotations

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, global_mean
from edgecnn.arch.residual import Style, multiple
from edgecnn.arch.resnext import sizes
from edgecnn.errors import BadSetting

STEM = 64
OUTPUTS = (256, 512, 1024)  # of the stages at 32x32, 16x16 and 8x8 pixels


def network(
    x: Tensor,
    *,
    classes: int,
    depth: int,
    groups: int,
    group_width: int,
    stride_in: str,
    bias: bool,
    epsilon: float,
    width: float,
    dropout: float,
    padding: str,
    norm: str,
) -> Tensor:
    """ResNeXt of 9n + 2 layers: a 3x3 convolution, three stages of n bottlenecks, a dense layer.

    Args:
        x: [N, height, width, 3]; 32 pixels in the paper.
        classes: outputs.
        depth: layers, 9n + 2.
        groups: cardinality, the paths of each block.
        group_width: channels of each path in the first stage.
        stride_in: which convolution of a bottleneck halves the map, "3x3" or the first "1x1".
        bias: give every convolution a bias although batch norms follow.
        epsilon: of the batch norms.
        width: multiplier on the filters of every layer but the last, rounded so that groups divide them.
        dropout: share of the pooled features dropped in training; the paper has none.
        padding: "symmetric" or "same".
        norm: batch norm "before" or "after" each activation inside the blocks.

    Returns:
        Logits [N, classes].
    """
    count, rest = divmod(depth - 2, 9)
    if count < 1 or rest:
        raise BadSetting(f"depth {depth}: expected 9n + 2 layers, such as 29")
    if group_width < 1:
        raise BadSetting(f"group width {group_width}: expected 1 or more")
    style = Style(groups=groups, stride_in=stride_in, bias=bias, epsilon=epsilon, padding=padding, norm=norm)
    x = residual.unit(x, multiple(STEM, width), 3, style=style, name="conv1")
    x = residual.body(x, (count,) * len(OUTPUTS), sizes(OUTPUTS, groups, group_width, width), style=style)
    return global_mean(x, classes, dropout)
