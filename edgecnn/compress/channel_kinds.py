"""TABLE of layers: what each kind does with channels. What is not in it keeps all that goes in and comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from edgecnn.compress.channel_parts import Call, Count, Part, conv, dense, depthwise, elementwise, last, norm, separable
from edgecnn.compress.channel_ties import Labels

# A map of more numbers is not followed through a Reshape.
LARGEST = 4_000_000


def part(call: Call, *, again: bool) -> Part:
    """What is known of a call; where nothing is, all that goes in and comes out is fixed. So it is for layers that are called `again`: they are shared."""
    known = None if again else KINDS.get(type(call.layer))
    found = known(call) if known else None
    if found is None or (found.weights and len(found.weights) != len(call.layer.weights)):
        for labels in (*call.given, *([found.output] if found else [])):
            call.ties.fix(labels.channels)
        return Part(call.layer, Labels.fixed(call.shape))
    return found


def _same(call: Call) -> Part | None:
    """Channels come out as they went in: activations, dropout, pooling."""
    fine = last(call) and elementwise(getattr(call.layer, "activation", None))
    return Part(call.layer, Labels(len(call.shape) - 1, call.given[0].channels)) if fine else None


def _scaled(call: Call) -> Part | None:
    """Rescaling by one number, without an offset of many."""
    return _same(call) if np.ndim(call.layer.scale) == np.ndim(call.layer.offset) == 0 else None


def _padded(call: Call) -> Part | None:
    """Zeros around a map; where an identity shortcut pads channels, these are new ones."""
    layer, came = call.layer, call.given[0]
    if layer.data_format != "channels_last":
        return None
    if came.axis == 3:
        return Part(layer, came)
    sides = layer.padding
    before, after = (call.ties.fresh(count) for count in sides[came.axis - 1])

    def padding(count: Count) -> list[list[int]]:
        kept = [list(side) for side in sides]
        kept[came.axis - 1] = [count(before), count(after)]
        return kept

    return Part(layer, Labels(came.axis, np.concatenate([before, came.channels, after])), settings={"padding": padding})


def _merged(call: Call) -> Part | None:
    """Numbers at the same place are added, multiplied, compared: their channels go together. A single channel may serve all others."""
    wide = [labels for labels in call.given if len(labels.channels) > 1] or list(call.given)
    ranks = {len(shape) for shape in (*call.shapes, call.shape)}
    if len(ranks) > 1 or len({labels.axis for labels in call.given}) > 1 or len({len(labels.channels) for labels in wide}) > 1:
        return None
    for labels in call.given:
        call.ties.tie(wide[0].channels, labels.channels) if len(labels.channels) == len(wide[0].channels) else call.ties.fix(labels.channels)
    return Part(call.layer, wide[0])


def _joined(call: Call) -> Part | None:
    """Channels side by side; or, where maps are joined along another axis, on top of one another."""
    if len({labels.axis for labels in call.given}) > 1:
        return None
    axis = call.given[0].axis
    if call.layer.axis % len(call.shape) == axis:
        return Part(call.layer, Labels(axis, np.concatenate([labels.channels for labels in call.given])))
    return _merged(call)


def _reshaped(call: Call) -> Part | None:
    """The same numbers in another shape: fine where the channels lie along one axis afterwards, too."""
    came, old, new = call.given[0], call.shapes[0][1:], call.shape[1:]
    if None in (*old, *new) or math.prod(old) > LARGEST:
        return None
    along = [1] * len(old)
    along[came.axis - 1] = -1
    places = np.broadcast_to(came.channels.reshape(along), old).reshape(new)
    for axis in reversed(range(len(new))):
        line = np.moveaxis(places, axis, -1)
        if (line == line[(0,) * (len(new) - 1)]).all():
            channels = line[(0,) * (len(new) - 1)].copy()
            return Part(call.layer, Labels(axis + 1, channels), settings=_target(call.layer, axis, channels))
    return None


def _target(layer: Any, axis: int, channels: np.ndarray) -> Mapping[str, Callable[[Count], Any]]:
    """The shape that a Reshape, but not a Flatten, is told to give."""
    if not isinstance(layer, layers.Reshape) or layer.target_shape[axis] == -1:
        return {}
    return {"target_shape": lambda count: [count(channels) if place == axis else size for place, size in enumerate(layer.target_shape)]}


_SAME = (
    layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.GaussianNoise,
    layers.MaxPooling2D, layers.AveragePooling2D, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.UpSampling2D, layers.Cropping2D,
)  # fmt: skip

KINDS: Mapping[type[keras.Layer], Callable[[Call], Part | None]] = {
    layers.Conv2D: conv,
    layers.DepthwiseConv2D: depthwise,
    layers.SeparableConv2D: separable,
    layers.Dense: dense,
    layers.BatchNormalization: norm,
    layers.Rescaling: _scaled,
    layers.ZeroPadding2D: _padded,
    layers.Flatten: _reshaped,
    layers.Reshape: _reshaped,
    layers.Concatenate: _joined,
    **dict.fromkeys((layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum, layers.Subtract), _merged),
    **dict.fromkeys(_SAME, _same),
}
