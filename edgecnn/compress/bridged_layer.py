"""Anything that tf_keras does not have, run by Keras 3 inside of a tf_keras model: it trains, and TF-MOT leaves it alone."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tf_keras


class BridgedLayer(tf_keras.layers.Layer):
    """A layer or an operation of Keras 3, with its own copy of the weights.

    Args:
        operation: of a flat functional model.
        node: the one call of it, with its constant arguments.
    """

    def __init__(self, operation: keras.Operation, node: Any) -> None:
        super().__init__(name=operation.name)
        self.operation, self.node = operation, node
        self.is_layer = isinstance(operation, keras.Layer)

    def build(self, input_shape: Any) -> None:
        """One variable for each of the layer's, in their order."""
        weights = self.operation.weights if self.is_layer else []
        self.copies = [
            self.add_weight(f"weight_{i}", shape=tuple(one.shape), trainable=bool(one.trainable), initializer="zeros") for i, one in enumerate(weights)
        ]
        super().build(input_shape)

    @property
    def weights(self) -> list[Any]:
        """In the order of the Keras 3 layer, trainable or not."""
        return list(getattr(self, "copies", []))

    @tf.autograph.experimental.do_not_convert
    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What Keras 3 computes in inference; TF-MOT's wrappers say `training`, which changes nothing here."""
        del training
        tensors = inputs if isinstance(inputs, list | tuple) else [inputs]
        args, kwargs = self.node.arguments.fill_in({id(one): tensor for one, tensor in zip(_distinct(self.node), tensors, strict=True)})
        kwargs.pop("training", None)
        if not self.is_layer:
            return self.operation.call(*args, **kwargs)
        pairs = list(zip(self.operation.weights, self.copies, strict=True))
        with keras.StatelessScope(state_mapping=[(variable, copy) for variable, copy in pairs]):
            return self.operation.call(*args, **kwargs)


def _distinct(node: Any) -> list[Any]:
    """The tensors that a call takes, each once, in order."""
    return list({id(one): one for one in node.input_tensors}.values())
