"""Architectures against their papers, against Keras' own and against independent weights."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

import keras
import numpy as np
import pytest

from edgecnn.arch import build, macs
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting


def randomized(model, seed=0):
    """The model with other weights in every layer, batch-norm statistics included, scaled so that pictures still make a difference at the end."""
    rng = np.random.default_rng(seed)

    def value(weight):
        if "kernel" in weight.path:
            inputs = prod(weight.shape[:2]) if "conv_dw" in weight.path else prod(weight.shape[:-1])
            return rng.normal(0, (2 / inputs) ** 0.5, weight.shape)
        around = 1 if "gamma" in weight.path or "variance" in weight.path else 0
        return around + rng.uniform(-0.3, 0.3, weight.shape)

    model.set_weights([value(weight) for weight in model.weights])
    return model


def sizes(model):
    """Height and width of every map, by layer name."""
    return {layer.name: layer.output.shape[1:3] for layer in model.layers if len(layer.output.shape) == 4}


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize("size", [16, 32, 65, (48, 80)], ids=str)
def test_builds_at_small_odd_and_oblong_sizes_and_gives_probabilities(name, size):
    model = build(name, classes=7, image_size=size)
    height, width = (size, size) if isinstance(size, int) else size
    assert model.input.name == "image"
    assert model.input.shape == (None, height, width, CATALOG[name].channels)
    assert model.output_names == ["probabilities"]
    answer = model(np.random.default_rng(0).normal(size=(2, *model.input.shape[1:])).astype("float32"), training=False)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(answer).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", CATALOG)
def test_logits_are_a_layer_of_that_name(name):
    assert build(name, classes=7, image_size=32).get_layer("logits").output.shape == (None, 7)


@pytest.mark.parametrize(("width", "size"), [(0.25, 32), (0.5, 96), (0.35, 64), (1.0, 64), (0.25, 65), (0.25, 47)])
def test_mobilenet_is_the_same_function_as_keras_own(width, size):
    theirs = randomized(keras.applications.MobileNet((size, size, 3), alpha=width, weights=None, classes=10))
    ours = build("mobilenet", classes=10, image_size=size, width=width)
    ours.set_weights(theirs.get_weights())
    pictures = np.random.default_rng(1).normal(size=(4, size, size, 3)).astype("float32")
    expected = theirs.predict(pictures, verbose=0)
    assert np.ptp(expected, axis=0).max() > 1e-3, "answers that do not vary prove nothing"
    np.testing.assert_allclose(ours.predict(pictures, verbose=0), expected, atol=1e-5)


def test_mobilenet_pads_by_a_layer_at_odd_sizes_only():
    def padded(size):
        return [layer.name for layer in build("mobilenet", image_size=size).layers if isinstance(layer, keras.layers.ZeroPadding2D)]

    assert padded(224) == []
    assert padded(96) == []
    assert padded(65) == ["conv_dw_2_pad"]  # 65 -> 33 -> 16 -> 8 -> 4 -> 2


@pytest.mark.parametrize(
    ("arguments", "parameters", "trainable"),
    [({"width": 0.25}, 475_544, 470_072), ({"bias": True}, 4_264_808, 4_242_920)],
    ids=["width 0.25", "with biases"],
)
def test_mobilenet_parameters_of_other_forms(arguments, parameters, trainable):
    model = build("mobilenet", **arguments)
    assert model.count_params() == parameters
    assert sum(prod(weight.shape) for weight in model.trainable_weights) == trainable


def test_mobilenet_maps_have_the_sizes_of_table_1():
    found = sizes(build("mobilenet"))
    assert [found[f"conv_pw_{i}"][0] for i in range(1, 14)] == [112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7]


def test_squeezenet_maps_have_the_sizes_of_table_1():
    found = sizes(build("squeezenet", image_size=227))
    assert [found[name][0] for name in ("conv1", "pool1", "fire4_concat", "pool4", "fire8_concat", "pool8", "conv10")] == [111, 55, 55, 27, 27, 13, 13]


def test_squeezenet_1_1_computes_2_4_times_less():
    ratio = CATALOG["squeezenet"].macs / CATALOG["squeezenet1_1"].macs
    assert 2.2 < ratio < 2.5  # the authors say 2.4 x, of their 227-pixel networks


def test_squeezenet_1_1_with_the_authors_weights_gives_their_answers():
    if "EDGECNN_DATA" not in os.environ:
        pytest.skip("EDGECNN_DATA is not set: the independent weights lie beside it")
    path = Path(os.environ["EDGECNN_DATA"]).parent / "weights" / "squeezenet1_1_imagenet.keras"
    if not path.exists():
        pytest.skip(f"no {path.name} beside EDGECNN_DATA")
    theirs = keras.saving.load_model(path, compile=False)
    ours = build("squeezenet1_1", image_size=227)
    ours.set_weights(theirs.get_weights())
    pictures = np.random.default_rng(0).uniform(-120, 130, size=(2, 227, 227, 3)).astype("float32")
    np.testing.assert_allclose(ours.predict(pictures, verbose=0), theirs.predict(pictures, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mobilenet", {"width": 0.01}, "width 0.01 leaves 32 filters none"),
        ("mobilenet", {"dropout": 1.0}, "dropout 1.0: expected a share"),
        ("squeezenet", {"version": "1.2"}, "version '1.2': expected one of 1.0, 1.1"),
        ("lenet", {"classes": 1}, "1 classes: expected 2 or more"),
        ("lenet", {"image_size": 8}, "image size 8x8: lenet expects 16 pixels"),
    ],
)
def test_values_that_cannot_work_are_refused(name, arguments, message):
    with pytest.raises(BadSetting, match=message):
        build(name, **arguments)


def test_macs_are_those_of_a_convolution_written_out():
    image = keras.Input((6, 8, 4))
    x = keras.layers.Conv2D(10, 3, groups=2, padding="valid")(image)  # 4x6 pixels, 10 filters of 3x3x2
    x = keras.layers.SeparableConv2D(5, 3, padding="same")(x)  # 24 pixels: 10 of 3x3, then 5 of 10
    x = keras.Model(image, x)(image)
    x = keras.layers.Dense(7)(keras.layers.Flatten()(x))
    assert macs.count(keras.Model(image, x)) == 24 * 10 * 18 + 24 * (90 + 50) + 24 * 5 * 7
