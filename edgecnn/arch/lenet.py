"""Gradient-based learning applied to document recognition: LeNet-5.

Yann LeCun, Leon Bottou, Yoshua Bengio, Patrick Haffner, 1998. Figure 2, https://doi.org/10.1109/5.726791

Small and quick: the network that tests train.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import Tensor, check_dropout

CONVOLUTIONS = (6, 16)  # C1 and C3, 5x5; S2 and S4 follow them
DENSE = (120, 84)  # C5 (a convolution that covers its whole map) and F6


def network(x: Tensor, *, classes: int, dropout: float) -> Tensor:
    """LeNet-5: [N, 32, 32, 1] in the paper -> logits [N, classes]. `dropout` is the share of F6 dropped in training; the paper has none."""
    check_dropout(dropout)
    # Departures, the usual ones today: ReLU for tanh, plain max pooling for trained averaging, every map of S2 into every map of C3
    # (the paper's Table 1 leaves some out), softmax for radial basis functions. Hence 61,706 parameters, not 60,000.
    for index, filters in enumerate(CONVOLUTIONS):
        x = layers.Conv2D(filters, 5, activation="relu", kernel_initializer="he_normal", name=f"c{2 * index + 1}")(x)
        x = layers.MaxPooling2D(2, name=f"s{2 * index + 2}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(DENSE[0], activation="relu", kernel_initializer="he_normal", name="c5")(x)
    x = layers.Dense(DENSE[1], activation="relu", kernel_initializer="he_normal", name="f6")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name="logits")(x)
