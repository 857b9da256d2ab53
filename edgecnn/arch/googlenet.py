"""Going deeper with convolutions: GoogLeNet.

Christian Szegedy, Wei Liu, Yangqing Jia, Pierre Sermanet, Scott Reed, Dragomir Anguelov, Dumitru Erhan, Vincent Vanhoucke, Andrew Rabinovich, 2014.
Table 1, https://arxiv.org/abs/1409.4842

The two auxiliary classifiers of the paper stand on inception_4a and inception_4d: `auxiliary` in the catalog, attached for training by `heads`.
"""

from __future__ import annotations

from edgecnn.arch.blocks import Tensor, global_mean
from edgecnn.arch.branches import Branch, Conv, Pool, Style, module, sequence

# Departure: no local response normalization after the first pooling and before the second. It is an operator of its own, and brings nothing
# (Simonyan and Zisserman, 2014, section 4.1).
STEM = (Conv(64, 7, 2), Pool("max", 2), Conv(64), Conv(192, 3), Pool("max", 2))

# Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj; the stages 3, 4 and 5 have a pooling between them.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED = ("3b", "4e")


def branches(one: int, reduce3: int, three: int, reduce5: int, five: int, projected: int) -> tuple[Branch, ...]:
    """Figure 2 (b): 1x1; 1x1 and 3x3; 1x1 and 5x5; maximum and 1x1."""
    return (Conv(one),), (Conv(reduce3), Conv(three, 3)), (Conv(reduce5), Conv(five, 5)), (Pool("max"), Conv(projected))


def network(x: Tensor, *, classes: int, width: float, dropout: float, padding: str) -> Tensor:
    """GoogLeNet.

    Args:
        x: [N, height, width, 3], 224 pixels in the paper.
        classes: outputs.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training.
        padding: of the first convolution, "symmetric" as Caffe and PyTorch have it. Poolings are alike in both: at even sizes Caffe, rounding sizes up,
            adds a pixel after the picture as TensorFlow does.

    Returns:
        Logits [N, classes].
    """
    style = Style(width=width, normed=False, padding=padding)
    x = sequence(x, STEM, name="stem", style=style)
    for label, filters in MODULES.items():
        x = module(x, branches(*filters), name=f"inception_{label}", style=style)
        if label in POOLED:
            x = sequence(x, (Pool("max", 2),), name=f"stage{label[0]}", style=style)
    return global_mean(x, classes, dropout)
