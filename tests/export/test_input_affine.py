"""Preprocessing in the graph as int8 files hold it: the byte is the input, and each byte reaches the first layer as near as eight bits allow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from onnx import numpy_helper

from edgecnn.card import INPUT, Preprocessing
from edgecnn.export import check, input_affine_onnx, input_affine_tflite
from edgecnn.export.formats import FORMATS
from edgecnn.export.input_affine import Affine
from edgecnn.export.ranges import choose, with_exact_input
from edgecnn.progress import SILENT
from edgecnn.sources.graph_preprocessing_onnx import from_onnx
from edgecnn.sources.graph_preprocessing_tflite import from_tflite

SIZE = 16
MEASURE = {"tflite": input_affine_tflite.measure_input_rounding, "onnx": input_affine_onnx.measure_input_rounding}


def network(preprocess, padding: str = "same", side: int = SIZE, channels: int = 3) -> keras.Model:
    """Preprocessing, a convolution whose bias is not zero, and an ending whose answers vary."""
    keras.utils.set_random_seed(3)
    noise, loud = keras.initializers.RandomNormal(stddev=0.2), keras.initializers.RandomNormal(stddev=3.0)
    image = keras.Input((side, side, channels))
    x = layers.Conv2D(8, 3, strides=2, padding=padding, bias_initializer=noise, activation="relu", name="first")(preprocess(image))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, activation="softmax", kernel_initializer=loud, bias_initializer=noise)(x))


def normalization(mean, std):
    return layers.Normalization(mean=mean, variance=[value**2 for value in std])


SIGNED = layers.Rescaling(1 / 127.5, offset=-1)
CAFFE = keras.applications.resnet50.preprocess_input
TORCH = keras.applications.densenet.preprocess_input
# Network, most gray levels that a byte may be off in the mean and at most, and at the border.
CASES: dict[str, tuple[Any, float, float, float]] = {
    "unit": (layers.Rescaling(1 / 255), 0.001, 0.001, 0),
    "signed": (SIGNED, 0.001, 0.001, 0.501),
    "signed by operations": (keras.applications.mobilenet_v2.preprocess_input, 0.001, 0.001, 0.501),
    "whole zero": (layers.Rescaling(1 / 128, offset=-1), 0.001, 0.001, 0.001),
    "caffe": (CAFFE, 0.28, 0.55, 0),
    "torch": (TORCH, 0.28, 0.55, 0),
    "adapted": (normalization([171.0, 160.0, 146.0], [52.0, 53.0, 61.0]), 0.28, 0.61, 0),
    "of unit": (normalization([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), 0.28, 0.55, 0),
    "resized": (lambda x: SIGNED(layers.Resizing(SIZE // 2, SIZE // 2)(x)), 0.001, 0.001, 0.501),
    "framed": (lambda x: layers.ZeroPadding2D(1)(CAFFE(x)), 0.28, 0.55, 0),
}


@pytest.fixture(scope="module")
def converted() -> dict[tuple[str, str], Any]:
    """Float forms by format and case, converted when they are first asked for."""
    return {}


def float_form(converted, suffix: str, name: str) -> Any:
    if (suffix, name) not in converted:
        converted[suffix, name] = FORMATS[suffix]().convert(network(CASES[name][0]))
    return converted[suffix, name]


def input_of(name: str) -> Preprocessing:
    return Preprocessing(SIZE, SIZE, mean=(0.0,), std=(255.0 if name == "of unit" else 1.0,))


def int8(suffix: str, form: Any, preprocessing: Preprocessing) -> Any:
    """Quantize a float form as an export does, without bias correction."""
    writer, images = FORMATS[suffix](), check.generated(preprocessing, 16)
    snapped = writer.snap(form, {}, {})
    ranges = with_exact_input(choose(writer.extremes(snapped, images, preprocessing, SILENT)), preprocessing)
    return writer.quantize("int8", snapped, ranges, "uint8")


def answers(suffix: str, content: Any, inputs: np.ndarray) -> np.ndarray:
    """A bare loop over the runtime: inputs [N, H, W, C] as the file takes them, scores as reals."""
    if suffix == "onnx":
        session = onnxruntime.InferenceSession(content.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {INPUT: inputs.astype(np.float32)})[0]
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    scores = []
    for image in inputs:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        scores.append(interpreter.get_tensor(target["index"])[0].astype(np.float64))
    scale, zero_point = target["quantization"]
    return (np.array(scores) - zero_point) * (scale or 1)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_the_form_for_integers_does_the_same(converted, suffix, name):
    content, preprocessing = float_form(converted, suffix, name), input_of(name)
    form = FORMATS[suffix]().for_integers(content)
    images = check.generated(preprocessing, 6).astype(np.float32) / preprocessing.std[0]
    # Half a gray level in the frame of zeros, on a small map of which half is border.
    tolerance = 0.01 if CASES[name][3] else 1e-5
    np.testing.assert_allclose(answers(suffix, form, images), answers(suffix, content, images), atol=tolerance)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_each_byte_reaches_the_first_layer(converted, suffix, name):
    content = float_form(converted, suffix, name)
    quantized = int8(suffix, FORMATS[suffix]().for_integers(content), input_of(name))
    rounding = MEASURE[suffix](content, quantized)
    if rounding is None:
        # TensorFlow's converter has already put the factor into the weights.
        assert (suffix, name) == ("tflite", "unit")
        return
    _, mean, largest, border = CASES[name]
    assert rounding.mean <= mean
    assert rounding.largest <= largest
    assert rounding.at_border <= border


@pytest.mark.parametrize(("name", "mean", "largest"), [("signed", 0.49, 0.49), ("caffe", 0.01, 0.1)])
def test_operations_left_as_they_are_are_off(converted, name, mean, largest):
    """The measurement can fail: with product and sum quantized one by one, bytes are further off than after the pass, by so many gray levels."""
    content = float_form(converted, "tflite", name)
    before, after = (MEASURE["tflite"](content, int8("tflite", form, input_of(name))) for form in (content, FORMATS["tflite"]().for_integers(content)))
    assert before.mean > after.mean + mean
    assert before.largest > after.largest + largest


@pytest.mark.parametrize("name", CASES)
def test_the_byte_is_the_input_of_tflite(converted, name):
    quantized = int8("tflite", FORMATS["tflite"]().for_integers(float_form(converted, "tflite", name)), input_of(name))
    interpreter = Interpreter(model_content=quantized)
    (source,) = interpreter.get_input_details()
    assert source["dtype"] == np.uint8
    assert source["quantization"] == (pytest.approx(1 / input_of(name).std[0]), 0)


@pytest.mark.parametrize("name", CASES)
def test_the_byte_is_the_input_of_onnx(converted, name):
    model = int8("onnx", FORMATS["onnx"]().for_integers(float_form(converted, "onnx", name)), input_of(name))
    (node,) = [node for node in model.graph.node if INPUT in node.input]
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert node.op_type == "QuantizeLinear"
    assert float(constants[node.input[1]]) == pytest.approx(1 / input_of(name).std[0])
    assert int(constants[node.input[2]]) == 0


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("preprocess", [SIGNED, CAFFE, TORCH], ids=["signed", "caffe", "torch"])
def test_without_padding_all_of_it_goes_into_the_weights(suffix, preprocess):
    content = FORMATS[suffix]().convert(network(preprocess, padding="valid"))
    form = FORMATS[suffix]().for_integers(content)
    images = check.generated(Preprocessing(SIZE, SIZE), 6).astype(np.float32)
    np.testing.assert_allclose(answers(suffix, form, images), answers(suffix, content, images), atol=1e-5)
    assert len(FORMATS[suffix]().operators(form)) <= 6
    assert (from_tflite(form) if suffix == "tflite" else from_onnx(form)) is None


@pytest.mark.parametrize("suffix", FORMATS)
def test_gray_images(suffix):
    model = network(SIGNED, channels=1)
    content = FORMATS[suffix]().convert(model)
    quantized = int8(suffix, FORMATS[suffix]().for_integers(content), Preprocessing(SIZE, SIZE, "grey", (0.0,), (1.0,)))
    assert MEASURE[suffix](content, quantized).largest < 0.001


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("preprocess", [lambda x: x, lambda x: layers.BatchNormalization()(x)], ids=["nothing", "batch norm"])
def test_what_is_no_preprocessing_stays_as_it_is(suffix, preprocess):
    content = FORMATS[suffix]().convert(network(preprocess))
    assert FORMATS[suffix]().for_integers(content) is content


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_was_rewritten_is_still_found(converted, suffix):
    quantized = int8(suffix, FORMATS[suffix]().for_integers(float_form(converted, suffix, "caffe")), input_of("caffe"))
    found = from_tflite(quantized) if suffix == "tflite" else from_onnx(quantized)
    assert (found.value_range, found.channel_order) == ("0..255", "rgb")


def test_weights_take_in_scale_offset_and_order():
    random = np.random.default_rng(0)
    kernel, bias, pixels = random.normal(size=(5, 3, 2, 2)), random.normal(size=5), random.uniform(0, 255, (3, 2, 2))
    affine = Affine(np.array([0.1, 0.2, 0.3]), np.array([-1.0, -2.0, -3.0]), (2, 1, 0))
    seen = affine.scale[:, None, None] * pixels[::-1] + affine.offset[:, None, None]
    weights, shifted = affine.into_weights(kernel, bias)
    np.testing.assert_allclose((weights * pixels).sum((1, 2, 3)) + shifted, (kernel * seen).sum((1, 2, 3)) + bias, rtol=1e-4)


def test_a_zero_between_two_bytes_moves_to_one():
    affine, lost = Affine(np.full(3, 2 / 255), np.full(3, -1.0), (0, 1, 2)).on_levels(1.0)
    np.testing.assert_allclose(affine.offset, -128 * 2 / 255)
    np.testing.assert_allclose(affine.offset + lost, -1.0)
    _, lost = Affine(np.full(3, 1 / 255), np.array([-0.485, -0.456, -0.406]), (0, 1, 2)).on_levels(1.0)
    assert not lost.any()
