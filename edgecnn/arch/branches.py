"""What the Inception networks are written in: steps one after the other, branches side by side, as data.

A step is a convolution, a pooling, or branches again, whose outputs are joined; a branch is a tuple of steps, and an empty one hands its input on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from keras import layers

from edgecnn.arch import blocks
from edgecnn.arch.blocks import NORMS, PADDINGS, Tensor, activation, check_choice, scaled


class Conv(NamedTuple):
    """`filters` of `kernel`, a side or (height, width); `padding` is "same" or "valid"."""

    filters: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1
    padding: str = "same"


class Pool(NamedTuple):
    """The "max" or "avg" of 3x3 pixels; means leave out what padding adds."""

    kind: str
    stride: int = 1
    padding: str = "same"


Step: TypeAlias = "Conv | Pool | Sequence[Branch]"
Branch: TypeAlias = "Sequence[Step]"


@dataclass(frozen=True)
class Style:
    """How the convolutions of one network are made.

    Attributes:
        width: multiplier on the filters of each.
        normed: whether each has a batch norm; those without have biases.
        norm: where it stands, "before" or "after" the activation.
        act: activation, "" for none.
        padding: of strides in convolutions that are padded at all, one of `blocks.PADDINGS`.
        bias: also where a batch norm follows.
        scale: whether batch norms have a gamma.

    Raises:
        BadSetting: an unknown norm or padding.
    """

    width: float = 1.0
    normed: bool = True
    norm: str = "before"
    act: str = "relu"
    padding: str = "same"
    bias: bool = False
    scale: bool = False

    def __post_init__(self) -> None:
        """Refuse what no layer could be made of."""
        check_choice("norm", self.norm, NORMS)
        check_choice("padding", self.padding, PADDINGS)


def module(x: Tensor, branches: Sequence[Branch], *, name: str, style: Style) -> Tensor:
    """Branches side by side, joined by a layer called `name`: [N, H, W, C] -> [N, H/stride, W/stride, channels of all of them]."""
    outputs = [sequence(x, branch, name=f"{name}_branch{index}", style=style) for index, branch in enumerate(branches, start=1)]
    return layers.Concatenate(name=name)(outputs)


def sequence(x: Tensor, steps: Branch, *, name: str, style: Style) -> Tensor:
    """Steps one after the other, layers NAME_conv1, NAME_pool1, NAME_fork1 and so on: [N, H, W, C] -> whatever the last step gives."""
    made = {"conv": 0, "pool": 0, "fork": 0}
    for step in steps:
        kind = {Conv: "conv", Pool: "pool"}.get(type(step), "fork")
        made[kind] += 1
        x = _STEPS[kind](x, step, name=f"{name}_{kind}{made[kind]}", style=style)
    return x


def _conv(x: Tensor, step: Conv, *, name: str, style: Style) -> Tensor:
    filters = scaled(step.filters, style.width)
    padding = style.padding if step.stride > 1 and step.padding == "same" else step.padding
    if not style.normed:
        x = blocks.conv(x, filters, step.kernel, step.stride, name=name, padding=padding, bias=True)
        return activation(x, style.act, f"{name}_{style.act}")
    return blocks.conv_norm(
        x, filters, step.kernel, step.stride, name=name, act=style.act, padding=padding, bias=style.bias, scale=style.scale, order=style.norm
    )


def _pool(x: Tensor, step: Pool, *, name: str, style: Style) -> Tensor:
    kind = layers.MaxPooling2D if step.kind == "max" else layers.AveragePooling2D
    return kind(3, step.stride, step.padding, name=name)(x)


_STEPS = {"conv": _conv, "pool": _pool, "fork": module}
