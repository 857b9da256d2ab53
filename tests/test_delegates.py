"""The forecast for delegates: every condition of the lists, how graphs fall into pieces, the shipped files, and every scheme of MobileNet and SqueezeNet."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tiny_nets
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from helpers import ROOT, edgecnn, refused

from edgecnn import schemes as schemes_table
from edgecnn.runtime import delegates, tflite_file
from edgecnn.runtime.delegates import TARGETS, pieces, prediction, uses
from edgecnn.runtime.delegates.conditions import CONDITIONS
from edgecnn.runtime.delegates.uses import Use, Value

PICTURE = (1, 8, 8, 16)


def computed(*shape: int, dtype: str = "float32", index: int = 0) -> Value:
    return Value(index, shape, dtype, constant=False)


def stored(*numbers: int, shape: tuple[int, ...] = (), dtype: str = "int32") -> Value:
    return Value(1, shape or (len(numbers),), dtype, constant=True, raw=np.array(numbers, np.int32).tobytes())


def use(kind: str, *inputs: Value | None, out: tuple[int, ...] = PICTURE, version: int = 1, **options: object) -> Use:
    return Use(kind, version, inputs or (computed(*PICTURE),), (computed(*out, index=9),), SimpleNamespace(**options))


X, KERNEL = computed(*PICTURE), stored(shape=(16, 3, 3, 16), dtype="float32")
ONE, ROW = computed(1, 1, 1, 16), computed(1, 16)
INTEGERS = computed(*PICTURE, dtype="int8")
SIDES = stored(0, 0, 1, 1, 1, 1, 0, 0, shape=(4, 2))

# condition -> a use where it holds, and one where it does not
CASES: dict[str, tuple[Use, Use]] = {
    "one-input": (use("RELU", X), use("RESHAPE", X, computed(2, dtype="int32"))),
    "two-inputs": (use("SUB", X, KERNEL), use("SUB", KERNEL, KERNEL)),
    "ranks": (use("ADD", X, ROW), use("ADD", X, computed(3, 5))),
    "covers": (use("MUL", X, ONE), use("MUL", computed(1, 8, 1, 16), computed(1, 1, 8, 16))),
    "multiplier": (use("DEPTHWISE_CONV_2D", computed(1, 8, 8, 1), depthMultiplier=8), use("DEPTHWISE_CONV_2D", X, depthMultiplier=2)),
    "block": (use("DEPTH_TO_SPACE", blockSize=2), use("DEPTH_TO_SPACE", blockSize=1)),
    "no-int16": (use("DEQUANTIZE", INTEGERS), use("DEQUANTIZE", computed(4, dtype="int16"))),
    "plain-weights": (use("FULLY_CONNECTED", weightsFormat=0), use("FULLY_CONNECTED", weightsFormat=1)),
    "same-rank": (use("FULLY_CONNECTED", keepNumDims=True), use("FULLY_CONNECTED", out=(1, 16), keepNumDims=True)),
    "constant-axes": (use("MEAN", X, stored(1, 2)), use("MEAN", X, computed(2, dtype="int32"))),
    "reflect": (use("MIRROR_PAD", mode=0), use("MIRROR_PAD", mode=1)),
    "pads-3-4": (use("PAD", X, SIDES), use("PAD", X, stored(0, 0, 1, 1, shape=(2, 2)))),
    "corners": (use("RESIZE_BILINEAR", alignCorners=True), use("RESIZE_BILINEAR", alignCorners=True, halfPixelCenters=True)),
    "rank-3-4": (use("SLICE", X), use("SLICE", ROW)),
    "rank-4": (use("SOFTMAX", ROW), use("SOFTMAX", computed(1, 1, 1, 1, 4))),
    "rank-is-4": (use("RESIZE_BILINEAR", X), use("RESIZE_BILINEAR", ROW)),
    "beta": (use("SOFTMAX", beta=1.0), use("SOFTMAX", beta=2.0)),
    "masks": (use("STRIDED_SLICE", shrinkAxisMask=0), use("STRIDED_SLICE", shrinkAxisMask=1)),
    "to-8-bit": (Use("QUANTIZE", 1, (X,), (INTEGERS,)), Use("QUANTIZE", 1, (X,), (computed(4, dtype="int16"),))),
    "float": (use("EXP", X), use("EXP", INTEGERS)),
    "window": (use("AVERAGE_POOL_2D", INTEGERS, filterWidth=16, filterHeight=16), use("AVERAGE_POOL_2D", INTEGERS, filterWidth=17, filterHeight=16)),
    "crops": (use("BATCH_TO_SPACE_ND", X, SIDES, stored(0, 0)), use("BATCH_TO_SPACE_ND", X, SIDES, stored(0, 1))),
    "no-activation": (use("CONCATENATION", fusedActivationFunction=0), use("CONCATENATION", fusedActivationFunction=1)),
    "bias": (use("CONV_2D", X, KERNEL, KERNEL), use("CONV_2D", X, KERNEL)),
    "no-scalar": (use("MEAN", out=(1,)), use("MEAN", out=())),
    "constant-shape": (use("RESHAPE", X, stored(1, 16)), use("RESHAPE", X, computed(2, dtype="int32"))),
    "constant-kernel": (use("CONV_2D", X, KERNEL, KERNEL), use("CONV_2D", X, X, KERNEL)),
    "float-kernel": (use("FULLY_CONNECTED", ROW, KERNEL), use("FULLY_CONNECTED", ROW, stored(1, dtype="int8"))),
    "layout": (use("MUL", X, ONE), use("MUL", X, computed(1, 1, 8, 16))),
    "by-channel": (use("CONCATENATION", axis=3), use("CONCATENATION", axis=1)),
    "one-row": (use("FULLY_CONNECTED", ROW), use("FULLY_CONNECTED", computed(2, 16))),
    "keeps-dimensions": (use("MEAN", keepDims=True), use("MEAN", keepDims=False)),
    "over-picture": (use("MEAN", X, stored(1, 2)), use("MEAN", X, stored(3))),
    "pads-picture": (use("PAD", X, SIDES), use("PAD", X, stored(0, 0, 0, 0, 0, 0, 0, 8, shape=(4, 2)))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_condition_holds_and_breaks(name):
    good, bad = CASES[name]
    assert CONDITIONS[name].holds(good)
    assert not CONDITIONS[name].holds(bad)


def test_every_condition_is_asked_for_and_has_a_case():
    asked = {name for target in TARGETS.values() for entry in target.operators.values() for name in entry.conditions}
    assert asked == set(CONDITIONS) == {*CASES, "core-ml-2"}


def test_every_kind_of_the_lists_is_one_of_the_schema():
    known = {name for name in vars(schema.BuiltinOperator) if name.isupper()}
    assert not {kind for target in TARGETS.values() for kind in target.operators} - known


@pytest.mark.parametrize(
    ("wanted", "one", "said"),
    [
        ("gpu", use("SQUEEZE"), "is not in its list"),
        ("gpu", use("CONV_2D", computed(*PICTURE, dtype="int16")), "works on int16, and it takes float32, float16, int8, uint8"),
        ("gpu", use("CONV_2D", X, KERNEL, KERNEL, version=7), "is of version 7, and its list ends at 6"),
        ("gpu", use("RELU", computed(1, 2, 3, 4, 5)), "works on more than 4 dimensions"),
        ("gpu", use("HARD_SWISH", X, version=9), None),
        ("nnapi", use("MUL", X, X, version=3), "is of version 3, and its list ends at 2"),
        ("nnapi", use("CONV_2D", X, KERNEL), "has no bias"),
        ("coreml", use("CONV_2D", INTEGERS, KERNEL, KERNEL), "works on int8, and it takes float32"),
        ("coreml", use("TRANSPOSE_CONV", stored(1, 8, 8, 4), KERNEL, X), None),
        ("coreml", use("RESHAPE", X, stored(1, 1024)), "is taken for Core ML 2 only"),
    ],
    ids=lambda value: value.kind.lower() if isinstance(value, Use) else None,
)  # fmt: skip
def test_why_an_operator_is_refused(wanted, one, said):
    found = prediction.reason(one, TARGETS[wanted])
    assert (found[0] if found else None) == said


def graph(*edges: tuple[tuple[int, ...], int]) -> list[Use]:
    """Operators as (tensors read, tensor given)."""
    return [Use("RELU", 1, tuple(computed(1, 8, index=i) for i in read), (computed(1, 8, index=given),)) for read, given in edges]


CHAIN = graph(((0,), 1), ((1,), 2), ((2,), 3), ((3,), 4))
# Two arms from one tensor, written one after the other, and their sum.
ARMS = graph(((0,), 1), ((0,), 2), ((1,), 3), ((2,), 4), ((3, 4), 5))


@pytest.mark.parametrize(
    ("operators", "taken", "expected"),
    [
        (CHAIN, "1111", [[0, 1, 2, 3]]),
        (CHAIN, "1011", [[0], [2, 3]]),
        (CHAIN, "0000", []),
        (ARMS, "10111", [[0, 2], [3, 4]]),
        (ARMS, "01111", [[1, 2, 3, 4]]),
        (ARMS, "11101", [[0, 1, 2], [4]]),
    ],
)
def test_a_graph_falls_into_pieces(operators, taken, expected):
    assert pieces.cut(operators, [mark == "1" for mark in taken]) == expected


def conv(x):
    return keras.layers.Conv2D(8, 3, padding="same")(x)


def refused_by_all(x, axis: int = 1):
    """An operator that no delegate takes, XNNPACK neither."""
    return keras.ops.cumsum(x, axis=axis)


NETWORKS = {
    "chain": lambda x: conv(refused_by_all(conv(conv(x)))),
    "arms": lambda x: conv(refused_by_all(conv(x)) + conv(conv(x))),
    "both arms": lambda x: conv(refused_by_all(conv(x)) + refused_by_all(conv(conv(x)), 2)),
    "end": lambda x: refused_by_all(conv(x)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_pieces_are_those_that_litert_cuts(name, tmp_path):
    """The delegate that LiteRT has here, XNNPACK, takes all but CUMSUM: each of its nodes gives what a piece of ours gives."""
    image = keras.Input(batch_shape=(1, 16, 16, 3))
    stem = conv(image)
    path = tmp_path / "net.tflite"
    tiny_nets.tflite(keras.Model(image, NETWORKS[name](stem)), path)
    found = uses.of(tflite_file.read(path.read_bytes()))
    ours = [{value.index for i in piece for value in found[i].outputs} for piece in pieces.cut(found, [one.kind != "CUMSUM" for one in found])]
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    theirs = [{int(i) for i in node["outputs"]} for node in interpreter._get_ops_details() if node["op_name"] == "DELEGATE"]
    assert len(ours) == len(theirs) > 0
    assert all(given <= made for given, made in zip(theirs, ours, strict=True))


def test_small_and_further_pieces_stay_on_the_cpu():
    cuts = [[0], [2, 3], [5, 6, 7], [9, 10]]
    assert pieces.largest(cuts, most=0, least=1) == [[5, 6, 7], [2, 3], [9, 10], [0]]
    assert pieces.largest(cuts, most=0, least=2) == [[5, 6, 7], [2, 3], [9, 10]]
    assert pieces.largest(cuts, most=1, least=1) == [[5, 6, 7]]


# file -> operators, and of them what would run on the GPU, on NNAPI and on Core ML
SHIPPED = {
    "mobilenet": (30, 30, 30, 28), "mobilenet_int8": (32, 32, 32, 0), "squeezenet": (39, 39, 39, 37), "squeezenet_int8": (41, 41, 41, 0),
    "sign-digits/mobilenet_int8": (33, 33, 33, 0), "sign-digits/squeezenet_int8": (41, 41, 41, 0), "sign-digits/mobilenet_v3_small_int8": (149, 149, 149, 0),
    "trashnet/mobilenet_int8": (33, 33, 33, 0),
}  # fmt: skip


def test_every_shipped_file_is_in_the_table():
    models = ROOT / "models"
    assert {str(path.relative_to(models).with_suffix("")) for path in models.glob("**/*.tflite") if "studies" not in path.parts} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files(name):
    operators, *expected = SHIPPED[name]
    found = [delegates.forecast(ROOT / "models" / f"{name}.tflite", target) for target in TARGETS]
    assert [one.operators for one in found] == [operators] * len(TARGETS)
    assert [one.taken for one in found] == expected
    for one in found:
        assert one.taken + one.left + sum(group.count for group in one.refused) == operators
        assert 0 <= one.taken_macs <= one.macs


# model -> scheme -> operators, and of them what would run on the GPU, on NNAPI and on Core ML
SCHEMES = {
    "mobilenet": {
        "float32": (31, 31, 31, 29), "float16": (31, 31, 31, 29), "dynamic": (31, 31, 7, 0), "int8": (33, 33, 33, 0), "int16x8": (33, 0, 0, 0),
    },
    "squeezenet": {
        "float32": (39, 39, 39, 37), "float16": (39, 39, 39, 37), "dynamic": (39, 39, 39, 4), "int8": (41, 41, 41, 0), "int16x8": (41, 0, 0, 0),
    },
    "mobilenet_v3_small": {
        "float32": (109, 109, 109, 107), "float16": (109, 109, 109, 107), "dynamic": (109, 109, 36, 36), "int8": (149, 149, 149, 0),
        "int16x8": (149, 1, 3, 0),
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("model", SCHEMES)
def test_every_scheme_of_the_trained_models(model, tmp_path, data_folder):
    schemes = SCHEMES[model]
    assert set(schemes) == {name for name, scheme in schemes_table.SCHEMES.items() if "tflite" in scheme.formats}
    words = ("--tflite", *(f"--{scheme}" for scheme in schemes), "--out", tmp_path)
    result = edgecnn("export", ROOT / "models" / "sign-digits" / f"{model}.keras", *words)
    assert result.code == 0, result.err
    for scheme, (operators, *expected) in schemes.items():
        found = [delegates.forecast(tmp_path / schemes_table.scheme(scheme).file_name(model, "tflite"), target) for target in TARGETS]
        assert ([one.operators for one in found], [one.taken for one in found]) == ([operators] * len(TARGETS), expected), scheme


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float, an int8 and a float16 file by TensorFlow's converter, and a network with an operator in the middle that the GPU refuses."""
    import tensorflow as tf

    out = tmp_path_factory.mktemp("nets")
    model = tiny_nets.keras_net()
    tiny_nets.tflite(model, out / "float.tflite")
    tiny_nets.tflite(model, out / "int8.tflite", integer=True, io="int8")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
    (out / "float16.tflite").write_bytes(converter.convert())
    image = keras.Input(batch_shape=(1, 16, 16, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(image)
    x = keras.layers.Conv2D(8, 3, padding="same")(keras.ops.cumsum(x, axis=1))
    tiny_nets.tflite(keras.Model(image, keras.layers.Conv2D(4, 1)(x)), out / "cut.tflite")
    return out


def test_widened_float16_weights_are_no_work_of_a_run(nets):
    plain, half = (delegates.forecast(nets / f"{name}.tflite", "coreml") for name in ("float", "float16"))
    assert half.folded > 0
    assert (half.operators, half.macs, half.taken, half.pieces) == (plain.operators, plain.macs, plain.taken, plain.pieces)


def test_an_operator_in_the_middle_cuts_the_graph(nets):
    result = edgecnn("check", nets / "cut.tflite", "--for", "nnapi")
    assert result.code == 1
    assert "3 of 4 operators and 100 % of the MACs would run there, in 2 pieces, each with a copy in and a copy out" in result.out
    assert "1 CUMSUM: is not in its list: " in result.out
    alone = delegates.forecast(nets / "cut.tflite", "coreml")
    assert (alone.taken, alone.left, alone.pieces, alone.cuts) == (2, 1, 1, 2)
    assert 0 < alone.share < 1
    assert "stays on the CPU too: a piece needs 2 operators" in edgecnn("check", nets / "cut.tflite", "--for", "coreml").out


@pytest.mark.parametrize(("name", "target", "code"), [("float", "gpu", 0), ("int8", "gpu", 0), ("int8", "coreml", 1)])
def test_the_exit_code_says_whether_all_would_run_there(name, target, code, nets):
    result = edgecnn("check", nets / f"{name}.tflite", "--for", target)
    assert result.code == code
    assert "a forecast from the published list" in result.out
    assert "not a run" in result.out
    assert ("warning: the GPU counts in float only" in result.out) == ((name, target) == ("int8", "gpu"))
    assert ("none of " in result.out) == bool(code)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("float.tflite", "--for", "nnap"), "did you mean 'nnapi'?"),
        (("float.tflite", "--for", "gpu", "--repair"), "--repair is for mediapipe and mlkit"),
        (("float.tflite", "--for", "gpu", "--labels", "x"), "expected --repair beside it"),
        (("float.onnx", "--for", "gpu"), "take .tflite files"),
        (("nothing.tflite", "--for", "coreml"), "no such .tflite model"),
    ],
    ids=["name", "repair", "labels", "onnx", "missing"],
)
def test_wrong_use_is_one_line(words, said, nets):
    refused(edgecnn("check", nets / words[0], *words[1:]), said)
