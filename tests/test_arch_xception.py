"""Xception: against Keras' own, against Figure 5, and the handbook's form of it."""

from __future__ import annotations

import keras
import pytest
from twin_nets import check_equal, random_twin

from edgecnn.arch import build, sketch
from edgecnn.errors import BadSetting


def count(model, kind):
    return sum(isinstance(layer, kind) for layer in model.layers)


@pytest.mark.parametrize("size", [71, (72, 90)], ids=str)
def test_the_same_function_as_keras_own(size):
    theirs = random_twin("xception", size)
    ours = build("xception", classes=5, image_size=size)
    ours.set_weights(theirs.get_weights())
    check_equal(ours, theirs)


def test_maps_have_the_sizes_of_figure_5():
    model = sketch("xception")
    ends = ("block1_conv1", "block1_conv2", "block2_add", "block3_add", "block4_add", "block12_add", "block13_add", "block14_sepconv2")
    shapes = [model.get_layer(name).output.shape[1:] for name in ends]
    assert shapes[1:] == [(147, 147, 64), (74, 74, 128), (37, 37, 256), (19, 19, 728), (19, 19, 728), (10, 10, 1024), (10, 10, 2048)]
    assert shapes[0] == (149, 149, 32)


@pytest.mark.parametrize("name", ["xception", "xception_handbook"])
def test_thirty_four_separable_convolutions_and_a_shortcut_around_each_block(name):
    model = sketch(name)
    assert count(model, keras.layers.SeparableConv2D) == 34
    assert count(model, keras.layers.Add) == 12  # the paper's 36 convolutions stand in 14 modules, all but the first and the last with a shortcut


def test_relus_stand_before_or_after_the_convolutions():
    before, after = sketch("xception"), sketch("xception_handbook")
    # Two of the stem, then one a separable convolution: not before the first of block 2, whose input has had its own, or not after the first of block 13.
    assert count(before, keras.layers.ReLU) == count(after, keras.layers.ReLU) == 2 + 33
    assert before.get_layer("block3_sepconv1").input.name == before.get_layer("block3_sepconv1_relu").output.name
    assert after.get_layer("block3_sepconv1_relu").input.name == after.get_layer("block3_sepconv1_bn").output.name
    assert "block2_sepconv1_relu" not in [layer.name for layer in before.layers]
    assert "block13_sepconv1_relu" not in [layer.name for layer in after.layers]


def test_handbook_has_biases_and_1556_filters():
    model = sketch("xception_handbook")
    assert model.get_layer("block14_sepconv1").filters == 1556
    assert all(layer.use_bias for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.SeparableConv2D))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"relu": "both"}, "relu 'both': expected one of before, after"), ({"width": 0.01}, "width 0.01 leaves 32 filters none"), ({"dropout": -1}, "dropout -1")],
)
def test_values_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(BadSetting, match=message):
        build("xception", **arguments)
