"""How large a row's int8 file will be, from its counts."""

from __future__ import annotations

from edgecnn.catalog.row import Architecture, Module

# What an int8 TFLite file holds besides weights of one byte: for each channel a bias of 4 bytes, and of kernel and bias a scale of 4; zero points are all
# zero, and stored once a length.
_CHANNEL_BYTES = 13.5

# Families whose batch norms stand before the convolutions, in numbers that grow, so that they tell nothing about channels and fold into nothing.
_UNFOLDED = ("densenet",)


def int8_bytes(row: Architecture | Module) -> int:
    """Expected bytes of the row's int8 TFLite file, from its counts alone.

    Batch norms fold into biases, and tell how many channels there are; without them a multiple of the square root of the weights stands for the channels. Graph
    and metadata take 14.7 kB, less where there is little to describe.

    Error found: 0.6 % or less on the files of models/ of mobilenet and squeezenet, 0.1 % on resnet20 and lenet, both of 32 pixels and 10 classes. It is a rough
    guess for modules, and of no use for grouped blocks alone.
    """
    idle, root = row.parameters - row.trainable, row.trainable**0.5
    if idle and row.family not in _UNFOLDED:
        channels, kernels = idle // 2, row.trainable - idle
    elif idle:
        channels, kernels = round(4 * root), row.trainable
    else:
        channels = round(min(3.4 * root, row.trainable / 200))
        kernels = row.trainable - channels
    return kernels + round(_CHANNEL_BYTES * channels) + min(14_700, 2_500 + row.trainable // 20)
