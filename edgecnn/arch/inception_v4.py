"""Inception-v4, Inception-ResNet and the impact of residual connections on learning: Inception v4.

Christian Szegedy, Sergey Ioffe, Vincent Vanhoucke, Alex Alemi, 2016. Figures 3 to 9, https://arxiv.org/abs/1602.07261
"""

from __future__ import annotations

from edgecnn.arch.blocks import Tensor, global_mean
from edgecnn.arch.branches import Conv, Pool, Style, module, sequence

# Figure 3: 299, 149, 147, 147, 73, 71, 35 pixels; strides and the last 3x3 of each branch do not pad.
STEM = (
    Conv(32, 3, 2, "valid"),
    Conv(32, 3, 1, "valid"),
    Conv(64, 3),
    ((Pool("max", 2, "valid"),), (Conv(96, 3, 2, "valid"),)),
    ((Conv(64), Conv(96, 3, 1, "valid")), (Conv(64), Conv(64, (7, 1)), Conv(64, (1, 7)), Conv(96, 3, 1, "valid"))),
    ((Conv(192, 3, 2, "valid"),), (Pool("max", 2, "valid"),)),
)

# Figure 4, at 35x35 pixels.
A = ((Pool("avg"), Conv(96)), (Conv(96),), (Conv(64), Conv(96, 3)), (Conv(64), Conv(96, 3), Conv(96, 3)))

# Figure 7 with k, l, m, n of Table 1, to 17x17 pixels.
REDUCTION_A = ((Pool("max", 2, "valid"),), (Conv(384, 3, 2, "valid"),), (Conv(192), Conv(224, 3), Conv(256, 3, 2, "valid")))

# Figure 5, at 17x17 pixels. Its third branch prints 1x7 twice: a misprint, 7x1 in the authors' code.
B = (
    (Pool("avg"), Conv(128)),
    (Conv(384),),
    (Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))),
    (Conv(192), Conv(192, (1, 7)), Conv(224, (7, 1)), Conv(224, (1, 7)), Conv(256, (7, 1))),
)

# Figure 8, to 8x8 pixels.
REDUCTION_B = (
    (Pool("max", 2, "valid"),),
    (Conv(192), Conv(192, 3, 2, "valid")),
    (Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1)), Conv(320, 3, 2, "valid")),
)

# Figure 6, at 8x8 pixels.
FORK = ((Conv(256, (1, 3)),), (Conv(256, (3, 1)),))
C = ((Pool("avg"), Conv(256)), (Conv(256),), (Conv(384), FORK), (Conv(384), Conv(448, (1, 3)), Conv(512, (3, 1)), FORK))

# Figure 9.
BODY = {
    **{f"inception_a{index}": A for index in range(1, 5)},
    "reduction_a": REDUCTION_A,
    **{f"inception_b{index}": B for index in range(1, 8)},
    "reduction_b": REDUCTION_B,
    **{f"inception_c{index}": C for index in range(1, 4)},
}


def stem(x: Tensor, *, width: float, norm: str) -> Tensor:
    """Figure 3 alone: [N, 299, 299, 3] in the paper -> [N, 35, 35, 384 width]; arguments as of `network`."""
    return sequence(x, STEM, name="stem", style=Style(width=width, norm=norm))


def network(x: Tensor, *, classes: int, width: float, dropout: float, norm: str) -> Tensor:
    """Inception v4.

    Args:
        x: [N, height, width, 3], 299 pixels in the paper.
        classes: outputs.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training.
        norm: batch norm "before" or "after" the activation.

    Returns:
        Logits [N, classes].
    """
    x = stem(x, width=width, norm=norm)
    for name, branches in BODY.items():
        x = module(x, branches, name=name, style=Style(width=width, norm=norm))
    return global_mean(x, classes, dropout)
