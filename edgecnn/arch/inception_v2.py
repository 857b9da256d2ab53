"""Batch normalization: accelerating deep network training by reducing internal covariate shift, and its network BN-Inception, also called Inception v2.

Sergey Ioffe, Christian Szegedy, 2015. Figure 5, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

from edgecnn.arch.blocks import Tensor, global_mean
from edgecnn.arch.branches import Branch, Conv, Pool, Style, module, sequence

STEM = (Conv(64, 7, 2), Pool("max", 2), Conv(64), Conv(192, 3), Pool("max", 2))

# Figure 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pooling, its projection. No 1x1 and no projection: stride 2.
# The figure says that 4c and 4d give 576 channels, but its filters add up to 608, which is what the ports of the authors' weights have.
MODULES = {
    "3a": (64, 64, 64, 64, 96, "avg", 32),
    "3b": (64, 64, 96, 64, 96, "avg", 64),
    "3c": (0, 128, 160, 64, 96, "max", 0),
    "4a": (224, 64, 96, 96, 128, "avg", 128),
    "4b": (192, 96, 128, 96, 128, "avg", 128),
    "4c": (160, 128, 160, 128, 160, "avg", 128),
    "4d": (96, 128, 192, 160, 192, "avg", 128),
    "4e": (0, 128, 192, 192, 256, "max", 0),
    "5a": (352, 192, 320, 160, 224, "avg", 128),
    "5b": (352, 192, 320, 192, 224, "max", 128),
}


def branches(one: int, reduce3: int, three: int, reduce33: int, double: int, pool: str, projected: int) -> tuple[Branch, ...]:
    """1x1; 1x1 and 3x3; 1x1 and two 3x3, GoogLeNet's 5x5; pooling and 1x1. With stride 2: no 1x1 alone, and pooling alone."""
    if not one:
        return (Conv(reduce3), Conv(three, 3, 2)), (Conv(reduce33), Conv(double, 3), Conv(double, 3, 2)), (Pool(pool, 2),)
    return (Conv(one),), (Conv(reduce3), Conv(three, 3)), (Conv(reduce33), Conv(double, 3), Conv(double, 3)), (Pool(pool), Conv(projected))


def network(x: Tensor, *, classes: int, width: float, dropout: float, padding: str, norm: str, bias: bool) -> Tensor:
    """BN-Inception.

    Args:
        x: [N, height, width, 3], 224 pixels in the paper.
        classes: outputs.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training; the paper leaves it out, as batch norm does its work.
        padding: of strides in convolutions, "symmetric" as Caffe and PyTorch have it.
        norm: batch norm "before" or "after" the activation.
        bias: give every convolution a bias although batch norm has one, as the port to Caffe does.

    Returns:
        Logits [N, classes].
    """
    # Departure: the first convolution is a full one, where the authors' code makes it separable to save computation.
    style = Style(width=width, norm=norm, padding=padding, bias=bias, scale=True)
    x = sequence(x, STEM, name="stem", style=style)
    for label, row in MODULES.items():
        x = module(x, branches(*row), name=f"inception_{label}", style=style)
    return global_mean(x, classes, dropout)
