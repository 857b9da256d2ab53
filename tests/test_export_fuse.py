"""What the converters leave of a layer, and what is put together, kept apart or rounded in another way."""

from __future__ import annotations

from collections import Counter

import keras
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn.arch.lively import enliven
from edgecnn.card import INPUT
from edgecnn.export import flatbuffer, ranges
from edgecnn.export.formats import FORMATS
from edgecnn.progress import SILENT

KINDS = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}


def _kinds(fmt, layers, scheme):
    """How many operators of each kind a file has that has `layers` between two convolutions."""
    inputs = np.random.default_rng(0).normal(size=(4, 8, 8, 6)).astype(np.float32)
    start = keras.Input(inputs.shape[1:])
    x = keras.layers.Conv2D(6, 3, activation="relu")(start)
    for layer in layers:
        x = layer(x)
    x = keras.layers.Conv2D(6, 3)(x)
    x = keras.layers.Dense(3, name="logits", bias_initializer="random_normal")(keras.layers.Flatten()(x))
    model = enliven(keras.Model(start, keras.layers.Softmax()(x)), inputs)
    writer = FORMATS[fmt]()
    content = writer.convert(model)
    if scheme != "float32":
        content = writer.quantize(scheme, content, ranges.choose(writer.extremes(content, inputs, None, SILENT)), "int8")
    if fmt == "onnx":
        return Counter(node.op_type for node in content.graph.node)
    parsed = flatbuffer.read(content)
    return Counter(KINDS[parsed.operatorCodes[operator.opcodeIndex].builtinCode] for operator in parsed.subgraphs[0].operators)


@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize(
    ("layers", "tflite", "onnx"),
    [
        ([("BatchNormalization", {}), ("ReLU", {})], {"DEPTHWISE_CONV_2D": 1, "MUL": 0, "ADD": 0}, {"Conv": 3, "Mul": 0, "Add": 0}),
        ([("BatchNormalization", {"center": False})], {"DEPTHWISE_CONV_2D": 1, "MUL": 0, "ADD": 0}, {"Conv": 3, "Mul": 0, "Add": 0}),
        ([("Activation", {"activation": "hard_silu"})], {"HARD_SWISH": 1, "MUL": 0}, {"HardSwish": 1, "Mul": 0, "Add": 0, "Clip": 0}),
        ([("Activation", {"activation": "hard_sigmoid"})], {}, {"HardSigmoid": 1, "Mul": 0, "Add": 0, "Clip": 0}),
        ([("Conv2D", {"filters": 6, "kernel_size": 1, "use_bias": False}), ("Activation", {"activation": "hard_sigmoid"})], {}, {"HardSigmoid": 1, "Add": 0}),
        ([("LeakyReLU", {"negative_slope": 0.1})], {"LEAKY_RELU": 1, "DEQUANTIZE": 0}, {"LeakyRelu": 1}),
        ([("Rescaling", {"scale": 0.17})], {"DEPTHWISE_CONV_2D": 0}, {"Mul": 1, "Conv": 2}),
        ([("ZeroPadding2D", {}), ("ReLU", {"max_value": 6.0})], {"RELU6": 1, "DEQUANTIZE": 0}, {}),
    ],
    ids=["norm", "norm without offset", "hard swish", "hard sigmoid", "hard sigmoid without bias", "leaky", "scalar", "relu6"],
)
def test_what_is_left_of_a_layer(layers, tflite, onnx, scheme):
    for fmt, expected in (("tflite", tflite), ("onnx", {"Gemm": 1, "MatMul": 0, **onnx})):
        found = _kinds(fmt, [getattr(keras.layers, kind)(**arguments) for kind, arguments in layers], scheme)
        assert {kind: found[kind] for kind in expected} == expected


@pytest.mark.parametrize("scheme", ["float32", "float16", "int8"])
@pytest.mark.parametrize("relu", [False, True], ids=["any sign", "after relu"])
def test_zeros_around_a_map_are_larger_than_what_is_negative(scheme, relu):
    """ONNX Runtime moves a frame of zeros into pooling by maximum, as if it were minus infinity."""
    inputs = np.random.default_rng(0).normal(-1, 1, (8, 7, 7, 4)).astype(np.float32)
    start = keras.Input(inputs.shape[1:])
    x = keras.layers.Conv2D(4, 3, activation="relu" if relu else None)(start)
    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(x))
    model = enliven(keras.Model(start, keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(x))), inputs)
    writer = FORMATS["onnx"]()
    content = writer.convert(model)
    if scheme != "float32":
        content = writer.quantize(scheme, content, ranges.choose(writer.extremes(content, inputs, None, SILENT)), "int8")
    answers = onnxruntime.InferenceSession(content.SerializeToString()).run(None, {INPUT: inputs})[0]
    expected = keras.ops.convert_to_numpy(model(inputs))
    assert np.abs(answers - expected).max() < {"float32": 1e-4, "float16": 1e-2, "int8": 0.1}[scheme] * expected.std()


def test_a_convolution_of_nine_million_weights_is_rounded_like_others():
    """ai-edge-quantizer rounds it in parts."""
    inputs = np.random.default_rng(0).normal(size=(2, 4, 4, 960)).astype(np.float32)
    start = keras.Input(inputs.shape[1:])
    conv = keras.layers.Conv2D(1100, 3)
    model = keras.Model(start, keras.layers.Softmax()(keras.layers.Dense(7, name="logits")(keras.layers.Flatten()(conv(start)))))
    writer = FORMATS["tflite"]()
    content = writer.convert(model)
    parsed = flatbuffer.read(writer.quantize("int8", content, ranges.choose(writer.extremes(content, inputs, None, SILENT)), "int8"))
    (kernel,) = [tensor for tensor in parsed.subgraphs[0].tensors if list(tensor.shape) == [1100, 3, 3, 960]]
    steps = np.array(kernel.quantization.scale, np.float32).reshape(-1, 1, 1, 1)
    stored = np.frombuffer(bytes(parsed.buffers[kernel.buffer].data), np.int8).reshape(kernel.shape)
    exact = keras.ops.convert_to_numpy(conv.kernel).transpose(3, 0, 1, 2)
    assert np.abs(stored * steps - exact).max() <= steps.max() / 2 * 1.001


def test_hard_swish_is_spelled_out_for_integers_alone():
    """Same answers from operators that have fast integer kernels; a file without hard swish stays as it is."""
    inputs = np.random.default_rng(0).normal(0, 3, (8, 6, 6, 3)).astype(np.float32)
    start = keras.Input(inputs.shape[1:])
    x = keras.layers.Activation("hard_silu", name="swish")(keras.layers.Conv2D(4, 3)(start))
    x = keras.layers.Activation("hard_silu", name="again")(keras.layers.Conv2D(4, 1)(x))
    net = keras.Model(start, keras.layers.Softmax()(keras.layers.Flatten()(x)))
    writer = FORMATS["tflite"]()
    content = writer.convert(net)
    spelled = writer.for_integers(content)
    kinds = Counter(KINDS[flatbuffer.read(spelled).operatorCodes[op.opcodeIndex].builtinCode] for op in flatbuffer.read(spelled).subgraphs[0].operators)
    assert (kinds["HARD_SWISH"], kinds["ADD"], kinds["MUL"]) == (0, 2, 4)
    assert {"swish", "swish/shifted", "swish/gate", "again"} <= set(writer.operators(spelled))
    answers = []
    for each in (content, spelled):
        interpreter = Interpreter(model_content=each)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs[:1])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_allclose(*answers, atol=1e-6)
    assert writer.for_integers(spelled) is spelled


def test_a_layer_norm_stays_what_it_is_in_onnx():
    """Its factors spread one channel over all of them, which looks like a batch norm but for the shape."""
    inputs = np.random.default_rng(0).normal(size=(4, 8, 8, 6)).astype(np.float32)
    start = keras.Input(inputs.shape[1:])
    x = keras.layers.LayerNormalization(gamma_initializer="random_uniform", beta_initializer="random_uniform")(keras.layers.Conv2D(6, 3)(start))
    model = keras.Model(start, keras.layers.Softmax()(keras.layers.Dense(3)(keras.layers.Flatten()(x))))
    session = onnxruntime.InferenceSession(FORMATS["onnx"]().convert(model).SerializeToString())
    scores = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    np.testing.assert_allclose(scores, model(inputs).numpy(), atol=1e-5)
