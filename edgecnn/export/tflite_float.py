"""Frozen graph -> float32 TFLite, with the names that a reader of the file expects."""

from __future__ import annotations

import logging

import keras
import tensorflow as tf

from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer, graph, tflite_fuse


def convert(model: keras.Model) -> bytes:
    """The float32 .tflite of a Keras model: batch 1, built-in operators only, input `image`, output `probabilities`.

    Raises:
        BadFile: the model has an operation that TFLite's built-in operators do not cover; Flex operators are never used.
    """
    frozen = graph.freeze(model, batch=1)
    with tf.Graph().as_default() as tf_graph:
        tf.import_graph_def(frozen.graph_def, name="")
    ends = [tf_graph.get_tensor_by_name(frozen.input)], [tf_graph.get_tensor_by_name(frozen.output)]
    # The way for frozen graphs. That for Keras models writes a SavedModel, reads it back and freezes it: the same file, seconds later.
    converter = tf.compat.v1.lite.TFLiteConverter(frozen.graph_def, *ends)
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
    parsed = flatbuffer.read(content)
    tflite_fuse.norms(parsed)
    return flatbuffer.tidied(parsed)
