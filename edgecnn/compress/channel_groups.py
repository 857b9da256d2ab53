"""Which filters of a network can only go together: its channels, followed from layer to layer.

The ties are those of Fang et al., 2023, DepGraph, https://arxiv.org/abs/2301.12900: a filter goes with what normalizes, adds to, multiplies or reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from edgecnn.compress.channel_kinds import part
from edgecnn.compress.channel_parts import Call, Part
from edgecnn.compress.channel_ties import Labels, Ties
from edgecnn.errors import BadSetting


@dataclass(frozen=True)
class Wiring:
    """A network's channels.

    Attributes:
        net: the network.
        parts: what each layer has to do with them, in the order of computation; layers that are called twice stand here twice.
        unit: for each channel the unit it belongs to, [channels]: 0 for what is never cut. A unit is kept or removed as a whole.
    """

    net: keras.Model
    parts: tuple[Part, ...]
    unit: np.ndarray

    @property
    def units(self) -> int:
        """How many there are, the fixed one included."""
        return int(self.unit.max()) + 1

    @cached_property
    def by_name(self) -> Mapping[str, Part]:
        """The part of each layer."""
        return {part.layer.name: part for part in self.parts}

    def all_kept(self) -> np.ndarray:
        """[units] of True, to cross out what goes."""
        return np.ones(self.units, bool)

    def kept(self, channels: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Places among `channels` that stay when the units [units] of `keep` do."""
        return np.flatnonzero(keep[self.unit[channels]])

    def widths(self, keep: np.ndarray) -> dict[str, tuple[int, int]]:
        """Channels that each kernel makes, before and after, where there is a difference."""
        found = {part.layer.name: (len(part.widths[0]), len(self.kept(part.widths[0], keep))) for part in self.parts if part.widths}
        return {name: (before, after) for name, (before, after) in found.items() if before != after}


def wiring(net: keras.Model) -> Wiring:
    """Follow the channels of a functional model of any kind; inputs, outputs, and whatever is not understood, are fixed.

    Raises:
        BadSetting: not a functional model, or inputs of unknown size.
    """
    if not isinstance(net, keras.models.Model) or not hasattr(net, "_nodes_by_depth"):
        raise BadSetting(f"{getattr(net, 'name', net)} is no functional Keras model: expected one made of layers from its input to its output")
    if any(None in tensor.shape[1:] for tensor in net.inputs):
        raise BadSetting(f"{net.name} takes pictures of any size: expected a fixed input size, so that multiply-accumulates can be counted")
    ties, labels, parts = Ties(), {}, []
    nodes = [node for depth in sorted(net._nodes_by_depth, reverse=True) for node in net._nodes_by_depth[depth]]
    calls = Counter(id(node.operation) for node in nodes)
    for node in nodes:
        if node.is_input:
            labels |= {id(tensor): Labels.fixed(tensor.shape) for tensor in node.output_tensors}
            continue
        found = part(_call(node, labels, ties), again=calls[id(node.operation)] > 1 or len(node.output_tensors) > 1)
        labels |= {id(tensor): found.output if len(node.output_tensors) == 1 else Labels.fixed(tensor.shape) for tensor in node.output_tensors}
        parts.append(found)
    for tensor in [*net.outputs, *(net.get_layer(name).output for name in ("logits",) if any(layer.name == name for layer in net.layers))]:
        ties.fix(labels[id(tensor)].channels)
    return Wiring(net, tuple(parts), np.unique(ties.roots(), return_inverse=True)[1])


def _call(node: Any, labels: Mapping[int, Labels], ties: Ties) -> Call:
    """A call of Keras' graph with what is known of its inputs."""
    given = node.input_tensors
    return Call(
        layer=node.operation,
        given=tuple(labels[id(tensor)] for tensor in given),
        shapes=tuple(tuple(tensor.shape) for tensor in given),
        shape=tuple(node.output_tensors[0].shape),
        ties=ties,
    )
