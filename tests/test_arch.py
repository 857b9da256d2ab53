"""What the door to the architectures gives and refuses, and how multiply-accumulates are counted; each family has a file of its own."""

from __future__ import annotations

import keras
import pytest

from edgecnn.arch import build, macs, sketch
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting


@pytest.mark.parametrize("name", ["lenet", "mobilenet", "mobilenet_v3_small", "squeezenet", "resnet18"])
@pytest.mark.parametrize("size", [16, 32, 65, (48, 80)], ids=str)
def test_small_networks_build_at_small_odd_and_oblong_sizes(name, size):
    model = sketch(name, classes=7, image_size=size)
    height, width = (size, size) if isinstance(size, int) else size
    assert model.input.shape == (None, height, width, CATALOG[name].channels)
    assert model.get_layer("logits").output.shape == (None, 7)


def test_a_sketch_has_the_layers_and_counts_of_the_network_and_no_values():
    real, drawn = build("lenet"), sketch("lenet")
    assert [layer.name for layer in drawn.layers] == [layer.name for layer in real.layers]
    assert drawn.count_params() == real.count_params()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("lenet", {"classes": 1}, "1 classes: expected 2 or more"),
        ("lenet", {"image_size": 8}, "image size 8x8: lenet expects 16 pixels"),
        ("mlp_regressor", {"classes": 3}, "mlp_regressor is a module with a fixed input"),
        ("mlp_regressor", {"width": 0.5}, "mlp_regressor has no argument 'width'"),
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


def test_a_sketch_leaves_nothing_that_the_next_training_would_fill_with_values():
    """Keras keeps a list of variables without values, and fills all of them when a training begins: 500 MB for each sketch of VGG-16."""
    from keras.src.backend.common.variables import initialize_all_variables

    net = sketch("resnet20")
    initialize_all_variables()
    assert all(variable._value is None for variable in net.weights)
    with keras.StatelessScope():
        inside = keras.Variable(keras.initializers.Ones(), shape=(2,))
    assert inside.numpy().tolist() == [1, 1], "others still get their values"
