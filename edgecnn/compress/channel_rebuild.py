"""A narrower network from a wider one: the same layers with fewer filters, and the weights that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from edgecnn.compress.channel_groups import Wiring, wiring
from edgecnn.compress.channel_parts import Part
from edgecnn.errors import BadSetting, unknown


def narrowed(net: keras.Model, keep: Mapping[str, Sequence[int]]) -> keras.Model:
    """A copy of `net` without some filters. What the others compute is what they would compute if the removed ones gave zeros to whoever reads them.

    Args:
        net: functional; it is not changed.
        keep: for some layers with kernels the filters that stay, by their places; those that are tied to a removed one go, too.

    Returns:
        A functional model with the same names of layers, of Keras' own layers where `net` is.

    Raises:
        UnknownName, BadSetting: a layer that is not there or makes no channels, a filter that cannot go, or a layer left with none.
    """
    wired = wiring(net)
    return rebuilt(wired, units_of(wired, keep))


def units_of(wired: Wiring, keep: Mapping[str, Sequence[int]]) -> np.ndarray:
    """Which units [units] stay when so many filters of some layers do; see `narrowed`."""
    stay = wired.all_kept()
    for name, filters in keep.items():
        if name not in wired.by_name:
            raise unknown("layer", name, wired.by_name)
        widths = wired.by_name[name].widths
        if not widths:
            raise BadSetting(f"layer '{name}' makes no channels: expected a convolution or a dense layer that is called once")
        gone = np.setdiff1d(np.arange(len(widths[0])), np.asarray(filters, int))
        stay[wired.unit[widths[0][gone]]] = False
    if not stay[0]:
        raise BadSetting(f"{', '.join(keep)}: some of these filters cannot go, because inputs, outputs or a layer of unknown kind hang on them")
    return stay


def rebuilt(wired: Wiring, keep: np.ndarray) -> keras.Model:
    """The network with the units [units] of `keep` only.

    Raises:
        BadSetting: a layer would be left with no channels.
    """
    for part in wired.parts:
        if any(len(wired.kept(channels, keep)) == 0 for channels in part.widths):
            raise BadSetting(f"layer '{part.layer.name}' would be left with no filters: expected at least one")
    made: dict[int, Any] = {}
    known = {id(part.layer): part for part in wired.parts}

    def narrow(layer: Any) -> Any:
        if id(layer) not in made:
            made[id(layer)] = _layer(wired, known.get(id(layer)), layer, keep)
        return made[id(layer)]

    net = keras.models.clone_model(wired.net, clone_function=narrow)
    for part in wired.parts:
        if isinstance(part.layer, keras.Layer) and part.layer.weights:
            made[id(part.layer)].set_weights(_weights(wired, part, keep))
    return net


def _layer(wired: Wiring, part: Part | None, layer: Any, keep: np.ndarray) -> Any:
    """A layer of the same name and kind with what is left of its channels."""
    if isinstance(layer, keras.layers.Lambda):  # its config would not be read back: Keras takes code for unsafe
        return keras.layers.Lambda(layer.function, output_shape=layer._output_shape, arguments=layer.arguments, name=layer.name)
    config = layer.get_config()
    for field, value in (part.settings if part else {}).items():
        config[field] = value(lambda channels: len(wired.kept(channels, keep)))
    return type(layer).from_config(config)


def _weights(wired: Wiring, part: Part, keep: np.ndarray) -> list[np.ndarray]:
    """What is left of a layer's weights."""
    values = part.layer.get_weights()
    for index, axes in enumerate(part.weights):
        for axis, channels in axes.items():
            values[index] = values[index].take(wired.kept(channels, keep), axis)
    return values
