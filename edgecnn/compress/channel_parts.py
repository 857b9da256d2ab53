"""What layers with weights do with channels: convolutions, dense layers, batch norms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgecnn.compress.channel_ties import Labels, Ties

Shape = tuple[int | None, ...]
Count = Callable[[np.ndarray], int]  # how many of these channels are kept

# Activations that map zero and every other value on its own; a softmax does not, nor do GLU and sparsemax.
ELEMENTWISE = frozenset(
    (
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "hard_silu", "hard_swish", "hard_sigmoid", "hard_tanh"),
        *("sigmoid", "tanh", "softplus", "softsign", "exponential", "mish"),
    )
)


@dataclass(frozen=True)
class Call:
    """One call of a layer: the layer, labels and shapes of what it takes, the shape of what it gives, and the ties to add to."""

    layer: Any
    given: tuple[Labels, ...]
    shapes: tuple[Shape, ...]
    shape: Shape
    ties: Ties


@dataclass(frozen=True)
class Product:
    """Multiply-accumulates: `times` the product of the numbers of channels in `factors`."""

    times: int
    factors: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Part:
    """What a layer has to do with channels.

    Attributes:
        layer: of the network, or an operation such as x + y.
        output: labels of what it gives.
        weights: of each weight, axis -> channels along it; () where all weights stay whole.
        products: its multiply-accumulates; () where there are none.
        settings: field of its config -> value once channels are gone.
        makes: (weight, axis) of the kernel whose filters are the channels; None where the layer makes no new channels, or a kernel is not what makes them.
        mixes: (weight, axis) of the kernel that mixes the channels that come in; None where it does not.
        widths: channels whose number should suit the hardware: those that a kernel makes.
    """

    layer: Any
    output: Labels
    weights: tuple[Mapping[int, np.ndarray], ...] = ()
    products: tuple[Product, ...] = ()
    settings: Mapping[str, Callable[[Count], Any]] = field(default_factory=dict)
    makes: tuple[int, int] | None = None
    mixes: tuple[int, int] | None = None
    widths: tuple[np.ndarray, ...] = ()


def elementwise(activation: Any) -> bool:
    """Whether an activation treats each number on its own."""
    return activation is None or getattr(activation, "__name__", "") in ELEMENTWISE


def last(call: Call) -> bool:
    """Whether the only thing that comes in has its channels on the last axis, as the layer expects them."""
    only = len(call.given) == 1 and call.given[0].axis == len(call.shapes[0]) - 1
    return only and getattr(call.layer, "data_format", "channels_last") == "channels_last"


def _new(call: Call, count: int) -> np.ndarray:
    """Channels that a layer with an activation makes."""
    made = call.ties.fresh(count)
    if not elementwise(call.layer.activation):
        call.ties.fix(made)
    return made


def _bias(layer: Any, channels: np.ndarray) -> tuple[Mapping[int, np.ndarray], ...]:
    return ({0: channels},) if layer.use_bias else ()


def conv(call: Call) -> Part | None:
    """Every filter sees all channels; with groups, whole groups go: their inputs and outputs together."""
    if not last(call):
        return None
    layer, came = call.layer, call.given[0].channels
    made = _new(call, layer.filters)
    output, area = Labels(len(call.shape) - 1, made), math.prod(call.shape[1:-1]) * math.prod(layer.kernel_size)
    if layer.groups == 1:
        return Part(
            layer, output, ({2: came, 3: made}, *_bias(layer, made)), (Product(area, (came, made)),),
            {"filters": lambda count: count(made)}, (0, 3), (0, 2), (made,),
        )  # fmt: skip
    inside, outside = len(came) // layer.groups, len(made) // layer.groups
    leads = np.repeat(made[::outside], inside)
    call.ties.tie(leads, came)
    call.ties.tie(np.repeat(made[::outside], outside), made)
    settings = {"filters": lambda count: count(made), "groups": lambda count: count(made) // outside}
    return Part(layer, output, ({3: made}, *_bias(layer, made)), (Product(area * inside, (made,)),), settings, (0, 3), None, (made,))


def depthwise(call: Call) -> Part | None:
    """A channel's filters go with it."""
    if not last(call):
        return None
    layer, came = call.layer, call.given[0].channels
    made = np.repeat(came, layer.depth_multiplier)
    if not elementwise(layer.activation):
        call.ties.fix(made)
    area = math.prod(call.shape[1:-1]) * math.prod(layer.kernel_size)
    return Part(layer, Labels(len(call.shape) - 1, made), ({2: came}, *_bias(layer, made)), (Product(area, (made,)),), makes=None)


def separable(call: Call) -> Part | None:
    if not last(call):
        return None
    layer, came = call.layer, call.given[0].channels
    wide, made = np.repeat(came, layer.depth_multiplier), _new(call, layer.filters)
    area = math.prod(call.shape[1:-1])
    products = (Product(area * math.prod(layer.kernel_size), (wide,)), Product(area, (wide, made)))
    weights = ({2: came}, {2: wide, 3: made}, *_bias(layer, made))
    return Part(layer, Labels(len(call.shape) - 1, made), weights, products, {"filters": lambda count: count(made)}, (1, 3), (1, 2), (made,))


def dense(call: Call) -> Part | None:
    if not last(call):
        return None
    layer, came = call.layer, call.given[0].channels
    made = _new(call, layer.units)
    products = (Product(math.prod(call.shape[1:-1]), (came, made)),)
    return Part(
        layer, Labels(len(call.shape) - 1, made), ({0: came, 1: made}, *_bias(layer, made)), products,
        {"units": lambda count: count(made)}, (0, 1), (0, 0), (made,),
    )  # fmt: skip


def norm(call: Call) -> Part | None:
    came = call.given[0]
    axis = call.layer.axis
    if not isinstance(axis, int) or axis % len(call.shape) != came.axis:
        return None
    return Part(call.layer, came, tuple({0: came.channels} for _ in call.layer.weights))
