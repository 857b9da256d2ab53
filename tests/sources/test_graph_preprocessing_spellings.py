"""Preprocessing in the graph as other hands spell it: Keras 2, reversed channels, ONNX of PyTorch, quantized constants, and what only looks like it."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops
from onnx import TensorProto, helper, numpy_helper

from edgecnn.export import onnx_float, tflite_float
from edgecnn.sources.graph_preprocessing_keras import from_keras, hint_keras_application
from edgecnn.sources.graph_preprocessing_onnx import from_onnx
from edgecnn.sources.graph_preprocessing_tflite import from_tflite

SIZE = 16
MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
IMAGENET = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def keras_3(preprocess) -> keras.Model:
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu")(preprocess(image))
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def keras_2(preprocess):
    import tf_keras

    image = tf_keras.layers.Input((SIZE, SIZE, 3))
    x = tf_keras.layers.Conv2D(4, 3, 2, padding="same")(preprocess(image))
    return tf_keras.Model(image, tf_keras.layers.Dense(3)(tf_keras.layers.GlobalAveragePooling2D()(x)))


def batch_norm(mean, variance, gamma, beta):
    def apply(x):
        layer = layers.BatchNormalization()
        y = layer(x)
        layer.set_weights([np.broadcast_to(np.float32(value), 3) for value in (gamma, beta, mean, variance)])
        return y

    return apply


REVERSED = {
    "flip": lambda x: ops.flip(x, axis=-1) - MEAN_BGR,
    "slice": lambda x: x[..., ::-1] - MEAN_BGR,
    "take": lambda x: ops.take(x, [2, 1, 0], axis=-1) - MEAN_BGR,
    "stack": keras.applications.resnet50.preprocess_input,
}


@pytest.mark.parametrize("preprocess", REVERSED.values(), ids=REVERSED)
def test_reversed_channels_before_a_bgr_mean_mean_rgb(preprocess):
    model = keras_3(preprocess)
    found = from_keras(model)
    assert (found.value_range, found.channel_order) == ("0..255", "rgb")
    for said in (from_tflite(tflite_float.convert(model)), from_onnx(onnx_float.convert(model))):
        assert said is None or (said.value_range, said.channel_order) == ("0..255", "rgb")


def test_a_bgr_mean_alone_means_bgr():
    assert from_keras(keras_3(lambda x: x - MEAN_BGR)).channel_order == "bgr"


def test_a_batch_norm_behind_preprocessing_does_not_hide_it():
    model = keras_3(lambda x: batch_norm([0.5, 0.4, 0.6], [0.07, 0.06, 0.08], [1.3, 0.4, 2.0], [0.1, -0.7, 0.3])(layers.Rescaling(1 / 255)(x)))
    assert from_keras(model).value_range == "0..255"
    assert from_onnx(onnx_float.convert(model)).value_range == "0..255"


ODD = {
    "batch norm of odd statistics": batch_norm([0.1, -3.0, 7.0], [4.0, 9.0, 0.3], [0.5, 2.0, 1.0], [1.0, 0.0, 3.0]),
    "batch norm of a unit input": batch_norm([0.48, 0.45, 0.4], [0.06, 0.05, 0.05], [1.0, 1.1, 0.9], [0.0, 0.1, 0.0]),
    "depthwise": lambda x: layers.DepthwiseConv2D(1)(x),
    "group norm": lambda x: layers.GroupNormalization(3)(x),
    "dense with a bias": lambda x: layers.Dense(6, bias_initializer="random_normal")(x),
    "raw and scaled": lambda x: layers.Concatenate()([layers.Conv2D(3, 3, padding="same")(x / 255.0), layers.Conv2D(3, 3, padding="same")(x)]),
}


@pytest.mark.parametrize("preprocess", ODD.values(), ids=ODD)
def test_what_only_looks_like_it_says_nothing(preprocess):
    model = keras_3(preprocess)
    assert from_keras(model) is None
    assert from_tflite(tflite_float.convert(model)) is None
    assert from_onnx(onnx_float.convert(model)) is None


def test_keras_2_models_are_read(tmp_path):
    import tensorflow as tf
    import tf_keras

    applications, own = tf_keras.applications, tf_keras.layers
    cases = [
        (applications.mobilenet.preprocess_input, "0..255", None, False),
        (applications.resnet50.preprocess_input, "0..255", "rgb", False),
        (applications.densenet.preprocess_input, "0..255", "rgb", False),
        (own.Rescaling(1 / 255), "0..255", None, False),
        (own.Normalization(mean=IMAGENET[0], variance=IMAGENET[1] ** 2), "0..1", "rgb", False),
        (lambda x: tf.image.resize(x, (8, 8)) / 255.0, "0..255", None, True),
        (lambda x: (x - 127.5) * (1 / 127.5), "0..255", None, False),
        (tf_keras.Sequential([own.RandomFlip(), own.Rescaling(1 / 127.5, -1)]), "0..255", None, False),
    ]
    for preprocess, *expected in cases:
        keras_2(preprocess).save(tmp_path / "model.h5")
        found = from_keras(tf_keras.models.load_model(tmp_path / "model.h5", compile=False))
        assert [found.value_range, found.channel_order, found.resizes] == expected
    assert from_keras(keras_2(lambda x: x)) is None
    assert from_keras(keras_2(own.BatchNormalization())) is None


@pytest.mark.parametrize("family", [pytest.param(name, marks=pytest.mark.slow) for name in ("RegNetX002", "RegNetY002", "ResNetRS50", "EfficientNetB0")])
def test_families_of_keras_2_that_scale_by_themselves(family):
    import tf_keras

    assert from_keras(getattr(tf_keras.applications, family)(weights=None, input_shape=(32, 32, 3), classes=4)).value_range == "0..255"


@pytest.mark.parametrize("family", ["MobileNetV3Large", pytest.param("EfficientNetV2B0", marks=pytest.mark.slow)])
def test_nested_families_that_scale_by_themselves(family):
    inner = getattr(keras.applications, family)(weights=None, input_shape=(32, 32, 3), classes=4)
    image = keras.Input((32, 32, 3))
    assert from_keras(keras.Model(image, inner(image))).value_range == "0..255"
    assert hint_keras_application(inner) is None


def onnx_model(nodes, constants, dtype=TensorProto.FLOAT) -> onnx.ModelProto:
    """An NCHW graph of these nodes from `image` to `ready`, and a convolution."""
    constants = {**constants, "kernel": np.ones((2, 3, 3, 3), np.float32)}
    graph = helper.make_graph(
        [*nodes, helper.make_node("Conv", ["ready", "kernel"], ["scores"])],
        "other",
        [helper.make_tensor_value_info("image", dtype, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])


def test_onnx_of_pytorch():
    """`(x - mean) / std` of torchvision in the module, mean and deviation as buffers [1, 3, 1, 1]."""
    constants = {"mean": IMAGENET[0].reshape(1, 3, 1, 1), "std": IMAGENET[1].reshape(1, 3, 1, 1), "byte": np.float32(255)}
    steps = [helper.make_node("Sub", ["x", "mean"], ["centred"]), helper.make_node("Div", ["centred", "std"], ["ready"])]
    unit = from_onnx(onnx_model([helper.make_node("Identity", ["image"], ["x"]), *steps], constants))
    of_bytes = from_onnx(onnx_model([helper.make_node("Div", ["image", "byte"], ["x"]), *steps], constants))
    assert (unit.value_range, unit.channel_order) == ("0..1", "rgb")
    assert (of_bytes.value_range, of_bytes.channel_order) == ("0..255", "rgb")


def test_onnx_of_a_convolution_a_channel():
    constants = {"scale": (1 / (255 * IMAGENET[1])).reshape(3, 1, 1, 1), "offset": -IMAGENET[0] / IMAGENET[1]}
    node = helper.make_node("Conv", ["image", "scale", "offset"], ["ready"], kernel_shape=[1, 1], group=3)
    found = from_onnx(onnx_model([node], constants))
    assert (found.value_range, found.channel_order) == ("0..255", "rgb")


@pytest.mark.parametrize("attributes", [{"strides": [2, 2]}, {"pads": [1, 1, 1, 1]}], ids=["strided", "padded"])
def test_onnx_of_a_convolution_that_does_more(attributes):
    constants = {"scale": np.full((3, 1, 1, 1), 1 / 255, np.float32)}
    node = helper.make_node("Conv", ["image", "scale"], ["ready"], kernel_shape=[1, 1], group=3, **attributes)
    assert from_onnx(onnx_model([node], constants)) is None


def test_quantized_constants_are_read():
    """TensorFlow's converter at full int8 keeps SUB and MUL with constants of eight bits."""
    import tensorflow as tf

    model = keras_3(layers.Normalization(mean=[123.7, 116.8, 103.9], variance=[58.4**2] * 3))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    pictures = np.random.default_rng(0).uniform(0, 255, (8, SIZE, SIZE, 3)).astype(np.float32)
    pictures[0], pictures[1] = 0, 255
    converter.representative_dataset = lambda: ([x[None]] for x in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    found = from_tflite(converter.convert())
    assert found.value_range == "0..255"
