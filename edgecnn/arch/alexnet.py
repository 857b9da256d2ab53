"""ImageNet classification with deep convolutional neural networks: AlexNet.

Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton, 2012. Figure 2, https://doi.org/10.1145/3065386

Departures: no local response normalization, which the authors found to be worth a point and their successors to be worth nothing; its two towers, one a GPU,
are the two groups of a convolution.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import Tensor, activation, check_dropout, conv, scaled

# Filters, kernel, stride, groups of each convolution; a maximum over 3x3 with stride 2 follows those that are marked.
CONVOLUTIONS = (
    (96, 11, 4, 1, "pool"),
    (256, 5, 1, 2, "pool"),
    (384, 3, 1, 1, ""),
    (384, 3, 1, 2, ""),
    (256, 3, 1, 2, "pool"),
)
DENSE = (4096, 4096)


def network(x: Tensor, *, classes: int, width: float, dropout: float) -> Tensor:
    """AlexNet.

    Args:
        x: [N, height, width, 3]; 227 pixels, which is what the paper's 224 must mean for its maps to come out as 55 pixels.
        classes: outputs.
        width: multiplier of the filters and units of every layer but the last, kept even for the groups.
        dropout: share of each dense layer dropped in training; 0.5 in the paper.

    Returns:
        Logits [N, classes].
    """
    check_dropout(dropout)
    for index, (filters, kernel, stride, groups, pool) in enumerate(CONVOLUTIONS, start=1):
        name, padding = f"conv{index}", "valid" if stride > 1 else "same"
        x = conv(x, 2 * scaled(filters // 2, width), kernel, stride, padding=padding, groups=groups, bias=True, name=name)
        x = activation(x, "relu", f"{name}_relu")
        if pool:
            x = layers.MaxPooling2D(3, 2, name=f"pool{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    for index, units in enumerate(DENSE, start=len(CONVOLUTIONS) + 1):
        x = layers.Dense(scaled(units, width), activation="relu", kernel_initializer="he_normal", name=f"dense{index}")(x)
        x = layers.Dropout(dropout, name=f"dropout{index}")(x)
    return layers.Dense(classes, name="logits")(x)
