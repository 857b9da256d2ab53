"""What a script, a broken download or a joker may hand over: numbers that are none, empty words, files that are nested without end."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers import ROOT, edgecnn, picture, refused

from edgecnn import card as cards
from edgecnn.card import Preprocessing
from edgecnn.data import splitting
from edgecnn.errors import BadFile, BadSetting
from edgecnn.labels import read_labels
from edgecnn.settings import Limits, Train
from edgecnn.validate.doctor import seen

TFLITE, KERAS = (ROOT / "models" / name for name in ("mobilenet_int8.tflite", "mobilenet.keras"))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "made",
    [
        lambda value: Limits(max_latency_ratio=value),
        lambda value: Limits(max_drop=value),
        lambda value: Train(weight_decay=value),
        lambda value: Train(temperature=value),
        lambda value: Preprocessing(8, 8, mean=(value,)),
        lambda value: Preprocessing(8, 8, std=(1.0, 1.0, value)),
    ],
    ids=["ratio", "drop", "decay", "temperature", "mean", "std"],
)
def test_numbers_that_are_none_are_no_settings(made, value):
    with pytest.raises(BadSetting, match="expected"):
        made(value)


READERS = {
    "labels": read_labels,
    "answers": lambda path: seen.read(path, ["a"], ["b"]),
    "split lists": splitting.read_lists,
    "card": lambda path: cards.read(path.with_suffix(".keras")),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_json_nested_without_end_is_one_line(read, tmp_path: Path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(BadFile, match=r"deep\.json"):
        read(path)


@pytest.mark.parametrize(
    "words",
    [
        ("validate", TFLITE, "--against", ""),
        ("validate", TFLITE, "--data", ""),
        ("validate", TFLITE, "--seen-answers", ""),
        ("validate", ""),
        ("check", TFLITE, "--repair", "--labels", ""),
        ("bundle", TFLITE, "--for", "c", "--out", ""),
        ("export", KERAS, "--out", "/proc/nowhere", "--name", ""),
        ("export", KERAS, "--out", "/proc/nowhere", "--min-runtime", ""),
        ("export", KERAS, "--out", "/proc/nowhere", "--min-runtime", "onnxruntime="),
    ],
    ids=lambda words: f"{words[0]} {words[-2]} {words[-1]}",
)
def test_a_word_that_a_script_left_empty_is_refused(words):
    """It would silently be as if the option were not there: a limit that holds nothing."""
    refused(edgecnn(*words), "expected")


def odd_net(path: Path, nodes: list[tuple[str, list[str], str]], *, size: object = 16, output: tuple[object, int] = ("batch", 1), **options: object) -> Path:
    """Write an ONNX network of pictures whose first nodes are the mean of each channel, `mean` [N, 3]."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    flat = numpy_helper.from_array(np.ones((3 * 16 * 16, 3), np.float32), "flat")
    parts = [helper.make_node("GlobalAveragePool", ["x"], ["pool"]), helper.make_node("Flatten", ["pool"], ["mean"])]
    parts += [helper.make_node(kind, taken, [made], **options) for kind, taken, made in nodes]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, size, size]), helper.make_tensor_value_info("y", output[1], [output[0], 3])]
    graph = helper.make_graph(parts, "odd", ends[:1], ends[1:], [flat])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path


FLAT = [("Flatten", ["x"], "row"), ("MatMul", ["row", "flat"], "y")]


def fits_one_size(here: Path) -> list[object]:
    return ["predict", odd_net(here / "odd.onnx", FLAT, size="side"), picture(here / "a.png"), "--image-size", 20, "--preprocess", "tf"]


def cannot_be_timed(here: Path) -> list[object]:
    return ["benchmark", odd_net(here / "odd.onnx", [*FLAT[:1], ("MatMul", ["mean", "row"], "y")])]


def whole_numbers_for_an_app(here: Path) -> list[object]:
    return ["bundle", odd_net(here / "odd.onnx", [("ArgMin", ["mean"], "i"), ("Sub", ["i", "i"], "y")], output=("batch", 7)), "--for", "web", "--mean", "128"]


def larger_than_memory(here: Path) -> list[object]:
    return ["predict", odd_net(here / "odd.onnx", [("Softmax", ["mean"], "y")], size=8200), picture(here / "a.png")]


ODD = {
    fits_one_size: "cannot run it",
    cannot_be_timed: "cannot run it",
    whole_numbers_for_an_app: "int64",
    larger_than_memory: "8,200x8,200 pixels",
}


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.__name__)
def test_a_network_that_does_not_do_what_it_declares_is_one_line(case, tmp_path: Path):
    refused(edgecnn(*case(tmp_path)), "odd.onnx", ODD[case])
