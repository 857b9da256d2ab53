"""Channels scaled so that each uses all steps of its tensor: what a layer makes larger, the layers that read it make smaller again.

Nagel et al., 2019, Data-free quantization through weight equalization and bias correction, section 4.1, https://arxiv.org/abs/1906.04721. There weights are
made even, because they had one scale a tensor. Ours have one a channel, so that activations are what is left to be made even: TFLite and ONNX Runtime give
all channels of a map one scale, and a channel whose values are a hundredth of the largest one's has two or three steps of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

# No channel is scaled by more: what never lights up on some pictures may do so on others.
MOST = 64.0
# Room between the largest value seen and a ceiling such as ReLU6's.
ROOM = 1.1
BATCH = 8

# Layers through which a factor a channel passes unchanged.
PASSING = ("MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "ZeroPadding2D", "Dropout", "SpatialDropout2D", "LeakyReLU")
FIXED = 0


@dataclass
class Channels:
    """What is known of every channel of a network; number 0 stands for all that keep their scale.

    Attributes:
        makers: (layer, its output's channels).
        readers: (layer, its input's channels).
        tensors: (channels, tensor) whose ranges count: what layers with weights read, and what activations give.
        ceiling: number of a channel -> where an activation cuts it off.
        parent: links of channels that a sum ties together.
    """

    makers: list[tuple[keras.Layer, np.ndarray]] = field(default_factory=list)
    readers: list[tuple[keras.Layer, np.ndarray]] = field(default_factory=list)
    tensors: list[tuple[np.ndarray, Any]] = field(default_factory=list)
    ceiling: dict[int, float] = field(default_factory=dict)
    parent: list[int] = field(default_factory=lambda: [FIXED])

    def new(self, count: int) -> np.ndarray:
        """Numbers of so many channels of their own."""
        numbers = np.arange(len(self.parent), len(self.parent) + count)
        self.parent += numbers.tolist()
        return numbers

    def root(self, number: int) -> int:
        """The number that stands for all that are tied to this one."""
        while self.parent[number] != number:
            number = self.parent[number]
        return number

    def tie(self, one: np.ndarray, other: np.ndarray) -> None:
        """Channels that must have the same factor; the fixed one wins."""
        for pair in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted(self.root(number) for number in pair)
            self.parent[high] = low

    def fix(self, numbers: np.ndarray) -> None:
        """Channels that keep their scale."""
        self.tie(numbers, np.zeros_like(numbers))

    def roots(self) -> np.ndarray:
        """That of each number."""
        return np.array([self.root(number) for number in range(len(self.parent))])


def equalized(net: keras.Model, inputs: np.ndarray) -> keras.Model:
    """A network that gives the same answers from channels of like ranges.

    Args:
        net: a functional model; it is not changed.
        inputs: some network inputs [N, H, W, C], on which the ranges are measured.
    """
    known = follow(net)
    factors = _factors(known, _largest(net, known, inputs))
    other = keras.models.clone_model(net)
    other.set_weights(net.get_weights())
    for layer, made in known.makers:
        _scale(other.get_layer(layer.name), factors[made])
    for layer, read in known.readers:
        _absorb(other.get_layer(layer.name), factors[read])
    return other


def can_equalize(net: keras.Model) -> bool:
    """Whether a network has a graph of layers that can be copied, which the one graph of a SavedModel is not."""
    if not hasattr(net, "_nodes_by_depth"):
        return False
    try:
        keras.models.clone_model(net)
    # Layers raise what they like where they cannot say how they were made.
    except Exception:
        return False
    return True


def follow(net: keras.Model) -> Channels:
    """Number the channels of a network from its input to its output."""
    known, numbers = Channels(), {}
    nodes = [node for depth in sorted(net._nodes_by_depth, reverse=True) for node in net._nodes_by_depth[depth]]
    calls = Counter(id(node.operation) for node in nodes)
    for node in nodes:
        output = node.output_tensors[0]
        given = [numbers[id(tensor)] for tensor in node.input_tensors]
        if node.is_input:
            numbers[id(output)] = np.zeros(output.shape[-1], int)
        elif calls[id(node.operation)] > 1 or len(node.output_tensors) > 1:
            for channels in given:
                known.fix(channels)
            numbers |= {id(tensor): np.zeros(tensor.shape[-1], int) for tensor in node.output_tensors}
        else:
            numbers[id(output)] = _through(node, given, known)
    for tensor in net.outputs:
        known.fix(numbers[id(tensor)])
    return known


def _through(node: Any, given: list[np.ndarray], known: Channels) -> np.ndarray:
    """Numbers of the channels that a layer gives."""
    layer, shape = node.operation, node.output_tensors[0].shape
    kind, config = type(layer).__name__, layer.get_config()
    if kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense", "BatchNormalization"):
        if kind == "BatchNormalization" or config.get("groups", 1) > 1:
            known.fix(given[0])
        else:
            known.readers.append((layer, given[0]))
            known.tensors.append((given[0], node.input_tensors[0]))
        made = known.new(shape[-1])
        if kind == "BatchNormalization" and not layer.scale:
            known.fix(made)
        known.makers.append((layer, made))
        return _activated(config.get("activation", "linear"), made, known)
    if kind in ("Activation", "ReLU"):
        act = config["activation"] if kind == "Activation" else "relu" if config["max_value"] is None else float(config["max_value"])
        known.tensors.append((given[0], node.output_tensors[0]))
        return _activated(act, given[0], known, plain=not config.get("threshold"))
    if kind in PASSING:
        return given[0]
    if kind == "Add":
        for other in given[1:]:
            known.tie(given[0], other)
        return given[0]
    if kind == "Concatenate" and config["axis"] in (-1, len(shape) - 1):
        return np.concatenate(given)
    if kind in ("Flatten", "Reshape") and None not in shape[1:] and shape[-1] % len(given[0]) == 0:
        return np.tile(given[0], shape[-1] // len(given[0]))
    for channels in given:
        known.fix(channels)
    return np.zeros(shape[-1], int)


def _activated(act: object, made: np.ndarray, known: Channels, *, plain: bool = True) -> np.ndarray:
    """The channels behind an activation: as they are where it commutes with factors, cut off at a ceiling (a number), else fixed on both sides."""
    act = 6.0 if act == "relu6" else act
    if isinstance(act, float) and plain:
        known.ceiling |= dict.fromkeys(made.tolist(), act)
        return made
    if act in ("linear", "relu", "leaky_relu") and plain:
        return made
    known.fix(made)
    return np.zeros_like(made)


def _largest(net: keras.Model, known: Channels, inputs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(channels, largest magnitude of each) of every tensor whose range counts."""
    if not known.tensors:
        return
    outputs = [_magnitudes(tensor) for _, tensor in known.tensors]
    probe = keras.Model(net.input, outputs)
    found = [probe(inputs[start : start + BATCH], training=False) for start in range(0, len(inputs), BATCH)]
    for index, (channels, _) in enumerate(known.tensors):
        yield channels, np.max([keras.ops.convert_to_numpy(part[index]).max(0) for part in found], axis=0)


def _magnitudes(tensor: Any) -> Any:
    """Largest magnitude a channel, [N, channels]."""
    return keras.ops.max(keras.ops.abs(tensor), axis=tuple(range(1, len(tensor.shape) - 1))) if len(tensor.shape) > 2 else keras.ops.abs(tensor)


def _factors(known: Channels, largest: Iterator[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Factor of each numbered channel; 1 for fixed ones and for those that never light up."""
    roots = known.roots()
    own, whole = np.zeros(len(roots)), np.zeros(len(roots))
    for channels, values in largest:
        np.maximum.at(own, roots[channels], values)
        np.maximum.at(whole, roots[channels], values.max())
    factors = np.clip(np.divide(whole, own, out=np.ones_like(own), where=own > 0), 1.0, MOST)
    for number, limit in known.ceiling.items():
        root = roots[number]
        factors[root] = max(1.0, min(factors[root], limit / (ROOM * own[root]) if own[root] else 1.0))
    factors[FIXED] = 1.0
    return factors[roots].astype(np.float32)


def _scale(layer: keras.Layer, factors: np.ndarray) -> None:
    """Give a layer's outputs these factors [channels]."""
    kind, weights = type(layer).__name__, layer.get_weights()
    if kind == "BatchNormalization":
        for index in range(2 if layer.center else 1):
            weights[index] = weights[index] * factors
    else:
        index = 1 if kind == "SeparableConv2D" else 0
        shape = weights[index].shape[-2:] if kind == "DepthwiseConv2D" else factors.shape
        weights[index] = weights[index] * factors.reshape(shape)
        if layer.use_bias:
            weights[-1] = weights[-1] * factors
    layer.set_weights(weights)


def _absorb(layer: keras.Layer, factors: np.ndarray) -> None:
    """Take these factors [channels] of its input out of a layer's weights."""
    weights = layer.get_weights()
    weights[0] = weights[0] / factors[:, None]
    layer.set_weights(weights)
