"""Tiny networks in every form that a runner must take: Keras, TFLite by TensorFlow's converter, ONNX written node by node with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIZE, CLASSES = 16, 4


def pictures(count: int = 6, size: int = SIZE) -> np.ndarray:
    """Random uint8 RGB pictures with different mean colours, so that answers vary."""
    rng = np.random.default_rng(3)
    tint = rng.integers(0, 180, (count, 1, 1, 3))
    return (tint + rng.integers(0, 76, (count, size, size, 3))).astype(np.uint8)


def keras_net(*, softmax: bool = True, channels: int = 3, classes: int = CLASSES, seed: int = 0):
    """Conv, ReLU, mean, Dense: 16x16 pictures to `classes` scores, with weights large enough for answers to vary."""
    import keras

    keras.utils.set_random_seed(seed)
    image = keras.Input((SIZE, SIZE, channels), name="image")
    noise, loud = keras.initializers.RandomNormal(stddev=0.3), keras.initializers.RandomNormal(stddev=5.0)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="conv", bias_initializer=noise)(image)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    # Biases are not zero: a converter drops zeros.
    last = keras.layers.Dense(classes, activation="softmax" if softmax else None, name="scores", kernel_initializer=loud, bias_initializer=noise)
    out = last(x)
    return keras.Model(image, out)


def tflite(model, path: Path, *, integer: bool = False, io: str = "float32") -> Path:
    """Convert with TensorFlow's converter; integer files are calibrated on `pictures` and both ends of the range."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        channels = model.input_shape[-1]
        inputs = (pictures(40)[..., :channels].astype(np.float32) - 128) / 128
        inputs[0].fill(-1.0)
        inputs[1].fill(127 / 128)
        converter.representative_dataset = lambda: ([x[None]] for x in inputs)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
    path.write_bytes(converter.convert())
    return path


def onnx(model, path: Path, *, nchw: bool = True, batch: int | None = None, dtype: str = "float32", softmax: bool = True, extra_input: bool = False) -> Path:
    """Write the Keras net as ONNX node by node; `dtype` uint8 and int8 inputs hold the byte, or the byte minus 128, and are scaled inside."""
    import onnx as package
    from onnx import TensorProto, helper, numpy_helper

    kernel, bias, matrix, offset = (np.asarray(w) for w in model.get_weights())
    constants = {"kernel": kernel.transpose(3, 2, 0, 1), "bias": bias, "matrix": matrix, "offset": offset}
    constants |= {"mean": np.float32({"uint8": 128, "int8": 0}.get(dtype, 0)), "std": np.float32(128 if dtype.endswith("int8") else 1)}
    channels = kernel.shape[2]
    shape = [channels, SIZE, SIZE] if nchw else [SIZE, SIZE, channels]
    types = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8}
    given = [helper.make_tensor_value_info("image", types[dtype], [batch or "batch", *shape])]
    if extra_input:
        given.append(helper.make_tensor_value_info("size", TensorProto.FLOAT, ["batch", 2]))
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["real", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 1, 2, 3] if nchw else [0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel", "bias"], ["conv"], strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["row"]),
        helper.make_node("Gemm", ["row", "matrix", "offset"], ["logits"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1))
    result = helper.make_tensor_value_info("probabilities" if softmax else "logits", TensorProto.FLOAT, [batch or "batch", len(offset)])
    stored = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", given, [result], stored)
    package.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path
