"""The Inception families against Keras' own, their papers' tables and the counts of other ports."""

from __future__ import annotations

from math import prod

import keras
import numpy as np
import pytest

from edgecnn.arch import build, heads, sketch
from edgecnn.arch.lively import enliven
from edgecnn.arch.valueless import valueless
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting


def maps(model):
    """Height and channels of every map, by layer name."""
    return {layer.name: layer.output.shape[1::2] for layer in model.layers if len(layer.output.shape) == 4}


def kernels(model):
    return [layer.kernel_size for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def trainable(model):
    return sum(prod(weight.shape) for weight in model.trainable_weights)


@pytest.mark.parametrize(("name", "size"), [("inception_v3", (79, 92)), ("inception_resnet_v2", (75, 80))])
def test_is_the_same_function_as_keras_own(name, size):
    pictures = np.random.default_rng(1).normal(size=(4, *size, 3)).astype("float32")
    twin = getattr(keras.applications, CATALOG[name].twin)
    theirs = enliven(twin(input_shape=(*size, 3), weights=None, classes=10, classifier_activation=None), pictures)
    ours = build(name, classes=10, image_size=size)
    ours.set_weights(theirs.get_weights())
    expected, got = theirs(pictures, training=False), keras.Model(ours.input, ours.get_layer("logits").output)(pictures, training=False)
    spread = np.std(expected, axis=0).mean()
    assert spread > 0.01 * np.abs(expected).max(), "answers that do not vary prove nothing"
    assert np.abs(np.subtract(got, expected)).max() <= 1e-4 * spread


def test_googlenet_has_the_maps_of_table_1():
    found = maps(sketch("googlenet"))
    modules = {label: found[f"inception_{label}"] for label in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")}
    assert modules == {
        "3a": (28, 256),
        "3b": (28, 480),
        "4a": (14, 512),
        "4b": (14, 512),
        "4c": (14, 512),
        "4d": (14, 528),
        "4e": (14, 832),
        "5a": (7, 832),
        "5b": (7, 1024),
    }
    assert [found[f"stem_{name}"] for name in ("conv1", "pool1", "conv3", "pool2")] == [(112, 64), (56, 64), (56, 192), (28, 192)]


def test_googlenet_with_its_two_auxiliary_classifiers_has_the_parameters_of_caffes():
    net = sketch("googlenet")
    with valueless():
        with_heads = keras.Model(net.input, [net.output, *heads.attach(net, CATALOG["googlenet"].arguments["auxiliary"])])
    assert with_heads.count_params() == 13_378_280


def test_inception_v2_with_biases_has_the_parameters_of_the_port_to_caffe():
    assert trainable(sketch("inception_v2", bias=True)) == 11_295_240


def test_inception_v2_has_the_maps_of_figure_5():
    found = maps(sketch("inception_v2"))
    channels = {"3a": 256, "3b": 320, "3c": 576, "4a": 576, "4b": 576, "4c": 608, "4d": 608, "4e": 1056, "5a": 1024, "5b": 1024}
    sizes = dict.fromkeys(channels, 14) | {"3a": 28, "3b": 28, "4e": 7, "5a": 7, "5b": 7}
    assert {label: found[f"inception_{label}"] for label in channels} == {label: (sizes[label], channels[label]) for label in channels}
    assert max(kernels(sketch("inception_v2"))[1:]) == (3, 3)  # 5x5 as two 3x3


def test_inception_v3_has_the_maps_of_table_1():
    found = maps(sketch("inception_v3"))
    assert [found[f"mixed{index}"] for index in (0, 2, 3, 7, 8, 10)] == [(35, 256), (35, 288), (17, 768), (17, 768), (8, 1280), (8, 2048)]


def test_inception_v4_has_the_maps_of_figure_9():
    found = maps(sketch("inception_v4"))
    ends = ("stem_fork3", "inception_a4", "reduction_a", "inception_b7", "reduction_b", "inception_c3")
    assert [found[name] for name in ends] == [(35, 384), (35, 384), (17, 1024), (17, 1024), (8, 1536), (8, 1536)]


def test_inception_v4_with_the_gammas_of_timms_has_its_parameters():
    net = sketch("inception_v4")
    offsets = sum(prod(weight.shape) for weight in net.trainable_weights if weight.name == "beta")
    assert trainable(net) + offsets == 42_679_816


@pytest.mark.parametrize(
    ("name", "expected"),
    [("inception_resnet_v1", [(35, 256), (17, 896), (8, 1792)]), ("inception_resnet_v2", [(35, 320), (17, 1088), (8, 2080)])],
)
def test_inception_resnet_has_the_maps_of_figure_15(name, expected):
    found = maps(sketch(name))
    assert [found[f"{block}_1_add"] for block in ("block35", "block17", "block8")] == expected


def test_only_the_first_convolution_of_googlenet_can_pad_on_every_side():
    def padded(**arguments):
        return [layer.name for layer in sketch("googlenet", **arguments).layers if isinstance(layer, keras.layers.ZeroPadding2D)]

    assert padded() == []
    assert padded(padding="symmetric") == ["stem_conv1_pad"]


@pytest.mark.parametrize("name", ["inception_v2", "inception_v3", "inception_v4", "inception_resnet_v1"])
def test_batch_norm_stands_where_it_is_asked_for(name):
    def before(**arguments):
        return type(sketch(name, image_size=80, width=0.25, **arguments).get_layer("stem_conv1_bn").input._keras_history.operation)

    assert before() is keras.layers.Conv2D
    assert before(norm="after") is keras.layers.ReLU


def test_width_scales_all_filters_but_the_last_layer():
    thin = sketch("inception_v3", classes=10, width=0.5)
    assert maps(thin)["mixed10"] == (8, 1024)
    assert thin.get_layer("logits").output.shape == (None, 10)


def test_printed_stem_of_v4_lacks_the_branch_that_the_true_one_has():
    printed, true = sketch("inception_v4_stem_printed"), sketch("inception_v4_stem")
    assert (printed.output.shape[1:], true.output.shape[1:]) == ((29, 29, 352), (35, 35, 384))
    assert {(7, 1), (1, 7)} & set(kernels(printed)) == set()
    assert {(7, 1), (1, 7)} <= set(kernels(true))


def test_notebook_module_is_one_of_googlenet():
    module, net = sketch("inception_notebook_module"), sketch("googlenet")
    own = [layer for layer in net.layers if layer.name.startswith("inception_4c")]
    assert module.count_params() == sum(layer.count_params() for layer in own)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("googlenet", {"width": 0.01}, "width 0.01 leaves 64 filters none"),
        ("googlenet", {"padding": "valid"}, "padding 'valid': expected one of same, symmetric"),
        ("inception_v3", {"norm": "within"}, "norm 'within': expected one of before, after"),
        ("inception_v4", {"dropout": 1.0}, "dropout 1.0: expected a share"),
        ("inception_resnet_v2", {"version": "v3"}, "version 'v3': expected one of v1, v2"),
        ("inception_v1_module", {"form": "v9"}, "form 'v9': expected one of naive, v1, v2, notebook"),
        ("bottleneck_none", {"act": "tanh"}, "act 'tanh': expected one of , relu"),
    ],
)
def test_values_that_cannot_work_are_refused(name, arguments, message):
    with pytest.raises(BadSetting, match=message):
        sketch(name, **arguments)
