"""A layer of an author's own class as the graph of what it is made of."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras


def traced(layer: keras.Layer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> keras.Model | None:
    """The functional model that a layer's own `call` builds out of layers and operations of Keras, for inference.

    Args:
        layer: of a class that was trusted when the model was loaded.
        args, kwargs: of one call of it, in a graph.

    Returns:
        From the tensors among the arguments to what the layer gives; None where its `call` does more than call layers and operations, or uses weights that
        are not a layer's.
    """
    inputs: list[Any] = []

    def stand_in(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        inputs.append(keras.Input(batch_shape=value.shape, dtype=value.dtype))
        return inputs[-1]

    own_args, own_kwargs = keras.tree.map_structure(stand_in, (tuple(args), dict(kwargs)))
    if "training" in inspect.signature(layer.call).parameters:
        own_kwargs["training"] = False
    try:
        graph = keras.Model(inputs, layer.call(*own_args, **own_kwargs))
    # An author's code raises whatever it likes when it meets a tensor without values.
    except Exception:
        return None
    whole = {id(weight) for weight in graph.weights} == {id(weight) for weight in layer.weights}
    return graph if whole and not _holds_variables(graph) else None


def _holds_variables(graph: keras.Model) -> bool:
    """Whether an operation takes a weight as a constant, which no file could keep."""
    arguments = [value for operation in graph.operations for node in operation._inbound_nodes for value in node.arguments._flat_arguments]
    return any(isinstance(value, keras.Variable) for value in arguments)
