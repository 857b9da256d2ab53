"""Convolutions as a processor trains them: the same function, gradients and weights as the native ones, which is what is saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from helpers import ROOT, edgecnn
from keras import layers

from edgecnn.arch import build
from edgecnn.train import processor


def grouped(groups, inputs=8, filters=16, **options):
    keras.utils.set_random_seed(0)
    image = keras.Input((7, 9, inputs))
    x = layers.Conv2D(filters, 3, groups=groups, name="grouped", **options)(image)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("groups", "inputs", "filters"), [(2, 8, 16), (8, 8, 8), (4, 128, 256), (32, 128, 128)])
@pytest.mark.parametrize("options", [{}, {"strides": 2, "padding": "same"}, {"dilation_rate": 2, "use_bias": False}], ids=["plain", "strided", "dilated"])
def test_block_diagonal_is_the_same_function(groups, inputs, filters, options):
    native = grouped(groups, inputs, filters, **options)
    fast = processor.for_processor(native)
    assert isinstance(fast.get_layer("grouped"), processor.BlockDiagonal)
    pictures = normal(2, 7, 9, inputs)
    np.testing.assert_allclose(fast.predict(pictures, verbose=0), native.predict(pictures, verbose=0), atol=1e-5)


def test_block_diagonal_learns_the_same():
    native = grouped(4)
    fast = processor.for_processor(native)
    before = native.get_weights()
    for model in (native, fast):
        model.compile(keras.optimizers.SGD(0.5), "mse")
        model.train_on_batch(normal(4, 7, 9, 8), normal(4, 16))
    for ours, theirs, old in zip(fast.get_weights(), native.get_weights(), before, strict=True):
        assert np.abs(theirs - old).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_no_dense_part_is_wider_than_it_need_be():
    assert processor._groups_together(32, 4) == 16
    assert processor._groups_together(32, 8) == 8
    assert processor._groups_together(8, 100) == 1
    assert processor._groups_together(3, 30) == 1


OPTIONS = [
    {},
    {"padding": "same"},
    {"strides": 2},
    {"strides": 2, "padding": "same"},
    {"strides": 3, "padding": "same", "use_bias": False},
    {"dilation_rate": 2, "padding": "same", "activation": "relu"},
    {"dilation_rate": (1, 2), "activation": "tanh"},
]


def gradients(layer, pictures):
    """Outputs, and gradients of what comes in and of the weights."""
    import tensorflow as tf

    image = tf.constant(pictures)
    with tf.GradientTape() as tape:
        tape.watch(image)
        made = layer(image)
        loss = tf.reduce_sum(made * tf.constant(normal(*made.shape)))
    return made, *tape.gradient(loss, [image, *(weight.value for weight in layer.trainable_weights)])


@pytest.mark.parametrize("size", [(16, 15), (17, 18)], ids=["16x15", "17x18"])
@pytest.mark.parametrize("kernel", [3, 5, 7, (2, 3)], ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", [layers.DepthwiseConv2D, layers.SeparableConv2D])
def test_shifted_is_the_same_function_with_the_same_gradients(kind, options, kernel, size):
    separable = kind is layers.SeparableConv2D
    native = kind(*([6] if separable else []), kernel, **options, bias_initializer="uniform")
    fast = (processor.ShiftedSeparable if separable else processor.Shifted).from_config(native.get_config())
    pictures = normal(2, *size, 4)
    native.build(pictures.shape)
    fast.build(pictures.shape)
    fast.set_weights(native.get_weights())
    for ours, theirs in zip(gradients(fast, pictures), gradients(native, pictures), strict=True):
        assert np.abs(theirs).max() > 0
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-4)


def test_shifted_in_half_precision_sums_in_float32():
    native = layers.DepthwiseConv2D(7, padding="same", use_bias=False)
    pictures = normal(2, 12, 12, 4)
    exact = np.array(native(pictures))
    half = processor.Shifted.from_config({**native.get_config(), "dtype": "mixed_bfloat16"})
    half.build(pictures.shape)
    half.set_weights(native.get_weights())
    found = half(pictures)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    error = np.abs(np.array(keras.ops.cast(found, "float32")) - exact)
    assert error.max() < 0.02, "rounding of inputs, taps and result alone"


@pytest.mark.parametrize("kind", [processor.Shifted, processor.ShiftedSeparable])
def test_a_picture_of_unknown_size_takes_the_native_way(kind):
    image = keras.Input((None, None, 4))
    layer = kind(*([6] if kind is processor.ShiftedSeparable else []), 3, padding="same")
    net = keras.Model(image, layer(image))
    pictures = normal(2, 9, 8, 4)
    np.testing.assert_allclose(net.predict(pictures, verbose=0), layer(pictures), atol=1e-5)


def test_a_whole_network_keeps_names_weights_and_itself():
    native = build("cifar_builder", classes=5)
    assert processor.wanted(native)
    assert not processor.wanted(build("lenet"))
    fast = processor.for_processor(native)
    assert [w.path for w in fast.weights] == [w.path for w in native.weights]
    assert {type(layer) for layer in native.layers if getattr(layer, "groups", 1) > 1} == {layers.Conv2D}, "the original must stay native"
    pictures = normal(2, 32, 32, 3)
    np.testing.assert_allclose(fast.predict(pictures, verbose=0), native.predict(pictures, verbose=0), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX is where they are replaced")
def test_depthwise_convolutions_stay_native_where_they_are_fast():
    net = build("mobilenet", classes=3, image_size=32, width=0.25)
    assert not processor.wanted(net)
    assert not any(isinstance(layer, processor.Shifted) for layer in processor.for_processor(net).layers)


ON_JAX = """
import json, keras, numpy as np
from keras import layers
from edgecnn.arch import sketch
from edgecnn.train import processor

keras.utils.set_random_seed(0)
image = keras.Input((16, 15, 4))
x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="three")(image)
x = layers.DepthwiseConv2D(5, 2, "same", use_bias=False, name="five")(x)
x = layers.DepthwiseConv2D(7, padding="same", dilation_rate=2, name="seven")(x)
x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="two_a_channel")(x)
x = layers.SeparableConv2D(8, 3, name="separable")(x)
x = layers.Conv2D(8, 3, groups=4, name="grouped")(x)
net = keras.Model(image, layers.GlobalAveragePooling2D()(x))
fast = processor.for_processor(net)
rng = np.random.default_rng(0)
pictures, wanted = rng.normal(size=(4, 16, 15, 4)).astype("float32"), 9 * rng.normal(size=(4, 8)).astype("float32")
before = net.get_weights()
outputs = [model.predict(pictures, verbose=0) for model in (net, fast)]
for model in (net, fast):
    model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=True)
    model.train_on_batch(pictures, wanted)
far = lambda ones, others: [float(abs(a - b).max()) for a, b in zip(ones, others)]
print(json.dumps({
    "kinds": {layer.name: type(layer).__name__ for layer in fast.layers if "onv" in type(layer).__name__ or layer.weights},
    "native": sorted({type(layer).__name__ for layer in net.layers if layer.weights}),
    "paths": [w.path for w in net.weights] == [w.path for w in fast.weights],
    "wanted": [processor.wanted(net), *(processor.wanted(sketch(name)) for name in ("mobilenet", "lenet"))],
    "outputs": far(outputs[:1], outputs[1:]),
    "moved": far(net.get_weights(), before),
    "apart": far(net.get_weights(), fast.get_weights()),
}))
"""


def test_on_jax_they_are_replaced_and_learn_the_same():
    env = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", ON_JAX], capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    found = json.loads(done.stdout)
    kinds = {"three": "Shifted", "five": "Shifted", "seven": "Shifted", "separable": "ShiftedSeparable", "grouped": "BlockDiagonal"}
    assert found["kinds"] == {**kinds, "two_a_channel": "DepthwiseConv2D"}
    assert found["native"] == ["Conv2D", "DepthwiseConv2D", "SeparableConv2D"], "the original must stay native"
    assert found["paths"]
    assert found["wanted"] == [True, True, False]
    assert found["outputs"][0] < 1e-5
    assert min(found["moved"]) > 1e-3
    assert max(found["apart"]) < 1e-5


def test_what_is_trained_is_saved_with_native_groups(folder, tmp_path):
    words = ("train", "cifar_builder", "--data", folder, "--image-size", 32, "--epochs", 1, "--warmup", 0, "--out", tmp_path)
    result = edgecnn(*words)
    assert result.code == 0, result.err
    model = keras.saving.load_model(tmp_path / "cifar_builder.keras")
    kinds = {type(layer) for layer in model.layers if getattr(layer, "groups", 1) == 8}
    assert kinds == {keras.layers.Conv2D}
