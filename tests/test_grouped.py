"""Grouped convolutions as a processor trains them: the same function, gradients and weights as the native ones, which is what is saved."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from helpers import edgecnn

from edgecnn.arch import build
from edgecnn.train import grouped


def net(groups, inputs=8, filters=16, **options):
    keras.utils.set_random_seed(0)
    image = keras.Input((7, 9, inputs))
    x = keras.layers.Conv2D(filters, 3, groups=groups, name="grouped", **options)(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize(("groups", "inputs", "filters"), [(2, 8, 16), (8, 8, 8), (4, 128, 256), (32, 128, 128)])
@pytest.mark.parametrize("options", [{}, {"strides": 2, "padding": "same"}, {"dilation_rate": 2, "use_bias": False}], ids=["plain", "strided", "dilated"])
def test_is_the_same_function(groups, inputs, filters, options):
    native = net(groups, inputs, filters, **options)
    fast = grouped.for_processor(native)
    assert isinstance(fast.get_layer("grouped"), grouped.BlockDiagonal)
    pictures = np.random.default_rng(0).normal(size=(2, 7, 9, inputs)).astype("float32")
    np.testing.assert_allclose(fast.predict(pictures, verbose=0), native.predict(pictures, verbose=0), atol=1e-5)


def test_learns_the_same():
    native = net(4)
    fast = grouped.for_processor(native)
    rng = np.random.default_rng(0)
    pictures, wanted = rng.normal(size=(4, 7, 9, 8)).astype("float32"), rng.normal(size=(4, 16)).astype("float32")
    for model in (native, fast):
        model.compile(keras.optimizers.SGD(0.5), "mse")
        model.train_on_batch(pictures, wanted)
    before = net(4).get_weights()
    for ours, theirs, old in zip(fast.get_weights(), native.get_weights(), before, strict=True):
        assert np.abs(theirs - old).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_no_dense_part_is_wider_than_it_need_be():
    assert grouped._groups_together(32, 4) == 16
    assert grouped._groups_together(32, 8) == 8
    assert grouped._groups_together(8, 100) == 1
    assert grouped._groups_together(3, 30) == 1


def test_a_whole_network_keeps_names_weights_and_itself():
    native = build("cifar_builder", classes=5)
    assert grouped.has_groups(native)
    assert not grouped.has_groups(build("lenet"))
    fast = grouped.for_processor(native)
    assert [w.path for w in fast.weights] == [w.path for w in native.weights]
    assert grouped.has_groups(native), "the original must stay native"
    pictures = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(fast.predict(pictures, verbose=0), native.predict(pictures, verbose=0), atol=1e-5)


def test_what_is_trained_is_saved_with_native_groups(folder, tmp_path):
    words = ("train", "cifar_builder", "--data", folder, "--image-size", 32, "--epochs", 1, "--warmup", 0, "--out", tmp_path)
    result = edgecnn(*words)
    assert result.code == 0, result.err
    model = keras.saving.load_model(tmp_path / "cifar_builder.keras")
    kinds = {type(layer) for layer in model.layers if getattr(layer, "groups", 1) == 8}
    assert kinds == {keras.layers.Conv2D}
