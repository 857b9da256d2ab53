"""MobileNet v1, v2 and v3: against Keras' own, against the papers' tables, and what becomes of their activations in files."""

from __future__ import annotations

from math import prod
from pathlib import Path

import keras
import pytest
from twin_nets import check_equal, random_twin

from edgecnn.arch import build, sketch
from edgecnn.arch.blocks import divisible
from edgecnn.errors import BadSetting
from edgecnn.export import onnx_float, tflite_float
from edgecnn.runtime import tflite_file


def trainable(model):
    return sum(prod(weight.shape) for weight in model.trainable_weights)


def sizes(model):
    """Height of every map, by layer name."""
    return {layer.name: layer.output.shape[1] for layer in model.layers if len(layer.output.shape) == 4}


def pads(model):
    return [layer.name for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)]


@pytest.fixture(scope="module")
def v3():
    return build("mobilenet_v3_small", classes=5, image_size=32, width=0.25)


@pytest.mark.parametrize(
    ("name", "width", "size"),
    [
        *(("mobilenet", width, size) for width, size in ((0.5, 96), (1.0, 64), (0.25, 65), (0.25, 47))),
        *(("mobilenet_v2", width, size) for width, size in ((0.35, 47), (1.3, (65, 48)))),
        *(("mobilenet_v3_large", width, size) for width, size in ((0.3, 47), (0.75, (65, 48)))),
        *(("mobilenet_v3_small", width, size) for width, size in ((0.75, 33), (1.25, 64))),
        ("mobilenet_v3_large_minimalistic", 0.6, 32),
        ("mobilenet_v3_small_minimalistic", 0.6, 47),
    ],
    ids=str,
)
def test_the_same_function_as_keras_own(name, width, size):
    theirs = random_twin(name, size, width=width)
    ours = build(name, classes=5, image_size=size, width=width)
    ours.set_weights(theirs.get_weights())
    check_equal(ours, theirs)


def test_v1_pads_by_a_layer_at_odd_sizes_only():
    assert pads(sketch("mobilenet")) == []
    assert pads(sketch("mobilenet", image_size=96)) == []
    assert pads(sketch("mobilenet", image_size=65)) == ["conv_dw_2_pad"]  # 65 -> 33 -> 16 -> 8 -> 4 -> 2


@pytest.mark.parametrize(("name", "strides"), [("mobilenet", 5), ("mobilenet_v2", 5), ("mobilenet_v3_large", 5), ("mobilenet_v3_small", 5)])
def test_symmetric_padding_is_a_layer_before_each_stride_and_keeps_the_sizes(name, strides):
    one, other = sketch(name), sketch(name, padding="symmetric")
    assert pads(one) == []
    assert len(pads(other)) == strides
    assert {key: value for key, value in sizes(other).items() if not key.endswith("_pad")} == sizes(one)
    assert all(layer.padding[0][0] == layer.padding[0][1] == layer.padding[1][1] for layer in other.layers if layer.name in pads(other))


@pytest.mark.parametrize(
    ("arguments", "parameters", "expected"),
    [({"width": 0.25}, 475_544, 470_072), ({"bias": True}, 4_264_808, 4_242_920)],
    ids=["width 0.25", "with biases"],
)
def test_v1_parameters_of_other_forms(arguments, parameters, expected):
    model = sketch("mobilenet", **arguments)
    assert (model.count_params(), trainable(model)) == (parameters, expected)


# Millions of parameters in the table of keras.applications.MobileNetV2, and of MobileNetV3Large.
@pytest.mark.parametrize(
    ("name", "width", "millions"),
    [("mobilenet_v2", width, stated) for width, stated in ((1.4, 6.06), (1.3, 5.34), (0.75, 2.61), (0.5, 1.95), (0.35, 1.66))]
    + [("mobilenet_v3_large", 0.75, 4.0)],
)
def test_parameters_of_other_widths(name, width, millions):
    assert trainable(sketch(name, width=width)) / 1e6 == pytest.approx(millions, rel=0.015)


def test_v1_maps_have_the_sizes_of_table_1():
    found = sizes(sketch("mobilenet"))
    assert [found[f"conv_pw_{i}"] for i in range(1, 14)] == [112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7]


def test_v2_maps_have_the_sizes_of_table_2():
    found = sizes(sketch("mobilenet_v2"))
    assert [found[f"block{i}_project"] for i in range(17)] == [112, 56, 56, 28, 28, 28, 14, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7]


def test_v3_maps_have_the_sizes_of_tables_1_and_2():
    found = sizes(sketch("mobilenet_v3_large"))
    assert [found[f"block{i}_project"] for i in range(15)] == [112, 56, 56, 28, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 7]
    found = sizes(sketch("mobilenet_v3_small"))
    assert [found[f"block{i}_project"] for i in range(11)] == [56, 28, 28, 14, 14, 14, 14, 14, 7, 7, 7]


def test_handbook_has_plain_relus():
    relus = [layer for layer in sketch("mobilenet_handbook").layers if isinstance(layer, keras.layers.ReLU)]
    assert len(relus) == 27
    assert all(layer.max_value is None for layer in relus)


def test_minimalistic_has_no_advanced_layer():
    model = sketch("mobilenet_v3_large_minimalistic")
    assert not any(isinstance(layer, keras.layers.Multiply) or "hard" in layer.name for layer in model.layers)
    assert {layer.kernel_size for layer in model.layers if isinstance(layer, keras.layers.DepthwiseConv2D)} == {(3, 3)}


def test_hard_swish_is_one_operator_and_the_gate_two(v3):
    kinds = [operator.kind for operator in tflite_file.info(Path("v3.tflite"), tflite_float.convert(v3)).operators]
    hard = sum("hard_silu" in layer.name for layer in v3.layers)
    gates = sum(layer.name.endswith("_gate") for layer in v3.layers)
    assert (hard, gates) == (19, 9)
    assert kinds.count("HARD_SWISH") == hard
    # relu6(x + 3) is part of the convolution before it: what is left is a product by 1/6, and that of the channels.
    assert kinds.count("MUL") == 2 * gates
    assert set(kinds) == {"CONV_2D", "DEPTHWISE_CONV_2D", "HARD_SWISH", "MUL", "MEAN", "ADD", "RESHAPE", "SOFTMAX"}


def test_hard_sigmoid_after_a_convolution_becomes_onnx():
    # tf2onnx's optimizer alone fails on the number 3 that is added to what a convolution gives.
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Activation("hard_sigmoid")(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(x)))
    assert "Conv" in [node.op_type for node in onnx_float.convert(model).graph.node]


def test_v3_becomes_onnx(v3):
    assert {node.domain for node in onnx_float.convert(v3).graph.node} == {""}


@pytest.mark.parametrize(("channels", "expected"), [(3, 8), (11.9, 16), (12, 16), (20, 24), (8.9, 16), (91, 88), (320 * 0.35, 112)])
def test_channels_are_rounded_to_multiples_of_eight(channels, expected):
    assert divisible(channels) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mobilenet", {"width": 0.01}, "width 0.01 leaves 32 filters none"),
        ("mobilenet", {"dropout": 1.0}, "dropout 1.0: expected a share"),
        ("mobilenet", {"act": "elu"}, "activation 'elu': expected one of relu6, relu"),
        ("mobilenet", {"padding": "valid"}, "padding 'valid': expected one of same, symmetric"),
        ("mobilenet_v2", {"width": 0}, "width 0 leaves 32 filters none"),
        ("mobilenet_v2", {"padding": "valid"}, "padding 'valid'"),
        ("mobilenet_v3_large", {"size": "medium"}, "MobileNet v3 size 'medium': expected one of large, small"),
        ("mobilenet_v3_large", {"width": -1}, "width -1 leaves 16 filters none"),
    ],
)
def test_values_that_cannot_work_are_refused(name, arguments, message):
    with pytest.raises(BadSetting, match=message):
        build(name, **arguments)
