"""Preprocessing that lies in the graph is found in Keras, TFLite and ONNX alike; what is none is never taken for it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from edgecnn.export import onnx_float, tflite_float
from edgecnn.sources.graph_preprocessing import AffineWalk
from edgecnn.sources.graph_preprocessing_keras import from_keras, hint_keras_application
from edgecnn.sources.graph_preprocessing_onnx import from_onnx
from edgecnn.sources.graph_preprocessing_tflite import from_tflite

APPLICATIONS = keras.applications
SIZE = 16


def network(preprocess, nested: bool = False) -> keras.Model:
    image = keras.Input((SIZE, SIZE, 3))
    body = keras.Sequential([layers.Conv2D(4, 3, 2, padding="same", activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(3)])
    x = preprocess(image)
    if nested:
        inner = keras.Input(x.shape[1:])
        x = keras.Model(inner, layers.Identity()(inner))(x)
    return keras.Model(image, body(x))


def normalization(mean, std):
    return layers.Normalization(mean=mean, variance=[value**2 for value in std])


SAID = {
    "unit": (layers.Rescaling(1 / 255), "0..255", None),
    "signed": (layers.Rescaling(1 / 127.5, offset=-1), "0..255", None),
    "augmented": (keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1), layers.Rescaling(1 / 255)]), "0..255", None),
    "resized": (keras.Sequential([layers.Resizing(SIZE // 2, SIZE // 2), layers.Rescaling(1 / 127.5, offset=-1)]), "0..255", None),
    "tf": (APPLICATIONS.mobilenet_v2.preprocess_input, "0..255", None),
    "torch": (APPLICATIONS.densenet.preprocess_input, "0..255", "rgb"),
    "caffe": (APPLICATIONS.resnet50.preprocess_input, "0..255", "rgb"),
    "adapted": (normalization([171.0, 160.0, 146.0], [52.0, 53.0, 61.0]), "0..255", None),
    "of unit": (layers.Rescaling(2.0, offset=-1), "0..1", None),
    "torch of unit": (normalization([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), "0..1", "rgb"),
}
SILENT = {
    "nothing": lambda x: x,
    "fresh batch norm": lambda x: layers.BatchNormalization()(x),
    "batch norm of signed input": lambda x: batch_norm(x, mean=0.02, variance=0.15),
    "odd factor": lambda x: layers.Rescaling(7.3, offset=11)(x),
    "tiny factor": lambda x: layers.Rescaling(1e-6)(x),
    "layer norm": lambda x: layers.LayerNormalization()(x),
    "one by one convolution": lambda x: layers.Conv2D(3, 1)(x),
}


def batch_norm(x, mean: float, variance: float):
    layer = layers.BatchNormalization()
    y = layer(x)
    layer.set_weights([np.ones(3), np.zeros(3), np.full(3, mean), np.full(3, variance)])
    return y


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize(("preprocess", "value_range", "order"), SAID.values(), ids=SAID)
def test_layers_and_operations_of_keras_are_read(preprocess, value_range, order, nested):
    found = from_keras(network(preprocess, nested))
    assert (found.value_range, found.channel_order) == (value_range, order)


def test_a_saved_model_says_the_same(tmp_path):
    for name in ("tf", "torch", "caffe"):
        network(SAID[name][0]).save(tmp_path / "model.keras")
        found = from_keras(keras.saving.load_model(tmp_path / "model.keras"))
        assert (found.value_range, found.channel_order) == SAID[name][1:]


@pytest.mark.parametrize("name", ["signed", "torch", "caffe", "adapted", "of unit", "torch of unit"])
def test_converted_files_say_the_same_or_nothing(name):
    preprocess, value_range, order = SAID[name]
    model = network(preprocess)
    for found in (from_tflite(tflite_float.convert(model)), from_onnx(onnx_float.convert(model))):
        assert (found.value_range, found.channel_order) in ((value_range, order), (value_range, None))


@pytest.mark.parametrize("preprocess", SILENT.values(), ids=SILENT)
def test_what_is_no_preprocessing_says_nothing(preprocess):
    model = network(preprocess)
    assert from_keras(model) is None
    assert from_tflite(tflite_float.convert(model)) is None
    assert from_onnx(onnx_float.convert(model)) is None


@pytest.mark.parametrize("family", ["MobileNetV3Small", *(pytest.param(name, marks=pytest.mark.slow) for name in ("EfficientNetB0", "ConvNeXtTiny"))])
def test_applications_that_scale_by_themselves(family):
    assert from_keras(getattr(APPLICATIONS, family)(weights=None, input_shape=(32, 32, 3), classes=4)).value_range == "0..255"


def test_applications_that_do_not_are_hinted_at():
    model = APPLICATIONS.MobileNet(weights=None, input_shape=(32, 32, 3), alpha=0.25, classes=4)
    assert from_keras(model) is None
    assert "keras.applications.MobileNet" in hint_keras_application(model)


def test_random_factors_are_rarely_taken_for_preprocessing():
    """Factors and terms over six decades: next to none look like a usual mapping, and never a batch norm's of an input of 0..1 or -1..1."""
    random = np.random.default_rng(0)
    for _ in range(2000):
        walk = AffineWalk()
        walk.multiply(np.exp(random.uniform(-1, 3, 3)), "MUL")
        walk.add(random.uniform(-5, 5, 3), "ADD")
        assert walk.conclude() is None
