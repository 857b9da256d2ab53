"""The tree of a model's graph: nothing is lost, blocks are found, and what repeats stands once."""

from __future__ import annotations

import keras
import pytest
from keras import layers
from sketches import sketched

from edgecnn.arch import structure
from edgecnn.arch.tree import Block, Repeat, Unit, layers_of
from edgecnn.catalog import CATALOG, MODULES

ROWS = (*CATALOG, *MODULES)


def tree(outputs, inputs):
    return structure.of(keras.Model(inputs, outputs))


def names(chain):
    return [layer.name for item in chain for layer in layers_of(item)]


def texts(chain):
    return [item.text for item in chain]


def tangles(chain):
    for item in chain:
        if isinstance(item, Unit):
            yield from [item] if item.tangled else []
        else:
            for inner in item.rounds if isinstance(item, Repeat) else item.branches:
                yield from tangles(inner)


@pytest.fixture
def image():
    keras.backend.clear_session()
    return keras.Input((16, 16, 4), name="image")


def block(x, name, filters=4, stride=1):
    """A residual block with a shortcut that has a convolution where it must."""
    short = x if stride == 1 else layers.Conv2D(filters, 1, stride, name=f"{name}_short")(x)
    x = layers.Conv2D(filters, 3, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([short, x]))


@pytest.mark.parametrize("name", ROWS)
def test_every_layer_has_one_place(name):
    row, found = CATALOG.get(name) or MODULES[name], sketched(name)
    told = [layer for item in found.chain for layer in layers_of(item)]
    assert sorted(layer.name for layer in told) == sorted(found.names)
    assert sum(layer.parameters for layer in told) == row.parameters
    assert sum(layer.macs for layer in told) == row.macs


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_blocks_and_not_a_long_line(name):
    chain = sketched(name).chain
    assert not list(tangles(chain))
    assert len(chain) <= 40


def test_padding_convolution_norm_and_activation_read_as_one_unit(image):
    x = layers.ZeroPadding2D(1, name="pad")(image)
    x = layers.Conv2D(8, 3, 2, groups=2, name="conv")(x)
    x = layers.ReLU(6.0, name="relu")(layers.BatchNormalization(name="bn")(x))
    _, unit = tree(x, image)
    assert unit.text == "pad 1, conv 3x3, 8, /2, groups 2, bn, relu6"
    assert (unit.name, unit.main.kind) == ("conv", "grouped")
    assert unit.layers[-1].shape == (8, 8, 8)


def test_norm_before_the_convolution_belongs_to_the_one_after_it(image):
    x = layers.Conv2D(4, 3, name="stem")(image)
    x = layers.MaxPooling2D(2, name="pool")(x)
    for index in range(2):
        x = layers.ReLU(name=f"relu{index}")(layers.BatchNormalization(name=f"bn{index}")(x))
        x = layers.Conv2D(4 + index, 1, name=f"conv{index}")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(x))
    assert texts(tree(x, image)) == ["input", "conv 3x3, 4", "max pool 2x2, /2", "bn, relu, conv 1x1, 4", "bn, relu, conv 1x1, 5", "bn, relu"]


def test_activation_after_a_merge_belongs_to_it(image):
    _, found = tree(block(image, "a"), image)
    assert isinstance(found, Block)
    assert found.branches[0] == ()
    assert texts(found.branches[1]) == ["conv 3x3, 4, bn"]
    assert found.merge.text == "add, relu"
    assert found.name == "a"


def test_equal_blocks_are_one_repeat(image):
    x = image
    for index in range(1, 4):
        x = block(x, f"block{index}")
    x = block(x, "block4", 8, stride=2)
    _, repeat, last = tree(x, image)
    assert isinstance(repeat, Repeat)
    assert (len(repeat.rounds), repeat.name) == (3, "block1..3")
    assert isinstance(last, Block)


def test_blocks_of_other_filters_are_none(image):
    first = layers.Concatenate(name="a_concat")([image, layers.Conv2D(2, 3, padding="same", name="a_conv")(image)])
    second = layers.Concatenate(name="b_concat")([first, layers.Conv2D(3, 3, padding="same", name="b_conv")(first)])
    assert not any(isinstance(item, Repeat) for item in tree(second, image))


def test_channels_that_grow_make_no_difference(image):
    x = image
    for index in range(5):
        x = layers.Concatenate(name=f"dense{index}_concat")([x, layers.Conv2D(2, 3, padding="same", name=f"dense{index}_conv")(x)])
    _, repeat = tree(x, image)
    assert len(repeat.rounds) == 5


def test_a_pattern_of_several_units_repeats_and_starts_where_the_names_say(image):
    x = layers.Conv2D(4, 1, name="pw_0")(image)
    for index in range(1, 4):
        x = layers.DepthwiseConv2D(3, padding="same", name=f"dw_{index}")(x)
        x = layers.Conv2D(4, 1, name=f"pw_{index}")(x)
    _, first, repeat = tree(x, image)
    assert first.name == "pw_0"
    assert [[item.name for item in chain] for chain in repeat.rounds] == [["dw_1", "pw_1"], ["dw_2", "pw_2"], ["dw_3", "pw_3"]]


def test_branches_that_meet_further_out_stay_inside_their_branch(image):
    left = layers.Conv2D(2, 1, name="left")(image)
    split = [layers.Conv2D(2, (1, 3), padding="same", name="wide")(left), layers.Conv2D(2, (3, 1), padding="same", name="high")(left)]
    right = layers.Conv2D(3, 1, name="right")(image)
    _, outer = tree(layers.Concatenate(name="out")([*split, right]), image)
    assert len(outer.branches) == 2
    first, inner = outer.branches[0]
    assert first.name == "left"
    assert inner.merge is None
    assert [texts(branch) for branch in inner.branches] == [["conv 1x3, 2"], ["conv 3x1, 2"]]


def test_equal_branches_are_counted(image):
    paths = [layers.Conv2D(2, 1, name=f"path{index}")(image) for index in range(3)]
    _, found = tree(layers.Add(name="sum")([*paths, layers.Conv2D(2, 3, padding="same", name="other")(image)]), image)
    assert [times for _, times in found.distinct] == [3, 1]
    assert len(found.branches) == 4


def test_crossing_paths_are_a_list(image):
    a, b = (layers.Conv2D(2, 1, name=name)(image) for name in "ab")
    c = layers.Add(name="c")([a, b])
    d = layers.Concatenate(name="d")([a, c, b])
    e = layers.Add(name="e")([c, layers.Conv2D(2, 1, name="f")(d)])
    chain = tree(layers.Conv2D(1, 1, name="end")(layers.Concatenate(name="g")([d, e])), image)
    assert sorted(names(chain)) == sorted(["image", *"abcdefg", "end"])
    assert len(list(tangles(chain))) == 1
    assert chain[-1].name == "end"


def test_a_layer_that_is_called_twice_counts_once(image):
    shared = layers.Conv2D(4, 1, name="shared")
    model = keras.Model(image, shared(layers.ReLU(name="relu")(shared(image))))
    told = [layer for item in structure.of(model) for layer in layers_of(item) if layer.name == "shared"]
    assert [layer.parameters for layer in told] == [model.count_params(), 0]


def test_several_outputs_are_branches_that_never_meet(image):
    body = layers.Conv2D(4, 3, name="body")(image)
    heads = [layers.Conv2D(count, 1, name=f"head{count}")(body) for count in (2, 3)]
    *_, fork = tree(heads, image)
    assert fork.merge is None
    assert [texts(branch) for branch in fork.branches] == [["conv 1x1, 2"], ["conv 1x1, 3"]]


def test_arithmetic_on_tensors_is_told(image):
    x = layers.Conv2D(4, 1, name="conv")(image)
    _, unit = tree(layers.ReLU(6.0, name="relu")(x + 3.0) * (1 / 6), image)
    assert unit.text == "conv 1x1, 4, add constant, relu6, multiply constant"


def test_the_same_value_twice_is_two_branches(image):
    _, found = tree(layers.Add(name="double")([image, image]), image)
    assert found.branches == ((), ())
