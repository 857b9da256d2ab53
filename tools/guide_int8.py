"""The way to an int8 .tflite that TensorFlow's guide describes, as one script: what edgecnn is measured against.

https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization, "full integer quantization".

    python tools/guide_int8.py MODEL.keras PICTURES.npy OUT.tflite

PICTURES.npy holds the network's input, float32 [N, H, W, C], ready made.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


def main(model_path: str, pictures_path: str, out: str) -> None:
    """Load, convert with full integer quantization, write."""
    model = keras.saving.load_model(model_path, compile=False)
    pictures = np.load(pictures_path)

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for i in range(len(pictures)):
            yield [pictures[i : i + 1]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    Path(out).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
