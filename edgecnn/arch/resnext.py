"""Aggregated residual transformations for deep neural networks: ResNeXt for ImageNet.

Saining Xie, Ross Girshick, Piotr Dollar, Zhuowen Tu, Kaiming He, 2016. Table 1, https://arxiv.org/abs/1611.05431

ResNet whose 3x3 convolutions have groups; a name like 32x4d says how many and how wide each one is in the first stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, check_choice, global_mean
from edgecnn.arch.residual import Sizes, Style, multiple
from edgecnn.arch.resnet import BLOCKS, EXPANSION, FILTERS, STEM
from edgecnn.errors import BadSetting

DEPTHS = (50, 101, 152)


def sizes(stages: Sequence[int], groups: int, group_width: int, width: float) -> list[Sizes]:
    """The block of each stage, whose outputs are `stages`: inner filters double from stage to stage, beginning with groups * group_width."""
    inner = [multiple(groups * group_width * 2**index, width, groups) for index in range(len(stages))]
    return [((count, 1), (count, 3), (multiple(outputs, width), 1)) for count, outputs in zip(inner, stages, strict=True)]


def network(x: Tensor, *, classes: int, depth: int, groups: int, group_width: int, width: float, dropout: float, padding: str, norm: str) -> Tensor:
    """ResNeXt for ImageNet.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        depth: layers, one of DEPTHS.
        groups: cardinality, the paths of each block.
        group_width: channels of each path in the first stage.
        width: multiplier on the filters of every layer but the last, rounded so that groups divide them.
        dropout: share of the pooled features dropped in training; the paper has none.
        padding: "symmetric" or "same".
        norm: batch norm "before" or "after" each activation inside the blocks.

    Returns:
        Logits [N, classes].
    """
    check_choice("depth", depth, DEPTHS)
    if group_width < 1:
        raise BadSetting(f"group width {group_width}: expected 1 or more")
    style = Style(groups=groups, padding=padding, norm=norm)
    x = residual.stem(x, multiple(STEM, width), style=style)
    x = residual.body(x, BLOCKS[depth], sizes([EXPANSION * filters for filters in FILTERS], groups, group_width, width), style=style)
    return global_mean(x, classes, dropout)
