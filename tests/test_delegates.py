"""The forecast for delegates: every condition of the lists, and how graphs fall into pieces."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tiny_nets
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn.runtime import tflite_file
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
