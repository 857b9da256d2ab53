"""Keras model -> frozen TensorFlow graph: variables become constants, one function with one input and one output.

Freezing here instead of letting the converters write a SavedModel first saves about 4 seconds a model.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgecnn.card import INPUT, OUTPUT
from edgecnn.errors import BadSetting


def freeze(model: keras.Model, batch: int | None) -> tf.types.experimental.ConcreteFunction:
    """Trace `model` in inference mode at a batch of `batch` pictures (None leaves it open) and freeze its weights.

    Raises:
        BadSetting: Keras runs on another backend than TensorFlow, which alone has converters to TFLite and ONNX.
    """
    if keras.backend.backend() != "tensorflow":
        raise BadSetting(
            f"KERAS_BACKEND is {keras.backend.backend()}: conversion needs tensorflow; export in a process of its own with KERAS_BACKEND=tensorflow"
        )
    spec = tf.TensorSpec((batch, *model.inputs[0].shape[1:]), tf.float32, name=INPUT)
    traced = tf.function(lambda image: {OUTPUT: model(image, training=False)}, input_signature=[spec], autograph=False)
    return convert_variables_to_constants_v2(traced.get_concrete_function(), lower_control_flow=False)
