"""ResNet and the plain nets against the paper, against keras.applications, and against what they refuse."""

from __future__ import annotations

from math import prod

import keras
import numpy as np
import pytest

from edgecnn.arch import build, sketch
from edgecnn.arch.valueless import valueless
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting

SIZE = 33


def randomized(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with other weights in every layer, batch-norm statistics included, of which pictures still make something at the end."""
    rng = np.random.default_rng(seed)

    def value(weight):
        if "kernel" in weight.path:
            return rng.normal(0, (2 / prod(weight.shape[:-1])) ** 0.5, weight.shape)
        return (1 if "gamma" in weight.path or "variance" in weight.path else 0) + rng.uniform(-0.3, 0.3, weight.shape)

    model.set_weights([value(weight) for weight in model.weights])
    return model


def logits(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Of the last dense layer of either model, without its softmax."""
    last = model.layers[-1] if not isinstance(model.layers[-1], keras.layers.Softmax) else model.layers[-2]
    if isinstance(last, keras.layers.Dense):
        last.activation = keras.activations.linear
    return keras.ops.convert_to_numpy(keras.Model(model.input, last.output)(pictures, training=False))


@pytest.mark.parametrize("name", ["resnet50_keras", "resnet101_keras", "resnet152_keras"])
def test_a_twin_has_the_weights_of_keras_own_in_their_order(name):
    with valueless():
        theirs = getattr(keras.applications, CATALOG[name].twin)(weights=None, input_shape=(224, 224, 3))
    ours = sketch(name)
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    assert [weight.name for weight in ours.weights] == [weight.name for weight in theirs.weights]


def test_resnet50_keras_is_the_same_function_as_keras_own():
    theirs = randomized(keras.applications.ResNet50(weights=None, input_shape=(SIZE, SIZE, 3), classes=10))
    ours = build("resnet50_keras", classes=10, image_size=SIZE)
    ours.set_weights(theirs.get_weights())
    pictures = np.random.default_rng(1).normal(size=(4, SIZE, SIZE, 3)).astype("float32")
    expected = logits(theirs, pictures)
    spread = expected.std(axis=0).max()
    assert spread > 0.01 * expected.std(), "answers that do not vary between pictures prove nothing"
    assert np.abs(logits(ours, pictures) - expected).max() <= 1e-4 * spread


@pytest.mark.parametrize(("name", "convolutions"), [("resnet18", 17), ("resnet34", 33), ("resnet50", 49), ("resnet101", 100), ("resnet152", 151)])
def test_depth_counts_convolutions_of_the_main_path_and_the_dense_layer(name, convolutions):
    found = [layer.name for layer in sketch(name).layers if isinstance(layer, keras.layers.Conv2D)]
    assert len([name for name in found if "shortcut" not in name]) == convolutions


@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_maps_have_the_sizes_of_table_1(padding):
    model = sketch("resnet50", padding=padding)
    ends = ["conv1", "pool1", "stage1_block3_add", "stage2_block4_add", "stage3_block6_add", "stage4_block3_add"]
    assert [model.get_layer(name).output.shape[1] for name in ends] == [112, 56, 56, 28, 14, 7]


@pytest.mark.parametrize(("stride_in", "strided"), [("3x3", "conv2"), ("1x1", "conv1")])
def test_stride_is_in_one_convolution_of_a_bottleneck(stride_in, strided):
    model = sketch("resnet50", stride_in=stride_in)
    found = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.strides == (2, 2) and "block" in layer.name]
    assert found == [f"stage{stage}_block1_{part}" for stage in (2, 3, 4) for part in (strided, "shortcut")]


def test_symmetric_padding_is_a_layer_before_each_strided_convolution():
    def padded(padding):
        return [layer.name for layer in sketch("resnet18", padding=padding).layers if isinstance(layer, keras.layers.ZeroPadding2D)]

    assert padded("same") == []
    assert padded("symmetric") == ["conv1_pad", "pool1_pad", *(f"stage{stage}_block1_conv1_pad" for stage in (2, 3, 4))]


def test_batch_norm_can_follow_the_activation():
    model = sketch("resnet18", norm="after")
    assert isinstance(model.get_layer("conv1_bn").input._keras_history.operation, keras.layers.ReLU)


def test_identity_shortcuts_have_no_weights_and_keep_every_second_pixel():
    model = build("resnet20", classes=5, image_size=8)
    before = keras.Model(model.input, model.get_layer("stage1_block3_relu").output)
    beside = keras.Model(model.input, model.get_layer("stage2_block1_shortcut_channels").output)
    picture = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    start, got = (keras.ops.convert_to_numpy(part(picture, training=False)) for part in (before, beside))
    assert not [layer.name for layer in model.layers if "shortcut" in layer.name and layer.weights]
    np.testing.assert_array_equal(got[..., :16], start[:, ::2, ::2])
    np.testing.assert_array_equal(got[..., 16:], 0)


def test_projections_have_weights():
    assert sketch("resnet20", shortcut="projection").count_params() > CATALOG["resnet20"].parameters


@pytest.mark.parametrize("depth", [20, 56])
def test_plain_nets_are_resnets_without_the_sums(depth):
    plain, residual = sketch(f"plain{depth}"), sketch(f"resnet{depth}")
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in residual.weights]
    assert not [layer for layer in plain.layers if isinstance(layer, keras.layers.Add)]
    assert len([layer for layer in residual.layers if isinstance(layer, keras.layers.Add)]) == (depth - 2) // 2


def test_width_multiplies_filters():
    model = sketch("resnet50", width=0.5)
    assert [model.get_layer(name).filters for name in ("conv1", "stage1_block1_conv1", "stage4_block3_conv3")] == [32, 32, 1024]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet50", {"depth": 51}, "depth '51': expected one of 18, 34, 50, 101, 152"),
        ("resnet50", {"stride_in": "5x5"}, "stride in '5x5': expected one of 3x3, 1x1"),
        ("resnet50", {"padding": "full"}, "padding 'full': expected one of same, symmetric"),
        ("resnet50", {"norm": "none"}, "norm 'none': expected one of before, after"),
        ("resnet50", {"dropout": 1.0}, "dropout 1.0: expected a share"),
        ("resnet50", {"width": 0.001}, "width 0.001 leaves 64 filters none"),
        ("resnet20", {"depth": 21}, r"depth 21: expected 6n \+ 2 layers"),
        ("resnet20", {"depth": 2}, r"depth 2: expected 6n \+ 2 layers"),
        ("resnet20", {"shortcut": "detour"}, "shortcut 'detour': expected one of identity, projection, none"),
    ],
)
def test_values_that_cannot_work_are_refused(name, arguments, message):
    with pytest.raises(BadSetting, match=message):
        sketch(name, **arguments)
