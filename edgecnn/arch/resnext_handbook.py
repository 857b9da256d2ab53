"""ResNeXt with its last 1x1 convolutions grouped too: form (d), as the Keras idiomatic programmer prints it.

Andrew Ferlitsch, 2019, Keras idiomatic programmer, part 4, https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer

Unlike the paper's forms (a), (b) and (c) it is another function: no channel of one path meets those of another before the next block.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import PADDINGS, Tensor, activation, check_choice, check_dropout, conv, conv_norm, global_mean, norm, padded
from edgecnn.arch.residual import multiple

STEM = 64
GROUPS = 32

# Blocks, filters inside, filters at their end.
STAGES = ((3, 128, 256), (4, 256, 512), (6, 512, 1024), (3, 1024, 2048))


def block(x: Tensor, inner: int, outer: int, *, name: str) -> Tensor:
    """1x1, grouped 3x3 and grouped 1x1 convolutions beside a shortcut: [N, H, W, C] -> [N, H, W, outer]."""
    beside = x if x.shape[-1] == outer else conv_norm(x, outer, 1, act="", bias=True, name=f"{name}_shortcut")
    x = conv_norm(x, inner, 1, bias=True, name=f"{name}_conv1")
    # As printed: nothing between the grouped convolutions, and two batch norms after them, one of each path and one of all.
    x = conv(x, inner, 3, groups=GROUPS, bias=True, name=f"{name}_conv2")
    x = conv_norm(x, outer, 1, groups=GROUPS, act="", bias=True, name=f"{name}_conv3")
    x = activation(norm(x, f"{name}_bn"), "relu", f"{name}_conv3_relu")
    x = layers.Add(name=f"{name}_add")([beside, x])
    return activation(x, "relu", f"{name}_relu")


def network(x: Tensor, *, classes: int, width: float, dropout: float, padding: str) -> Tensor:
    """The tutorial's ResNeXt variant.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        width: multiplier on the filters of every layer but the last, rounded so that 32 groups divide them.
        dropout: share of the pooled features dropped in training; the tutorial has none.
        padding: of the first convolution and pool, "symmetric" or "same".

    Returns:
        Logits [N, classes].
    """
    check_dropout(dropout)
    check_choice("padding", padding, PADDINGS)
    x = conv_norm(x, multiple(STEM, width), 7, 2, bias=True, padding=padding, name="conv1")
    x, around = padded(x, 3, 2, padding, "pool1")
    x = layers.MaxPooling2D(3, 2, around, name="pool1")(x)
    for stage, (count, inner, outer) in enumerate(STAGES, start=1):
        inner, outer = multiple(inner, width, GROUPS), multiple(outer, width, GROUPS)
        if stage > 1:
            # As printed: a 1x1 convolution alone, without batch norm, halves the map and doubles the channels between the stages.
            x = conv(x, outer, 1, 2, bias=True, name=f"stage{stage}_half")
        for index in range(1, count + 1):
            x = block(x, inner, outer, name=f"stage{stage}_block{index}")
    return global_mean(x, classes, dropout)
