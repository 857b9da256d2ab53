"""How much a network would miss each unit of channels, on one scale for all layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from edgecnn.compress.channel_groups import Wiring
from edgecnn.compress.endings import Ending, ending_of, operation_of
from edgecnn.errors import BadData, BadSetting

# Pictures of one gradient. Gradients of pictures cancel out, so that a few at a time tell more than many.
BATCH = 8


def importance(wired: Wiring, kind: str, inputs: np.ndarray | None = None, labels: np.ndarray | None = None) -> np.ndarray:
    """Importance of each unit [units], 0 or more.

    Args:
        wired: the network.
        kind: one of `settings.channels.IMPORTANCES`.
        inputs, labels: network inputs [N, H, W, C] and one-hot classes [N, classes], for `taylor`.

    Raises:
        BadSetting: `taylor` on a Keras backend other than TensorFlow. BadData: `taylor` without inputs and labels, or with others than the network takes.
    """
    if kind == "taylor":
        return _taylor(wired, inputs, labels)
    magnitudes = _averaged(wired, _magnitudes(wired))
    if kind == "l1":
        return np.nan_to_num(magnitudes)
    scales = _averaged(wired, _scales(wired))
    return np.nan_to_num(np.where(np.isnan(scales), magnitudes, scales))


def _magnitudes(wired: Wiring) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(channels, mean magnitude of the weights of each one's filter) of each kernel."""
    for part in wired.parts:
        if part.makes:
            weight, axis = part.makes
            values = np.abs(np.moveaxis(part.layer.get_weights()[weight], axis, 0))
            yield part.weights[weight][axis], values.reshape(len(values), -1).mean(axis=1)


def _scales(wired: Wiring) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(channels, magnitude of gamma) of each batch norm that has one."""
    for part in wired.parts:
        if isinstance(part.layer, keras.layers.BatchNormalization) and part.layer.scale and part.weights:
            yield part.weights[0][0], np.abs(part.layer.get_weights()[0])


def _averaged(wired: Wiring, found: Iterator[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Mean over the channels of each unit [units], each layer's values divided by their mean so that layers can be compared; NaN where nothing was found."""
    total, count = np.zeros(wired.units), np.zeros(wired.units)
    for channels, values in found:
        np.add.at(total, wired.unit[channels], values / max(float(values.mean()), 1e-12))
        np.add.at(count, wired.unit[channels], 1)
    return np.divide(total, count, out=np.full(wired.units, np.nan), where=count > 0)


def _taylor(wired: Wiring, inputs: np.ndarray | None, labels: np.ndarray | None) -> np.ndarray:
    """Mean over batches of the square of (gradient of the loss) x (change), for the change that sets what readers get from a unit to zero.

    Molchanov et al., 2019, https://arxiv.org/abs/1906.10771, equation 8, with a gate where channels are read: the sum of weight x gradient over the rows of the
    kernels that read them, which is the same number. Units are tied, so that the square is of their sum, as in DepGraph.
    """
    if keras.backend.backend() != "tensorflow":
        raise BadSetting(f"importance 'taylor' with Keras on {keras.backend.backend()}: expected the TensorFlow backend, or importance norm")
    net = wired.net
    if inputs is None or labels is None:
        raise BadData("importance 'taylor' without pictures: expected network inputs and one-hot labels, or importance norm")
    if len(inputs) != len(labels) or not len(inputs) or tuple(inputs.shape[1:]) != tuple(net.input.shape[1:]):
        raise BadData(f"inputs {inputs.shape} with labels {labels.shape}: expected [N, {', '.join(map(str, net.input.shape[1:]))}] and [N, classes]")
    readers = [part for part in wired.parts if part.mixes]
    step = _gradients(net, [part.layer.weights[part.mixes[0]] for part in readers])
    total, batches = np.zeros(wired.units), range(0, len(inputs), BATCH)
    for start in batches:
        change = np.zeros(wired.units)
        for part, product in zip(readers, step(inputs[start : start + BATCH], labels[start : start + BATCH]), strict=True):
            weight, axis = part.mixes
            values = np.moveaxis(np.asarray(product), axis, 0)
            np.add.at(change, wired.unit[part.weights[weight][axis]], values.reshape(len(values), -1).sum(axis=1, dtype=np.float64))
        total += change**2
    return total / len(batches)


def _gradients(net: keras.Model, variables: list[keras.Variable]) -> Any:
    """A function from a batch to weight x gradient of the summed loss, for each variable."""
    import tensorflow as tf

    ending = ending_of(net)
    whole = keras.Model(net.input, operation_of(net, ending.logits).output if ending.logits else net.output)
    loss = _loss(net, ending)

    @tf.function(reduce_retracing=True)
    def step(inputs: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([variable.value for variable in variables])
            value = loss(labels, tf.reshape(whole(inputs, training=False), tf.shape(labels)))
        gradients = tape.gradient(value, [variable.value for variable in variables], unconnected_gradients="zero")
        return [variable.value * gradient for variable, gradient in zip(variables, gradients, strict=True)]

    return lambda inputs, labels: step(tf.convert_to_tensor(inputs, tf.float32), tf.convert_to_tensor(labels, tf.float32))


def _loss(net: keras.Model, ending: Ending) -> keras.losses.Loss:
    """Summed cross-entropy of what the network gives before its ending; behind an activation inside of the last layer, of probabilities."""
    inside = getattr(getattr(net.outputs[0]._keras_history.operation, "activation", None), "__name__", "")
    if ending.activation == "sigmoid" or net.output.shape[-1] == 1 or inside == "sigmoid":
        return keras.losses.BinaryCrossentropy(from_logits=inside != "sigmoid" or bool(ending.logits), reduction="sum")
    return keras.losses.CategoricalCrossentropy(from_logits=inside != "softmax" or bool(ending.logits), reduction="sum")
