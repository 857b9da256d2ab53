"""Frozen graph -> float32 TFLite, with the names that a reader of the file expects."""

from __future__ import annotations

import logging

import keras
import tensorflow as tf

from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer, graph


def convert(model: keras.Model) -> bytes:
    """The float32 .tflite of a Keras model: batch 1, built-in operators only, input `image`, output `probabilities`.

    Raises:
        BadFile: the model has an operation that TFLite's built-in operators do not cover; Flex operators are never used.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.trace(model, batch=1)], model)
    # The detour over a SavedModel gives the same file, about 4 seconds later.
    converter.experimental_lower_to_saved_model = False
    level = logging.getLogger("tensorflow").level
    tf.get_logger().setLevel(logging.ERROR)
    try:
        content = converter.convert()
    except Exception as error:
        if type(error).__name__ != "ConverterError":
            raise
        line = next((part for part in str(error).splitlines() if part.strip()), "no reason given")
        raise BadFile(f"{model.name} cannot be a .tflite of built-in operators: {line[:200]}") from error
    finally:
        tf.get_logger().setLevel(level)
    return flatbuffer.tidy(content)
