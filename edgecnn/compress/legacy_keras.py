"""The bridge to TF-MOT, which knows tf_keras only: a Keras 3 model is rebuilt there, and its weights are brought back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tf_keras

from edgecnn.compress.endings import operation_of
from edgecnn.compress.legacy_layers import twins
from edgecnn.errors import BadSetting

Tensor = Any


@dataclass(frozen=True)
class Legacy:
    """A model in tf_keras, and where its weights belong.

    Attributes:
        model: from the input to what `net` computes, with the same weights.
        net: the Keras 3 model, which never changes.
        output: layer at which `model` ends; None for the last.
        layers: name of a layer of `net` -> the tf_keras layers that compute it, in order.
        variables: the same -> their variables, in the order of that layer's weights. They stay the same when TF-MOT wraps the layers.
    """

    model: tf_keras.Model
    net: keras.Model
    output: str | None
    layers: Mapping[str, list[tf_keras.layers.Layer]]
    variables: Mapping[str, list[Any]]

    def weights(self, changed: Mapping[int, np.ndarray] | None = None) -> list[np.ndarray]:
        """Weights as `net.set_weights` takes them; `changed` says which variables (by id) have another value than their own."""
        changed = changed or {}
        own = {name: [changed.get(id(v), v.numpy()) for v in variables] for name, variables in self.variables.items()}
        return [value for layer in self.net.layers if layer.weights for value in own[layer.name]]

    def wrapped(self, wrap: Callable[[tf_keras.layers.Layer], tf_keras.layers.Layer]) -> tf_keras.Model:
        """The model with layers wrapped as TF-MOT wants it: `wrap` gives a wrapper of a layer, or the layer itself. Variables are shared."""
        return tf_keras.models.clone_model(self.model, clone_function=wrap)


def to_legacy(net: keras.Model, output: str | None = None) -> Legacy:
    """Rebuild a functional Keras 3 model in tf_keras, layer by layer, with the same weights.

    Layers and operations that tf_keras does not have are run by Keras 3 inside of it, see `BridgedLayer`. A layer that is called several times is so there.

    Args:
        net: of one input.
        output: layer at which the rebuilt model ends; the model's own last one when left out.

    Raises:
        BadSetting: weights of another shape, or weights behind `output`.
    """
    end = operation_of(net, output).output if output else net.outputs[0]
    made: dict[str, list[tf_keras.layers.Layer]] = {}
    source = tf_keras.Input(tuple(net.inputs[0].shape[1:]), name=net.inputs[0]._keras_history.operation.name)
    tensors: dict[int, Tensor] = {id(net.inputs[0]): source}
    for node in calls_of(net):
        layer = node.operation
        given = [tensors[key] for key in dict.fromkeys(id(tensor) for tensor in node.input_tensors)]
        if layer.name not in made:
            made[layer.name] = twins(layer, node)
        x = given if len(given) > 1 else given[0]
        for twin in made[layer.name]:
            x = twin(x)
        results = x if isinstance(x, list | tuple) else [x]
        tensors |= {id(tensor): value for tensor, value in zip(node.outputs, results, strict=True)}
        if id(end) in tensors:
            break
    model = tf_keras.Model(source, tensors[id(end)], name=net.name)
    variables = {layer.name: _variables(layer, made[layer.name]) for layer in net.layers if layer.name in made}
    rest = {layer.name for layer in net.layers if layer.weights} - set(made)
    if rest:
        raise BadSetting(f"layers after '{output}' have weights ({', '.join(sorted(rest))}); expected a classifier that ends there")
    return Legacy(model, net, output, made, variables)


def calls_of(net: keras.Model) -> list[Any]:
    """Calls of layers and operations in the order of computation, without inputs."""
    place = {id(operation): index for index, operation in enumerate(net.operations)}
    calls = []
    for depth in sorted(net._nodes_by_depth, reverse=True):
        calls += sorted(net._nodes_by_depth[depth], key=lambda node: place[id(node.operation)])
    return [node for node in calls if not node.is_input]


def sources_of(node: Any) -> list[str]:
    """Names of the layers and operations whose results a call takes, each once."""
    return list(dict.fromkeys(tensor._keras_history.operation.name for tensor in node.input_tensors))


def _variables(layer: keras.Layer, layers: list[tf_keras.layers.Layer]) -> list[Any]:
    """The variables of the twins in the order of the layer's weights, filled with these."""
    ours, theirs = layer.get_weights(), [variable for twin in layers for variable in twin.weights]
    if [value.shape for value in ours] != [tuple(variable.shape) for variable in theirs]:
        raise BadSetting(f"layer '{layer.name}' has weights of shapes {[v.shape for v in ours]} here and {[tuple(v.shape) for v in theirs]} in tf_keras")
    for variable, value in zip(theirs, ours, strict=True):
        variable.assign(value)
    return theirs
