"""Gradient-based learning applied to document recognition: LeNet-5.

Yann LeCun, Leon Bottou, Yoshua Bengio, Patrick Haffner, 1998. Figure 2, https://doi.org/10.1109/5.726791

Small and quick: the network that tests train.
"""

from __future__ import annotations

import keras
from keras import layers

from edgecnn.arch.blocks import check_dropout, probabilities

CONVOLUTIONS = (6, 16)  # C1 and C3, 5x5; S2 and S4 follow them
DENSE = (120, 84)  # C5 (a convolution that covers its whole map) and F6


def build(name: str, *, input_shape: tuple[int, int, int], classes: int, dropout: float) -> keras.Model:
    """LeNet-5 with fresh weights.

    Args:
        name: of the model.
        input_shape: (height, width, channels); the paper's is (32, 32, 1).
        classes: outputs.
        dropout: share of F6 dropped in training; the paper has none.

    Returns:
        A functional model from `image` [N, height, width, channels] to `probabilities` [N, classes].
    """
    check_dropout(dropout)
    image = x = keras.Input(input_shape, name="image")
    # Departures, the usual ones today: ReLU for tanh, plain max pooling for trained averaging, every map of S2 into every map of C3
    # (the paper's Table 1 leaves some out), softmax for radial basis functions. Hence 61,706 parameters, not 60,000.
    for index, filters in enumerate(CONVOLUTIONS):
        x = layers.Conv2D(filters, 5, activation="relu", kernel_initializer="he_normal", name=f"c{2 * index + 1}")(x)
        x = layers.MaxPooling2D(2, name=f"s{2 * index + 2}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(DENSE[0], activation="relu", kernel_initializer="he_normal", name="c5")(x)
    x = layers.Dense(DENSE[1], activation="relu", kernel_initializer="he_normal", name="f6")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, probabilities(x), name=name)
