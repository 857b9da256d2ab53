"""Keras model -> TensorFlow function with one input and one output, which is what both converters start from."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgecnn.card import INPUT, OUTPUT
from edgecnn.errors import BadSetting


def trace(model: keras.Model, batch: int | None) -> tf.types.experimental.ConcreteFunction:
    """`model` in inference mode as one TensorFlow function of a batch of `batch` pictures (None leaves it open).

    Raises:
        BadSetting: Keras runs on another backend than TensorFlow, which alone has converters to TFLite and ONNX.
    """
    if keras.backend.backend() != "tensorflow":
        backend = keras.backend.backend()
        raise BadSetting(f"Keras runs on {backend}: conversion needs tensorflow; export in a process of its own with KERAS_BACKEND=tensorflow")
    spec = tf.TensorSpec((batch, *model.inputs[0].shape[1:]), tf.float32, name=INPUT)
    return tf.function(lambda image: {OUTPUT: model(image, training=False)}, input_signature=[spec], autograph=False).get_concrete_function()


def freeze(model: keras.Model) -> tf.types.experimental.ConcreteFunction:
    """`trace` with an open batch and with the weights as constants."""
    return convert_variables_to_constants_v2(trace(model, batch=None), lower_control_flow=False)
