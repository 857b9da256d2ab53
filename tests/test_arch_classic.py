"""Dense nets, first convolutional nets, VGG, Darknet: against Keras' own, their papers' tables, and the orders of layers that their arguments promise."""

from __future__ import annotations

from math import prod

import keras
import numpy as np
import pytest

from edgecnn.arch import build, macs, sketch
from edgecnn.arch.lively import enliven
from edgecnn.catalog import CATALOG, MODULES
from edgecnn.errors import BadSetting


def names(model):
    """Its layers in their order; they stand in one line."""
    return [layer.name for layer in model.layers]


def sizes(model, *wanted):
    return [model.get_layer(name).output.shape[1] for name in wanted]


def logits(model):
    return keras.Model(model.input, model.get_layer("logits").output)


def pictures(count, height, width, channels):
    return np.random.default_rng(1).normal(size=(count, height, width, channels)).astype("float32")


@pytest.mark.parametrize(("name", "size"), [("vgg16", (32, 32)), ("vgg19", (33, 64))], ids=["vgg16", "vgg19 oblong"])
def test_vgg_is_the_same_function_as_keras_own(name, size):
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, CATALOG[name].twin)
    some = pictures(4, *size, 3)
    theirs = enliven(make(input_shape=(*size, 3), weights=None, classes=10, classifier_activation=None), some)
    ours = logits(build(name, classes=10, image_size=size))
    ours.set_weights(theirs.get_weights())
    expected = theirs.predict(some, verbose=0)
    spread = expected.std(axis=0).mean()
    assert spread > 0.01, "answers that do not vary prove nothing"
    np.testing.assert_allclose(ours.predict(some, verbose=0), expected, atol=1e-4 * spread)


def test_vgg_has_the_names_of_keras_own_layers():
    theirs = [layer.name for layer in keras.applications.VGG16(weights=None, input_shape=(32, 32, 3)).layers[1:-1]]
    assert [name for name in names(sketch("vgg16", image_size=32)) if name in theirs] == theirs


def test_vgg_with_batch_norms_that_do_nothing_is_vgg():
    plain, normed = (enliven(build(name, classes=5, image_size=32, width=0.125), pictures(4, 32, 32, 3)) for name in ("vgg16", "vgg16_bn"))
    for layer in normed.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            scale, zero = np.ones(layer.gamma.shape), np.zeros(layer.gamma.shape)
            layer.set_weights([scale, zero, zero, scale - layer.epsilon])
        else:
            layer.set_weights(plain.get_layer(layer.name).get_weights())
    some = pictures(4, 32, 32, 3)
    np.testing.assert_allclose(normed.predict(some, verbose=0), plain.predict(some, verbose=0), atol=1e-5)


@pytest.mark.parametrize(("depth", "parameters"), [(11, 132_863_336), (13, 133_047_848)])
def test_vgg_of_other_columns_of_table_1_has_torchvisions_counts(depth, parameters):
    assert sketch("vgg16", depth=depth).count_params() == parameters


def test_darknet_computes_what_its_paper_says():
    assert round(2 * CATALOG["darknet19"].macs / 1e9, 2) == 5.58  # "requires 5.58 billion operations"


def test_darknet_maps_have_the_sizes_and_filters_of_table_6():
    model = sketch("darknet19")
    last = ("stage1_conv1", "stage2_conv1", "stage3_conv3", "stage4_conv3", "stage5_conv5", "stage6_conv5", "conv19")
    assert sizes(model, *last) == [224, 112, 56, 28, 14, 7, 7]
    assert [model.get_layer(name).filters for name in last] == [32, 64, 128, 256, 512, 1024, 1000]
    kernels = [layer.kernel_size[0] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert kernels == [3, 3, 3, 1, 3, 3, 1, 3, 3, 1, 3, 1, 3, 3, 1, 3, 1, 3, 1]
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_darknet_leaks_a_tenth_of_what_is_negative():
    leaky = sketch("darknet19", image_size=32).get_layer("stage1_conv1_leaky")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(leaky(np.array([-2.0, 3.0], "float32"))), [-0.2, 3.0], rtol=1e-6)


def test_lenet_has_the_layers_that_trained_models_have():
    model = sketch("lenet")
    assert names(model) == ["image", "c1", "s2", "c3", "s4", "flatten", "c5", "f6", "dropout", "logits", "probabilities"]
    assert [layer.activation.__name__ for layer in model.layers if layer.name in ("c1", "c3", "c5", "f6")] == ["relu"] * 4
    assert isinstance(model.get_layer("s2"), keras.layers.MaxPooling2D)


def test_lenet_of_the_notebook_has_its_shapes():
    model = sketch("lenet_notebook")
    assert sizes(model, "c1", "s2", "c3", "s4", "flatten", "c5") == [24, 12, 8, 4, 96, 500]
    assert model.get_layer("c3").activation is keras.activations.tanh
    assert sketch("lenet_notebook", filters="8,8,8", image_size=48, units="20").get_layer("c7").units == 20, "dense layers are numbered on"
    assert isinstance(sketch("lenet_notebook", pool="average").get_layer("s4"), keras.layers.AveragePooling2D)


def test_convnet_flattens_16384_features():
    model = sketch("convnet")
    assert sizes(model, "conv1", "pool1", "flatten", "dense1") == [64, 32, 16_384, 512]
    assert "conv1_pad" in names(sketch("convnet", padding="symmetric"))


@pytest.mark.parametrize("name", ["mlp_regressor", "mlp_classifier"])
def test_modules_of_measurements_have_the_counts_of_their_row(name):
    model, row = build(name), MODULES[name]
    trainable = sum(prod(weight.shape) for weight in model.trainable_weights)
    assert (model.count_params(), trainable, macs.count(model)) == (row.parameters, row.trainable, row.macs)


def test_regressor_gives_any_number_and_classifier_probabilities():
    regressor, classifier = (build(name, dropout=0.3) for name in ("mlp_regressor", "mlp_classifier"))
    given = np.random.default_rng(0).normal(size=(64, 13)).astype("float32")
    values = regressor.predict(given, verbose=0)
    assert values.shape == (64, 1)
    assert values.min() < 0
    np.testing.assert_allclose(classifier.predict(given[:, :4], verbose=0).sum(axis=1), 1, atol=1e-5)


def test_width_makes_networks_thinner():
    for name in ("mlp", "convnet", "vgg16", "vgg16_bn", "darknet19"):
        assert sketch(name, width=0.5).count_params() < 0.6 * CATALOG[name].parameters


# What follows a weighted layer, by norm and dropout_at.
ORDERS = [
    ("", 0.0, "after", ["relu"]),
    ("", 0.5, "before", ["dropout", "relu"]),
    ("", 0.5, "after", ["relu", "dropout"]),
    ("before", 0.5, "after", ["bn", "relu", "dropout"]),
    ("before", 0.5, "before", ["bn", "dropout", "relu"]),
    ("after", 0.5, "before", ["dropout", "relu", "bn"]),
    ("after", 0.5, "after", ["relu", "bn", "dropout"]),
]


@pytest.mark.parametrize(("norm", "dropout", "place", "expected"), ORDERS)
@pytest.mark.parametrize("name", ["mlp", "mlp_regressor", "convnet"])
def test_norm_and_dropout_of_dense_layers_stand_where_they_are_asked_to(name, norm, dropout, place, expected):
    model = sketch(name, norm=norm, dropout=dropout, dropout_at=place)
    found = names(model)
    start = found.index("dense1")
    assert found[start + 1 : start + 1 + len(expected)] == [f"dense1_{step}" for step in expected]
    assert "dense" in found[start + 1 + len(expected)] or found[start + 1 + len(expected)] == "logits"


@pytest.mark.parametrize(("norm", "expected"), [("", ["relu"]), ("before", ["bn", "relu"]), ("after", ["relu", "bn"])])
@pytest.mark.parametrize(("name", "layer"), [("vgg16", "block2_conv1"), ("convnet", "conv1")])
def test_norm_of_convolutions_stands_where_it_is_asked_to(name, layer, norm, expected):
    found = names(sketch(name, image_size=32, norm=norm))
    start = found.index(layer)
    assert found[start + 1 : start + 1 + len(expected)] == [f"{layer}_{step}" for step in expected]
    assert found[start + 1 + len(expected)] in ("block2_conv2", "pool1")


@pytest.mark.parametrize(("norm", "expected"), [("before", ["bn", "leaky"]), ("after", ["leaky", "bn"])])
def test_norm_of_darknet_stands_where_it_is_asked_to(norm, expected):
    found = names(sketch("darknet19", image_size=32, norm=norm))
    start = found.index("stage3_conv2")
    assert found[start + 1 : start + 4] == [*(f"stage3_conv2_{step}" for step in expected), "stage3_conv3"]


@pytest.mark.parametrize(("place", "expected"), [("before", ["fc1_dropout", "fc1_relu"]), ("after", ["fc1_relu", "fc1_dropout"])])
def test_dropout_of_vgg_stands_between_its_dense_layers(place, expected):
    found = names(sketch("vgg16", image_size=32, dropout_at=place))
    start = found.index("fc1")
    assert found[start + 1 : start + 4] == [*expected, "fc2"]
    assert "fc2_dropout" in found
    assert not [name for name in names(sketch("vgg16", image_size=32, dropout=0.0)) if "dropout" in name]


def test_dropout_changes_training_and_nothing_else():
    some = pictures(8, 28, 28, 1)
    plain, dropping = build("mlp", width=0.25), build("mlp", width=0.25, dropout=0.5)
    dropping.set_weights(plain.get_weights())
    np.testing.assert_array_equal(dropping(some, training=False), plain(some, training=False))
    assert not np.allclose(dropping(some, training=True), plain(some, training=True))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mlp", {"dropout": 1.0}, "dropout 1.0: expected a share"),
        ("mlp", {"dropout_at": "beside"}, "dropout_at 'beside': expected one of before, after"),
        ("mlp", {"norm": "both"}, "norm 'both': expected one of before, after"),
        ("mlp", {"units": "512,many"}, "units '512,many': expected whole numbers"),
        ("mlp", {"units": ""}, "units '': expected whole numbers"),
        ("mlp_regressor", {"units": "0"}, "units '0': expected whole numbers"),
        ("mlp_classifier", {"outputs": 1}, "1 outputs: expected 2 classes"),
        ("convnet", {"padding": "valid"}, "padding 'valid': expected one of same, symmetric"),
        ("convnet", {"width": 0.01}, "width 0.01 leaves 16 filters none"),
        ("lenet", {"act": "gelu"}, "act 'gelu': expected one of relu, tanh"),
        ("lenet", {"pool": "none"}, "pool 'none': expected one of max, average"),
        ("lenet", {"filters": "6,16,32"}, "filters '6,16,32': expected fewer, maps of 5x5 are too small for convolution 3"),
        ("vgg16", {"depth": 17}, "depth '17': expected one of 11, 13, 16, 19"),
        ("darknet19", {"norm": ""}, "norm '': expected one of before, after"),
        ("darknet19", {"dropout": -0.1}, "dropout -0.1: expected a share"),
    ],
)
def test_values_that_cannot_work_are_refused(name, arguments, message):
    with pytest.raises(BadSetting, match=message):
        sketch(name, **arguments)
