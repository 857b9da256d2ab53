"""Rethinking the Inception architecture for computer vision: Inception v3.

Christian Szegedy, Vincent Vanhoucke, Sergey Ioffe, Jonathon Shlens, Zbigniew Wojna, 2015. Table 1, https://arxiv.org/abs/1512.00567
Filters from the authors' code, which Table 1 leaves out, https://github.com/tensorflow/models

The same function as keras.applications.InceptionV3, with the same order of weights; its modules are called mixed0 to mixed10 there and here. The paper's
auxiliary classifier stands on mixed7; Keras' network has none.
"""

from __future__ import annotations

from edgecnn.arch.blocks import Tensor, global_mean
from edgecnn.arch.branches import Branch, Conv, Pool, Style, module, sequence

# Strides and the first 3x3 convolutions do not pad: 299, 149, 147, 147, 73, 73, 71, 35 pixels.
STEM = (
    Conv(32, 3, 2, "valid"),
    Conv(32, 3, 1, "valid"),
    Conv(64, 3),
    Pool("max", 2, "valid"),
    Conv(80),
    Conv(192, 3, 1, "valid"),
    Pool("max", 2, "valid"),
)


def grid35(projected: int) -> tuple[Branch, ...]:
    """Figure 5, at 35x35 pixels. Departure of the authors' code: its 5x5 stays one convolution."""
    return (Conv(64),), (Conv(48), Conv(64, 5)), (Conv(64), Conv(96, 3), Conv(96, 3)), (Pool("avg"), Conv(projected))


def grid17(inner: int) -> tuple[Branch, ...]:
    """Figure 6, at 17x17 pixels: 7x7 as 1x7 and 7x1, once and twice."""
    once = (Conv(inner), Conv(inner, (1, 7)), Conv(192, (7, 1)))
    twice = (Conv(inner), Conv(inner, (7, 1)), Conv(inner, (1, 7)), Conv(inner, (7, 1)), Conv(192, (1, 7)))
    return (Conv(192),), once, twice, (Pool("avg"), Conv(192))


# Figure 10, to 17x17 and to 8x8 pixels.
REDUCTION17 = ((Conv(384, 3, 2, "valid"),), (Conv(64), Conv(96, 3), Conv(96, 3, 2, "valid")), (Pool("max", 2, "valid"),))
REDUCTION8 = (
    (Conv(192), Conv(320, 3, 2, "valid")),
    (Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, 2, "valid")),
    (Pool("max", 2, "valid"),),
)

# Figure 7, at 8x8 pixels: 1x3 and 3x1 side by side.
FORK = ((Conv(384, (1, 3)),), (Conv(384, (3, 1)),))
GRID8 = ((Conv(320),), (Conv(384), FORK), (Conv(448), Conv(384, 3), FORK), (Pool("avg"), Conv(192)))

# mixed0 to mixed10
BODY = (
    *(grid35(projected) for projected in (32, 64, 64)),
    REDUCTION17,
    *(grid17(inner) for inner in (128, 160, 160, 192)),
    REDUCTION8,
    GRID8,
    GRID8,
)


def network(x: Tensor, *, classes: int, width: float, dropout: float, norm: str) -> Tensor:
    """Inception v3.

    Args:
        x: [N, height, width, 3], 299 pixels in the paper.
        classes: outputs.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training.
        norm: batch norm "before" or "after" the activation.

    Returns:
        Logits [N, classes].
    """
    style = Style(width=width, norm=norm)
    x = sequence(x, STEM, name="stem", style=style)
    for index, branches in enumerate(BODY):
        x = module(x, branches, name=f"mixed{index}", style=style)
    return global_mean(x, classes, dropout)
