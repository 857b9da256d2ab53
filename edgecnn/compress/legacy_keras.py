"""The bridge to TF-MOT, which knows tf_keras only: a Keras 3 model is rebuilt there, and its weights are brought back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tf_keras

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

    Layers and operations that tf_keras does not have are run by Keras 3 inside of it, see `BridgedLayer`.

    Args:
        net: of one input, whose layers are each called once.
        output: layer at which the rebuilt model ends; the model's own last one when left out.

    Raises:
        BadSetting: a layer that tf_keras does not have, a layer that is called twice, or weights of another shape.
    """
    made: dict[str, list[tf_keras.layers.Layer]] = {}
    tensors: dict[str, Tensor] = {}
    for layer in net.operations:
        if isinstance(layer, keras.layers.InputLayer):
            source = tensors[layer.name] = tf_keras.Input(tuple(layer.batch_shape[1:]), name=layer.name)
            continue
        given = [tensors[name] for name in inputs_of(layer)]
        made[layer.name] = twins(layer)
        x = given if len(given) > 1 else given[0]
        for twin in made[layer.name]:
            x = twin(x)
        if isinstance(x, list | tuple):
            raise BadSetting(f"'{layer.name}' gives {len(x)} tensors; expected layers and operations of one result")
        tensors[layer.name] = x
        if layer.name == output:
            break
    model = tf_keras.Model(source, tensors[output or net.outputs[0]._keras_history.operation.name], name=net.name)
    variables = {layer.name: _variables(layer, made[layer.name]) for layer in net.layers if layer.name in made}
    rest = {layer.name for layer in net.layers if layer.weights} - set(made)
    if rest:
        raise BadSetting(f"layers after '{output}' have weights ({', '.join(sorted(rest))}); expected a classifier that ends there")
    return Legacy(model, net, output, made, variables)


def operation_of(net: keras.Model, name: str) -> keras.Operation:
    """A layer or an operation of a model by its name."""
    return next(one for one in net.operations if one.name == name)


def inputs_of(layer: keras.Operation) -> list[str]:
    """Names of the layers and operations whose results one takes, each once.

    Raises:
        BadSetting: called twice or never.
    """
    nodes = layer._inbound_nodes
    if len(nodes) != 1:
        raise BadSetting(f"layer '{layer.name}' is called {len(nodes)} times; expected layers that are called once")
    return list(dict.fromkeys(tensor._keras_history.operation.name for tensor in nodes[0].input_tensors))


def _variables(layer: keras.Layer, layers: list[tf_keras.layers.Layer]) -> list[Any]:
    """The variables of the twins in the order of the layer's weights, filled with these."""
    ours, theirs = layer.get_weights(), [variable for twin in layers for variable in twin.weights]
    if [value.shape for value in ours] != [tuple(variable.shape) for variable in theirs]:
        raise BadSetting(f"layer '{layer.name}' has weights of shapes {[v.shape for v in ours]} here and {[tuple(v.shape) for v in theirs]} in tf_keras")
    for variable, value in zip(theirs, ours, strict=True):
        variable.assign(value)
    return theirs
