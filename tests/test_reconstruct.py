"""Weights rounded so that a layer's outputs stay, and channels made even: against what the layers compute."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from edgecnn.card import Preprocessing
from edgecnn.export import bias, equalize, reconstruct
from edgecnn.export.formats import FORMATS
from edgecnn.export.ranges import choose
from edgecnn.export.reconstruct import Seen, Window
from edgecnn.progress import SILENT

INPUT = (12, 10, 6)


def _pictures(count: int = 24) -> np.ndarray:
    """Inputs whose channels and neighbours go together, as those of a real layer do, [N, H, W, C]."""
    random = np.random.default_rng(0)
    few = random.normal(size=(count, *INPUT[:2], 2)) @ random.normal(size=(2, INPUT[2]))
    smooth = sum(np.roll(few, (rows, columns), axis=(1, 2)) for rows in range(4) for columns in range(4))
    return (smooth + 0.05 * random.normal(size=smooth.shape)).astype(np.float32)


LAYERS = {
    "dense": lambda: [keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(7)],
    "pointwise": lambda: [keras.layers.Conv2D(8, 1)],
    "same": lambda: [keras.layers.Conv2D(8, 3, padding="same")],
    "valid stride": lambda: [keras.layers.Conv2D(8, 3, strides=2)],
    "same stride": lambda: [keras.layers.Conv2D(8, 3, strides=2, padding="same")],
    "dilated": lambda: [keras.layers.Conv2D(8, 3, dilation_rate=2, padding="same")],
    "depthwise": lambda: [keras.layers.DepthwiseConv2D(3, padding="same")],
    "multiplied": lambda: [keras.layers.DepthwiseConv2D(3, depth_multiplier=2)],
}


def _net(layers: list[keras.Layer]) -> keras.Model:
    keras.utils.set_random_seed(1)
    start = x = keras.Input(INPUT)
    for layer in layers:
        x = layer(x)
    x = keras.layers.Flatten()(x) if len(x.shape) > 2 else x
    return keras.Model(start, keras.layers.Softmax()(x))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_outputs_move_less_than_by_rounding_to_the_nearest_step(kind, suffix):
    """On inputs that were not looked at."""
    net, inputs = _net(LAYERS[kind]()), _pictures()
    writer = FORMATS[suffix]()
    content = writer.convert(net)
    products = writer.products(content, inputs[:16], None)
    assert products, "no layer was looked at"
    layer = next(layer for layer in net.layers if layer.weights)
    ((_, window),) = products
    kernel = layer.get_weights()[0]
    errors = {}
    for name, moments in (("nearest", None), ("reconstructed", products)):
        snapped = writer.snap(content, {}, moments or {})
        spread = _weights_of(writer, snapped)
        exact = _weights_of(writer, content)
        assert spread.shape == exact.shape
        errors[name] = _lost(suffix, exact - spread, inputs[16:], window, kernel)
    assert errors["reconstructed"] < 0.9 * errors["nearest"]


def _weights_of(writer, content) -> np.ndarray:
    """The only kernel of a file."""
    if writer.suffix == "onnx":
        from onnx import numpy_helper

        return max((numpy_helper.to_array(tensor) for tensor in content.graph.initializer if len(tensor.dims) > 1), key=np.size)
    from edgecnn.export import flatbuffer, tflite_layers

    model = flatbuffer.read(content)
    operator = next(op for op in model.subgraphs[0].operators if model.operatorCodes[op.opcodeIndex].builtinCode in tflite_layers.OUTPUT_AXIS)
    return flatbuffer.values(model, model.subgraphs[0].tensors[operator.inputs[1]])


def _lost(suffix: str, lost: np.ndarray, inputs: np.ndarray, window: Window, kernel: np.ndarray) -> float:
    """Mean square of what the lost weights make of the inputs, by Keras."""
    ops = keras.ops
    if kernel.ndim == 2:
        flat = inputs.max((1, 2))
        return float(np.square(flat @ (lost.T if lost.shape[0] != flat.shape[1] else lost)).mean())
    depthwise = window.groups > 1
    if suffix == "onnx":
        lost = lost.transpose(2, 3, 0, 1).reshape(kernel.shape) if depthwise else lost.transpose(2, 3, 1, 0)
    else:
        lost = lost[0].reshape(kernel.shape) if depthwise else lost.transpose(1, 2, 3, 0)
    top, bottom, left, right = window.padding
    padded = np.pad(inputs, ((0, 0), (top, bottom), (left, right), (0, 0)))
    if depthwise:
        made = ops.depthwise_conv(padded, lost, window.strides, "valid", dilation_rate=window.dilations)
    else:
        made = ops.conv(padded, lost, window.strides, "valid", dilation_rate=window.dilations)
    return float(np.square(ops.convert_to_numpy(made)).mean())


def test_few_places_say_nothing():
    """A dense layer of 720 inputs that has seen 24 rows is rounded to the nearest steps."""
    writer = FORMATS["tflite"]()
    assert not writer.products(writer.convert(_net([keras.layers.Flatten(), keras.layers.Dense(7)])), _pictures(), None)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_quantizer_finds_the_same_steps_again(suffix):
    """Reconstructed weights have their largest one at 127 steps a channel, so that rounding them again changes nothing."""
    writer, inputs = FORMATS[suffix](), _pictures()
    content = writer.convert(_net(LAYERS["same"]()))
    found = _weights_of(writer, writer.snap(content, {}, writer.products(content, inputs, None)))
    axis = 0
    np.testing.assert_allclose(bias.rounded(found, axis), found, atol=1e-7)


def test_second_moments_are_those_of_all_places():
    """Both layouts, against a product written out by hand."""
    value = _pictures(1)
    window = Window((3, 3), (2, 2), (1, 1), (1, 0, 1, 1))
    columns = Seen(window, channels_first=False)
    columns.add(value, 0)
    rows = Seen(window, channels_first=True)
    rows.add(value.transpose(0, 3, 1, 2), 0)
    whole = np.pad(value[0], ((1, 0), (1, 1), (0, 0)))
    expected = np.zeros((54, 54))
    for top in range(0, whole.shape[0] - 2, 2):
        for left in range(0, whole.shape[1] - 2, 2):
            seen = whole[top : top + 3, left : left + 3].transpose(2, 0, 1).reshape(-1)
            expected += np.outer(seen, seen)
    np.testing.assert_allclose(columns.total[0], expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(rows.total, columns.total)


def test_without_correlations_it_is_rounding_to_the_nearest_step():
    weights = np.random.default_rng(0).normal(size=(1, 5, 12))
    np.testing.assert_allclose(reconstruct.rounded(weights, np.eye(12)[None]), bias.rounded(weights[0], 0)[None], atol=1e-6)


def test_inputs_that_are_never_lit_do_no_harm():
    weights = np.random.default_rng(0).normal(size=(1, 5, 12))
    assert np.isfinite(reconstruct.rounded(weights, np.zeros((1, 12, 12)))).all()
    assert np.array_equal(reconstruct.rounded(np.zeros((1, 2, 3)), np.eye(3)[None]), np.zeros((1, 2, 3)))


def _uneven() -> keras.Model:
    """Everything that factors pass through, with channels of very different ranges."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    start = keras.Input(INPUT)
    x = layers.Conv2D(8, 3, use_bias=False, name="first")(start)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(6.0, name="cut")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="each")(x)
    one = layers.Conv2D(4, 1, activation="relu", name="left")(x)
    other = layers.SeparableConv2D(5, 3, padding="same", name="right")(x)
    x = layers.Concatenate(name="both")([one, layers.LeakyReLU(0.1)(other)])
    x = layers.MaxPooling2D()(x)
    x = layers.Add()([layers.Conv2D(9, 1, name="added")(x), x])
    x = layers.Activation("hard_silu")(layers.Conv2D(6, 3, name="swished")(x))
    x = layers.Flatten()(layers.Conv2D(5, 1, activation="relu", name="late")(x))
    net = keras.Model(start, layers.Softmax()(layers.Dense(4, name="logits")(x)))
    random = np.random.default_rng(0)
    for layer in net.layers:
        layer.set_weights([value * random.lognormal(0, 1.5, value.shape[-1]) for value in layer.get_weights()])
    return net


def test_even_channels_give_the_same_answers():
    net, inputs = _uneven(), _pictures()
    before = [value.copy() for value in net.get_weights()]
    even = equalize.equalized(net, inputs)
    np.testing.assert_allclose(even.predict(inputs, verbose=0), net.predict(inputs, verbose=0), rtol=1e-3, atol=1e-5)
    for value, was in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, was)


def test_channels_become_even():
    net, inputs = _uneven(), _pictures()
    even = equalize.equalized(net, inputs)
    for name in ("cut", "each", "both", "late"):
        spreads = []
        for each in (net, even):
            values = np.abs(keras.Model(each.input, each.get_layer(name).output).predict(inputs, verbose=0)).max((0, 1, 2))
            lit = values[values > 0]
            spreads.append(lit.max() / np.median(lit))
        assert spreads[1] < max(1.2, 0.7 * spreads[0]), name
        assert spreads[1] < spreads[0], name


def test_a_layer_that_is_called_twice_keeps_its_scale():
    start = keras.Input(INPUT)
    twice = keras.layers.Conv2D(INPUT[2], 1, name="twice")
    x = keras.layers.Flatten()(keras.layers.Conv2D(3, 1)(twice(twice(start))))
    net, inputs = keras.Model(start, keras.layers.Dense(2)(x)), _pictures()
    even = equalize.equalized(net, inputs)
    np.testing.assert_array_equal(even.get_layer("twice").get_weights()[0], twice.get_weights()[0])
    np.testing.assert_allclose(even.predict(inputs, verbose=0), net.predict(inputs, verbose=0), rtol=1e-3, atol=1e-5)


def test_products_are_of_pictures_too():
    """uint8 pictures go through the preprocessing."""
    writer = FORMATS["tflite"]()
    start = keras.Input((8, 8, 3))
    content = writer.convert(keras.Model(start, keras.layers.Softmax()(keras.layers.Flatten()(keras.layers.Conv2D(2, 2)(start)))))
    pictures = np.full((2, 8, 8, 3), 192, np.uint8)
    ((_, total),) = writer.products(content, pictures, Preprocessing(8, 8)).items()
    np.testing.assert_allclose(total, np.full_like(total, 2 * 49 * 0.25))


@pytest.mark.parametrize("kind", ["same", "depthwise", "dense"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_the_int8_file_holds_the_weights_that_were_snapped(suffix, kind):
    """ONNX Runtime's own unsigned grid has 127.5 steps to the largest weight, and would round all of them once more."""
    writer, inputs = FORMATS[suffix](), _pictures()
    content = writer.convert(_net(LAYERS[kind]()))
    snapped = writer.snap(content, {}, {})
    quantized = writer.quantize("int8", snapped, choose(writer.extremes(snapped, inputs, None, SILENT)), "int8")
    expected, found = _weights_of(writer, snapped), _stored(suffix, quantized)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def _stored(suffix: str, quantized) -> np.ndarray:
    """The only kernel of an int8 file, as reals."""
    if suffix == "onnx":
        from onnx import numpy_helper

        found = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
        name = max((name for name in found if name.endswith("_quantized")), key=lambda name: found[name].ndim)
        assert found[name].dtype == np.uint8
        node = next(node for node in quantized.graph.node if node.op_type == "DequantizeLinear" and node.input[0] == name)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        scale, zero = (found[edge].astype(np.float32) for edge in node.input[1:])
    else:
        from edgecnn.export import flatbuffer, tflite_layers

        model = flatbuffer.read(quantized)
        operator = next(op for op in model.subgraphs[0].operators if model.operatorCodes[op.opcodeIndex].builtinCode in tflite_layers.OUTPUT_AXIS)
        tensor = model.subgraphs[0].tensors[operator.inputs[1]]
        name, axis = "kernel", tensor.quantization.quantizedDimension
        found = {name: np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int8).reshape(tensor.shape)}
        scale, zero = np.array(tensor.quantization.scale, np.float32), np.float32(0)
    shape = [-1 if a == axis else 1 for a in range(found[name].ndim)]
    return (found[name].astype(np.float32) - (zero.reshape(shape) if np.size(zero) > 1 else zero)) * (scale.reshape(shape) if scale.size > 1 else scale)
