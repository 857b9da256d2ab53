"""Gradient-based learning applied to document recognition: LeNet-5.

Yann LeCun, Leon Bottou, Yoshua Bengio, Patrick Haffner, 1998. Figure 2, https://doi.org/10.1109/5.726791

Small and quick: the network that tests train. Beside it the yet smaller form that notebooks teach, with tanh.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import Tensor, check_choice, check_dropout
from edgecnn.arch.mlp import numbers
from edgecnn.errors import BadSetting

POOLS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
SMALL = 6  # pixels that a 5x5 convolution and a pooling over 2x2 take to one
WEIGHTS = {"relu": "he_normal", "tanh": "glorot_uniform"}  # activation -> initial weights that suit it


def network(x: Tensor, *, classes: int, filters: str, units: str, act: str, pool: str, dropout: float) -> Tensor:
    """LeNet.

    Args:
        x: [N, 32, 32, 1] in the paper.
        classes: outputs.
        filters: of the 5x5 convolutions, each with a pooling over 2x2 after it; C1 and C3 of the paper are "6,16".
        units: of the hidden dense layers; C5, a convolution that covers its whole map, and F6 are "120,84".
        act: "relu" or, as in the paper, "tanh".
        pool: "max" or, nearer to the paper, "average".
        dropout: share of the last hidden layer dropped in training; the paper has none.

    Returns:
        Logits [N, classes].

    Raises:
        BadSetting: more convolutions than the picture has pixels for, or a value that is none of those above.
    """
    check_dropout(dropout)
    check_choice("act", act, tuple(WEIGHTS))
    check_choice("pool", pool, tuple(POOLS))
    # Departures, the usual ones today: ReLU for tanh, plain max pooling for trained averaging, every map of S2 into every map of C3
    # (the paper's Table 1 leaves some out), softmax for radial basis functions. Hence 61,706 parameters, not 60,000.
    maps = numbers("filters", filters)
    for index, count in enumerate(maps):
        if min(x.shape[1:3]) < SMALL:
            raise BadSetting(f"filters '{filters}': expected fewer, maps of {x.shape[1]}x{x.shape[2]} are too small for convolution {index + 1}")
        x = layers.Conv2D(count, 5, activation=act, kernel_initializer=WEIGHTS[act], name=f"c{2 * index + 1}")(x)
        x = POOLS[pool](2, name=f"s{2 * index + 2}")(x)
    x = layers.Flatten(name="flatten")(x)
    for index, count in enumerate(numbers("units", units)):
        x = layers.Dense(count, activation=act, kernel_initializer=WEIGHTS[act], name=f"{'f' if index else 'c'}{2 * len(maps) + 1 + index}")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name="logits")(x)
