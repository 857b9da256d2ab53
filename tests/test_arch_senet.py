"""SENet against the authors' release, and against ResNet without its units."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from edgecnn.arch import build, sketch
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting


def convolutions(model: keras.Model) -> dict[str, keras.layers.Conv2D]:
    """By name."""
    return {layer.name: layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}


@pytest.mark.parametrize(("name", "plain"), [("se_resnet50", "resnet50"), ("se_resnext50_32x4d", "resnext50_32x4d")])
def test_without_units_it_is_the_network_that_they_stand_in(name, plain):
    assert sketch(name, ratio=0).count_params() == CATALOG[plain].parameters


@pytest.mark.parametrize(("name", "strided"), [("se_resnet50", "conv1"), ("se_resnext50_32x4d", "conv2"), ("senet154", "conv2")])
def test_stride_is_where_the_authors_have_it(name, strided):
    found = [layer for layer, made in convolutions(sketch(name)).items() if "stage" in layer and made.strides == (2, 2)]
    assert found == [f"stage{stage}_block1_{part}" for stage in (2, 3, 4) for part in (strided, "shortcut")]


def test_senet154_has_the_authors_own_stem_shortcuts_and_widths():
    found = convolutions(sketch("senet154"))
    assert [(found[f"conv{index}"].kernel_size[0], found[f"conv{index}"].filters) for index in (1, 2, 3)] == [(3, 64), (3, 64), (3, 128)]
    assert [found[f"stage{stage}_block1_shortcut"].kernel_size[0] for stage in (1, 2, 3, 4)] == [1, 3, 3, 3]
    assert [found[f"stage1_block1_conv{index}"].filters for index in (1, 2, 3)] == [128, 256, 256]
    assert {layer.groups for name, layer in found.items() if name.endswith("conv2") and "stage" in name} == {64}


def test_units_reduce_channels_sixteenfold_and_have_biases():
    found = convolutions(sketch("se_resnet50"))
    assert (found["stage4_block3_se_reduce"].filters, found["stage4_block3_se_expand"].filters) == (128, 2048)
    assert found["stage4_block3_se_reduce"].use_bias


@pytest.mark.parametrize("size", [56, 57, 64, 65])
def test_pool_rounds_sizes_up_as_caffe_does(size):
    stem = sketch("se_resnet50", image_size=2 * size).get_layer("pool1").output.shape[1]
    assert stem == -(-(size - 3) // 2) + 1


def test_a_unit_weighs_channels_of_its_block():
    model = build("se_resnet50", classes=5, image_size=32, width=0.125)
    scaled = keras.Model(model.input, [model.get_layer(f"stage1_block1_{part}").output for part in ("conv3_bn", "se_gate", "se_scale")])
    maps, gates, weighed = (keras.ops.convert_to_numpy(part) for part in scaled(np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")))
    assert gates.shape == (2, 1, 1, 32)
    np.testing.assert_allclose(weighed, maps * gates, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "vgg"}, "form 'vgg': expected one of resnet, resnext, senet"),
        ({"depth": 34}, "depth '34': expected one of 50, 101, 152"),
        ({"ratio": -1}, "squeeze-excite ratio -1: expected 0 or more"),
        ({"padding": "full"}, "padding 'full': expected one of same, symmetric"),
    ],
)
def test_values_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(BadSetting, match=message):
        sketch("se_resnet50", **arguments)
