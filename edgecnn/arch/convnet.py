"""The smallest convolutional net of a course: one convolution in front of a dense net, for letters of a hand-sign alphabet.

Andrew Ferlitsch, 2019, Keras idiomatic programmer, handbook 1, part 2.
https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch import blocks
from edgecnn.arch.blocks import Tensor, check_choice, scaled
from edgecnn.arch.mlp import activated, check_order, dense

FILTERS = 16  # of the convolution, 3x3 with stride 2
UNITS = 512  # nearly all of the parameters: each of them sees every pixel of every map


def network(x: Tensor, *, classes: int, width: float, dropout: float, dropout_at: str, norm: str, padding: str) -> Tensor:
    """Convolution, max pooling and two dense layers.

    Args:
        x: [N, height, width, C]; 128x128 grey pixels in the handbook.
        classes: outputs.
        width: multiplier of filters and units.
        dropout: share of the hidden dense layer dropped in training; the handbook has none.
        dropout_at: "before" or "after" the activation.
        norm: batch norm "before" or "after" the activation of the convolution and the hidden layer; "" for none, as in the handbook.
        padding: "same" as in the handbook, or "symmetric".

    Returns:
        Logits [N, classes].
    """
    check_order(norm, dropout, dropout_at)
    check_choice("padding", padding, blocks.PADDINGS)
    x = blocks.conv(x, scaled(FILTERS, width), 3, 2, padding=padding, bias=norm != "before", name="conv1")
    x = activated(x, norm=norm, name="conv1")
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Flatten(name="flatten")(x)
    x = dense(x, scaled(UNITS, width), norm=norm, dropout=dropout, dropout_at=dropout_at, name="dense1")
    return layers.Dense(classes, name="logits")(x)
