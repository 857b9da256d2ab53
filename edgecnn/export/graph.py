"""Keras model -> TensorFlow graph with its weights as constants: what both converters start from."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf

from edgecnn.card import INPUT
from edgecnn.errors import BadSetting
from edgecnn.export import memory

# Attributes that keep a function call from being inlined.
_CLOSED = ("_XlaMustCompile", "_noinline")


@dataclass(frozen=True)
class Frozen:
    """A graph that needs nothing else to run.

    Attributes:
        graph_def: its nodes, weights included.
        input, output: names of the tensors, as `name:0`.
    """

    graph_def: tf.compat.v1.GraphDef
    input: str
    output: str


def freeze(model: keras.Model, batch: int | None) -> Frozen:
    """Trace `model` in inference mode for `batch` pictures at once; None leaves that open.

    The weights enter the trace as constants. Tracing variables and freezing them afterwards gives the same graph with two more passes over it.

    Raises:
        BadSetting: Keras runs on another backend than TensorFlow, which alone has converters to TFLite and ONNX.
    """
    if keras.backend.backend() != "tensorflow":
        backend = keras.backend.backend()
        raise BadSetting(f"Keras runs on {backend}: conversion needs tensorflow; export in a process of its own with KERAS_BACKEND=tensorflow")
    frozen = _traced(model, batch)
    memory.release(model.count_params())
    return frozen


def _traced(model: keras.Model, batch: int | None) -> Frozen:
    """The graph alone: the trace, which refers to itself and to every weight twice, is garbage when this returns."""
    spec = tf.TensorSpec((batch, *model.inputs[0].shape[1:]), tf.float32, name=INPUT)
    values = [(variable, variable.numpy()) for variable in model.variables]

    def call(image: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope(state_mapping=[(variable, tf.constant(value)) for variable, value in values]):
            return model(image, training=False)

    traced = tf.function(call, input_signature=[spec], autograph=False).get_concrete_function()
    graph_def = traced.graph.as_graph_def()
    _open_functions(graph_def)
    return Frozen(graph_def, traced.inputs[0].name, traced.outputs[0].name)


def _open_functions(graph_def: tf.compat.v1.GraphDef) -> None:
    """Let converters inline the functions that Keras wants XLA to compile (grouped convolutions, which TensorFlow cannot train on CPU otherwise).

    TFLite's converter inlines them anyhow; tf2onnx knows no function calls, and TensorFlow's optimizer leaves marked ones alone.
    """
    for entry in (*graph_def.node, *graph_def.library.function):
        for mark in _CLOSED:
            entry.attr.pop(mark, None)
