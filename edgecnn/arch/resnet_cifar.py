"""Deep residual learning for image recognition: ResNet for CIFAR-10, and the plain nets beside it.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, 2015. Section 4.2 and Table 6, https://arxiv.org/abs/1512.03385

The degradation experiment of Figure 6: plain56 ends with a higher training error than plain20, resnet56 with a lower one than resnet20.
"""

from __future__ import annotations

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, global_mean
from edgecnn.arch.residual import Style, multiple
from edgecnn.errors import BadSetting

FILTERS = (16, 32, 64)  # of the stages at 32x32, 16x16 and 8x8 pixels


def network(x: Tensor, *, classes: int, depth: int, shortcut: str, width: float, dropout: float, padding: str, norm: str) -> Tensor:
    """ResNet of 6n + 2 layers: a 3x3 convolution, three stages of n basic blocks, a dense layer.

    Args:
        x: [N, height, width, 3]; 32 pixels in the paper.
        classes: outputs.
        depth: layers, 6n + 2.
        shortcut: "identity" without parameters, the paper's; "projection", a 1x1 convolution where the shape changes; "none", the plain nets.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training; the paper has none.
        padding: "symmetric" or "same".
        norm: batch norm "before" or "after" each activation inside the blocks.

    Returns:
        Logits [N, classes].
    """
    count, rest = divmod(depth - 2, 6)
    if count < 1 or rest:
        raise BadSetting(f"depth {depth}: expected 6n + 2 layers, such as 20, 56 or 110")
    style = Style(shortcut=shortcut, padding=padding, norm=norm)
    filters = [multiple(stage, width) for stage in FILTERS]
    x = residual.unit(x, filters[0], 3, style=style, name="conv1")
    x = residual.body(x, (count,) * len(filters), [((stage, 3), (stage, 3)) for stage in filters], style=style)
    return global_mean(x, classes, dropout)
