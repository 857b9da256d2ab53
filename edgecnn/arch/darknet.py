"""YOLO9000: Better, Faster, Stronger: Darknet-19, a VGG with bottlenecks, batch norm and no dense layers.

Joseph Redmon, Ali Farhadi, 2016. Table 6, https://arxiv.org/abs/1612.08242; details from the authors' https://github.com/pjreddie/darknet cfg/darknet19.cfg
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch import blocks
from edgecnn.arch.blocks import Tensor, check_choice, check_dropout, scaled

# Table 6, a stage on each line: filters of its convolutions. They are 3x3 and 1x1 in turn; a maximum over 2x2 stands between two stages.
STAGES = (
    (32,),
    (64,),
    (128, 64, 128),
    (256, 128, 256),
    (512, 256, 512, 256, 512),
    (1024, 512, 1024, 512, 1024),
)

SLOPE = 0.1  # of the leaky ReLU for negative values
EPSILON = 1e-5  # Departure: the authors add 1e-6 to the standard deviation, not to the variance.


def conv(x: Tensor, filters: int, kernel: int, *, norm: str, name: str) -> Tensor:
    """Convolution, batch norm and leaky ReLU: [N, H, W, C] -> [N, H, W, filters]. `norm` says whether the batch norm stands before the ReLU or after."""
    x = blocks.conv(x, filters, kernel, name=name)
    if norm == "before":
        x = blocks.norm(x, f"{name}_bn", epsilon=EPSILON)
    x = layers.LeakyReLU(SLOPE, name=f"{name}_leaky")(x)
    return blocks.norm(x, f"{name}_bn", epsilon=EPSILON) if norm == "after" else x


def network(x: Tensor, *, classes: int, width: float, dropout: float, norm: str) -> Tensor:
    """Darknet-19.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        width: multiplier of the filters of every layer but the last.
        dropout: share of the last features dropped in training; the paper has none.
        norm: batch norm "before" each activation, as in the paper, or "after".

    Returns:
        Logits [N, classes].
    """
    check_dropout(dropout)
    check_choice("norm", norm, blocks.NORMS)
    for number, stage in enumerate(STAGES, start=1):
        for index, filters in enumerate(stage):
            x = conv(x, scaled(filters, width), 1 if index % 2 else 3, norm=norm, name=f"stage{number}_conv{index + 1}")
        if number < len(STAGES):
            x = layers.MaxPooling2D(2, name=f"stage{number}_pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = blocks.conv(x, classes, 1, bias=True, name="conv19")
    return layers.GlobalAveragePooling2D(name="logits")(x)
