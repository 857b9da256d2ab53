"""DenseNet: against Keras' own, against its paper's tables, and the course's form of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from edgecnn.arch import build, sketch
from edgecnn.arch.lively import enliven
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting


def names(model):
    return [layer.name for layer in model.layers]


def weighted(model):
    return [layer.name for layer in model.layers if layer.weights]


def answers(model, pictures):
    return keras.ops.convert_to_numpy(model(pictures, training=False))


def shape(model, name):
    return model.get_layer(name).output.shape[1:]


@pytest.mark.parametrize(("name", "size"), [("densenet121", (32, 47)), ("densenet169", (32, 32)), ("densenet201", (32, 32))], ids=str)
def test_densenet_is_the_same_function_as_keras_own(name, size):
    keras.utils.set_random_seed(0)
    some = np.random.default_rng(1).normal(size=(4, *size, 3)).astype("float32")
    make = getattr(keras.applications, CATALOG[name].twin)
    theirs = enliven(make(input_shape=(*size, 3), weights=None, classes=10, classifier_activation=None), some)
    whole = build(name, classes=10, image_size=size)
    whole.set_weights(theirs.get_weights())
    assert weighted(whole)[:-1] == weighted(theirs)[:-1]
    ours = keras.Model(whole.input, whole.get_layer("logits").output)
    expected = answers(theirs, some)
    spread = expected.std(axis=0).mean()
    assert spread > 0.01, "answers that do not vary prove nothing"
    np.testing.assert_allclose(answers(ours, some), expected, atol=1e-4 * spread)


def test_maps_have_the_sizes_of_table_1():
    model = sketch("densenet121")
    ends = ("conv1_relu", "pool1", "conv2_block6_concat", "pool2_pool", "conv3_block12_concat", "pool3_pool", "conv4_block24_concat", "pool4_pool", "relu")
    assert [shape(model, name)[0] for name in ends] == [112, 56, 56, 28, 28, 14, 14, 7, 7]
    assert [shape(model, name)[2] for name in ends] == [64, 64, 256, 128, 512, 256, 1024, 512, 1024]


@pytest.mark.parametrize(("growth", "depth", "parameters"), [(12, 100, 0.8e6), (24, 250, 15.3e6), (40, 190, 25.6e6)])
def test_networks_for_cifar_have_the_parameters_of_table_2(growth, depth, parameters):
    size = (depth - 4) // 6  # two convolutions a layer in three blocks; the first convolution, two transitions and the classifier
    model = sketch("densenet_bc_100_12", blocks=f"{size},{size},{size}", growth=growth)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == pytest.approx(parameters, rel=0.04)  # Table 2 rounds to 0.1 M
    assert len([layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]) == depth


def test_preactivation_turns_the_order_around():
    paper, course = (names(sketch(name, image_size=64, blocks="2,2")) for name in ("densenet121", "densenet121_handbook"))
    start = paper.index("conv2_block1_0_bn")
    assert [name.removeprefix("conv2_block1_") for name in paper[start : start + 7]] == ["0_bn", "0_relu", "1_conv", "1_bn", "1_relu", "2_conv", "concat"]
    start = course.index("conv2_block1_1_conv")
    assert [name.removeprefix("conv2_block1_") for name in course[start : start + 7]] == ["1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "2_relu", "concat"]
    assert paper[-6:-1] == ["bn", "relu", "pool", "dropout", "logits"]
    assert course[-5:-1] == ["conv3_block2_concat", "pool", "dropout", "logits"]


def test_course_pads_the_pooling_only():
    model = sketch("densenet121_handbook", blocks="1")
    assert shape(model, "conv1_conv")[:2] == (112, 112)
    assert shape(model, "pool1")[:2] == (56, 56)
    assert [layer.name for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)] == ["pool1_pad"]


@pytest.mark.parametrize(("padding", "pads"), [("symmetric", ["conv1_conv_pad", "pool1_pad"]), ("same", [])])
def test_padding_is_a_layer_where_it_is_symmetric(padding, pads):
    model = sketch("densenet121", image_size=64, blocks="1", padding=padding)
    assert [layer.name for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)] == pads


def test_dropout_stands_after_convolutions_and_before_the_classifier():
    found = names(sketch("densenet_bc_100_12", blocks="2,3", layer_dropout=0.2, dropout=0.1))
    start = found.index("conv2_block1_1_conv")
    assert [name.removeprefix("conv2_block1_") for name in found[start : start + 2]] == ["1_conv", "1_conv_dropout"]
    assert sum(name.endswith("_dropout") for name in found) == 2 * (2 + 3) + 1, "each convolution but the first"
    assert "conv1_conv_dropout" not in found
    assert not [name for name in names(sketch("densenet_bc_100_12", blocks="2")) if name.endswith("_dropout")]


def test_width_multiplies_the_growth():
    assert sketch("densenet_bc_100_12", blocks="2,2", width=2).count_params() == sketch("densenet_bc_100_12", blocks="2,2", growth=24).count_params()
    assert shape(sketch("densenet121", image_size=32, blocks="2,2", width=0.25), "conv2_block1_concat")[2] == 16 + 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"blocks": "6,x"}, "blocks '6,x': expected whole numbers"),
        ({"blocks": "2,2,2,2,2,2,2,2"}, "maps of 1x1 before pool7: expected a larger image size or fewer blocks"),
        ({"compression": 0.0}, "compression 0.0: expected a share above 0"),
        ({"stem": "mnist"}, "stem 'mnist': expected one of imagenet, cifar"),
        ({"padding": "full"}, "padding 'full': expected one of same, symmetric, valid"),
        ({"width": 0.01}, "width 0.01 leaves 12 filters none"),
        ({"layer_dropout": 1.5}, "dropout 1.5: expected a share"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_values_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(BadSetting, match=message):
        sketch("densenet_bc_100_12", **arguments)
