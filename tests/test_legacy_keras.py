"""The bridge: a Keras 3 model in TF-MOT's Keras answers the same, and its weights come back as they were."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from miniatures import miniature

from edgecnn.catalog import CATALOG
from edgecnn.compress.legacy_keras import to_legacy

# Grouped and separable convolutions, squeeze-excite, hard swish, concatenations, batch norms before and after what they belong to.
SOME = ("lenet", "squeezenet", "mobilenet_v3_small", "xception", "resnext29_8x64d", "densenet_bc_100_12", "darknet19")
ROWS = [pytest.param(name, marks=() if name in SOME else pytest.mark.slow) for name in CATALOG]


def stirred(net: keras.Model, seed: int = 0) -> keras.Model:
    """With batch norms that are not identities."""
    random = np.random.default_rng(seed)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, value.shape).astype("float32") for value in layer.get_weights()])
    return net


@pytest.mark.parametrize("name", ROWS)
def test_every_row_computes_the_same_and_gives_its_weights_back(name):
    net = stirred(miniature(name))
    before, pictures = net.get_weights(), np.random.default_rng(0).uniform(-1, 1, (2, *net.input.shape[1:])).astype("float32")
    legacy = to_legacy(net)
    expected, found = keras.ops.convert_to_numpy(net(pictures, training=False)), legacy.model(pictures, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for one, other, own in zip(before, legacy.weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, own)


def test_the_bridge_can_end_at_the_logits():
    net = stirred(miniature("lenet"))
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, *net.input.shape[1:])).astype("float32")
    logits = keras.Model(net.input, net.get_layer("logits").output)(pictures)
    np.testing.assert_allclose(to_legacy(net, "logits").model(pictures).numpy(), keras.ops.convert_to_numpy(logits), atol=1e-5)


def functional(*chain: keras.Layer) -> keras.Model:
    x = source = keras.Input((8, 8, 3), name="image")
    for layer in chain:
        x = layer(x)
    return keras.Model(source, x)


def assert_same(net: keras.Model) -> None:
    """Here and in tf_keras, on images that are the same."""
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(to_legacy(net).model(images, training=True).numpy(), keras.ops.convert_to_numpy(net(images)), atol=1e-5)


def test_what_has_no_twin_is_run_by_keras_3():
    net = functional(layers.LayerNormalization(name="odd"), layers.GaussianNoise(0.1))
    assert_same(net)
    assert [len(variables) for variables in to_legacy(net).variables.values()] == [2, 0]


def test_a_layer_that_is_called_twice_has_one_twin():
    twice = layers.Conv2D(3, 3, padding="same", name="twice")
    net = functional(twice, twice)
    assert_same(net)
    assert len(to_legacy(net).model.trainable_variables) == 2


def test_operations_between_layers_are_run_by_keras_3():
    source = keras.Input((8, 8, 3), name="image")
    first, second = keras.ops.split(source * 2.0, [1], axis=-1)
    assert_same(keras.Model(source, layers.Flatten(name="flat")(keras.ops.concatenate([second, first], -1))))
