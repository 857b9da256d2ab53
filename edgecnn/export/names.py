"""Tensors called after the Keras layers that they come from, the same in both formats and in every run."""

from __future__ import annotations

import re
from collections.abc import Collection

# What the inputs of an operator with weights are, by their place.
ROLES = ("input", "weights", "bias")


def layer(traced: str) -> str:
    """`mobilenet_1/conv_dw_5_relu_1/Relu6;mobilenet_1/conv_dw_5_bn_1/batchnorm/mul` -> `conv_dw_5_relu`.

    A trace writes model/layer/operation and adds `_1`; a converter joins the names of what it fuses, the last first, and appends numbers of its own.
    """
    parts = traced.split(";")[0].split(":")[0].split("/")
    return re.sub(r"(_1)?(__\d+)?$", "", parts[1] if len(parts) > 1 else parts[0])


def unused(name: str, taken: Collection[str]) -> str:
    """`name`, or `name_2`, `name_3` ... where it is taken."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
