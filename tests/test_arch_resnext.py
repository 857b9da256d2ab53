"""ResNeXt: groups, the three forms of its block as one function, the tutorial's form and the builder."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from edgecnn.arch import build, macs, sketch
from edgecnn.arch.resnext_forms import copy_weights
from edgecnn.catalog import MODULES
from edgecnn.errors import BadSetting

FORMS = ("a", "b", "c")


def randomized(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with weights, scales and statistics that differ from channel to channel, so that no two paths could be swapped unseen."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        around = 1 if "gamma" in weight.path or "variance" in weight.path else 0
        spread = rng.normal(0, 0.1, weight.shape) if "kernel" in weight.path else around + rng.uniform(-0.3, 0.3, weight.shape)
        weight.assign(spread)
    return model


def grouped(model: keras.Model) -> dict[str, int]:
    """Groups of the convolutions that have some, by layer name."""
    return {layer.name: layer.groups for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1}


@pytest.mark.parametrize("form", FORMS)
def test_counts_of_the_forms_are_those_of_their_rows(form):
    row, model = MODULES[f"resnext_block_{form}"], sketch(f"resnext_block_{form}")
    trainable = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    assert (model.count_params(), trainable, macs.count(model)) == (row.parameters, row.trainable, row.macs)


@pytest.mark.parametrize("form", ["a", "b"])
def test_separate_paths_are_the_same_function_as_groups(form):
    one = randomized(build("resnext_block_c"))
    other = build(f"resnext_block_{form}")
    maps = np.random.default_rng(1).normal(size=(2, *one.input.shape[1:])).astype("float32")
    expected = keras.ops.convert_to_numpy(one(maps, training=False))
    spread = (expected - maps.clip(0)).std()  # of what the block adds, not of its shortcut
    before = keras.ops.convert_to_numpy(other(maps, training=False))
    assert np.abs(before - expected).max() > spread, "forms that agree with other weights prove nothing"
    copy_weights(one, other)
    assert np.abs(keras.ops.convert_to_numpy(other(maps, training=False)) - expected).max() <= 1e-4 * spread


@pytest.mark.parametrize("form", ["a", "b"])
def test_separate_paths_train_as_groups_do(form):
    """Batch norms see the same means, also with the statistics of a batch."""
    one = randomized(build("resnext_block_c", groups=4))
    other = build(f"resnext_block_{form}", groups=4)
    copy_weights(one, other)
    maps = np.random.default_rng(1).normal(size=(2, *one.input.shape[1:])).astype("float32")
    expected, got = (keras.ops.convert_to_numpy(model(maps, training=True)) for model in (one, other))
    assert np.abs(got - expected).max() <= 1e-4 * expected.std()


def test_weights_of_another_size_are_refused():
    with pytest.raises(BadSetting, match="blocks of other sizes: 4 paths"):
        copy_weights(build("resnext_block_c", groups=4), build("resnext_block_a", groups=2))


@pytest.mark.parametrize(("name", "groups", "count"), [("resnext50_32x4d", 32, 16), ("resnext101_32x8d", 32, 33), ("resnext29_8x64d", 8, 9)])
def test_every_block_has_one_grouped_convolution(name, groups, count):
    found = grouped(sketch(name))
    assert list(found.values()) == [groups] * count
    assert all(layer.endswith("conv2") for layer in found)


def test_form_d_groups_its_last_convolutions_too():
    assert len(grouped(sketch("resnext50_form_d"))) == 2 * 16


@pytest.mark.parametrize("width", [0.1, 0.3, 0.77, 1.5])
def test_groups_divide_the_filters_of_every_width(width):
    model = sketch("resnext50_32x4d", width=width)
    assert set(grouped(model).values()) == {32}
    assert all(model.get_layer(name).filters % 32 == 0 for name in grouped(model))


def test_inner_filters_are_those_of_table_1():
    model = sketch("resnext50_32x4d")
    assert [model.get_layer(f"stage{stage}_block1_conv2").filters for stage in (1, 2, 3, 4)] == [128, 256, 512, 1024]


def test_the_notebooks_net_has_the_parameters_of_its_paths():
    """Counted from its printed code: each of 16 paths has convolutions with biases and batch norms of its own, one convolution follows all of them."""

    def convolution(inputs, outputs, kernel):
        return kernel * kernel * inputs * outputs + outputs + 2 * outputs

    count, inputs = convolution(3, 64, 3), 64
    for inner, outputs in ((64, 256), (128, 512), (256, 1024)):
        count += convolution(inputs, outputs, 1)  # the shortcut of the first block
        for _ in range(3):
            count += 16 * (convolution(inputs, inner, 1) + convolution(inner, inner, 3)) + convolution(16 * inner, outputs, 1)
            inputs = outputs
    count += inputs * 10 + 10
    model = sketch("resnext29_16x64d_notebook")
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == count


@pytest.mark.parametrize("block", ["plain", "residual", "bottleneck", "resnext"])
@pytest.mark.parametrize("head", ["mean", "dense"])
def test_builder_takes_any_block_and_head(block, head):
    model = sketch("cifar_builder", block=block, head=head, tail="double", levels=2, downsamples=1, repeats=1)
    assert model.output_shape == (None, 10)
    assert bool(grouped(model)) == (block == "resnext")
    assert any(isinstance(layer, keras.layers.Add) for layer in model.layers) == (block != "plain")


@pytest.mark.parametrize("downsamples", [0, 1, 2, 3])
def test_builder_halves_maps_after_levels(downsamples):
    model = sketch("cifar_builder", downsamples=downsamples)
    assert model.get_layer("pool").input.shape[1] == 32 // 2**downsamples


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnext50_32x4d", {"depth": 18}, "depth '18': expected one of 50, 101, 152"),
        ("resnext50_32x4d", {"groups": 0}, "groups 0: expected 1 or more"),
        ("resnext50_32x4d", {"group_width": 0}, "group width 0: expected 1 or more"),
        ("resnext29_8x64d", {"depth": 30}, r"depth 30: expected 9n \+ 2 layers"),
        ("resnext29_8x64d", {"groups": -1}, "groups -1: expected 1 or more"),
        ("resnext50_form_d", {"padding": "full"}, "padding 'full': expected one of same, symmetric"),
        ("cifar_builder", {"tail": "long"}, "tail 'long': expected one of conv, double"),
        ("cifar_builder", {"block": "dense"}, "block 'dense': expected one of plain, residual, bottleneck, resnext"),
        ("cifar_builder", {"head": "max"}, "head 'max': expected one of mean, dense"),
        ("cifar_builder", {"levels": 0}, "levels 0: expected 1 to 8"),
        ("cifar_builder", {"repeats": 9}, "repeats 9: expected 1 to 8"),
        ("cifar_builder", {"downsamples": 4}, "downsamples 4: expected 0 to 3"),
        ("cifar_builder", {"cardinality": 0}, "cardinality 0: expected 1 or more"),
        ("resnext_block_a", {"form": "d"}, "form 'd': expected one of a, b, c"),
        ("resnext_block_a", {"groups": 0}, "groups 0: expected 1 or more"),
    ],
)
def test_values_that_cannot_work_are_refused(name, arguments, message):
    with pytest.raises(BadSetting, match=message):
        sketch(name, **arguments)
