""".ort files run in ONNX Runtime with the answers of the .onnx, and what accelerators would take is told as it is."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers import ROOT, edgecnn, onnx_file, process, refused
from onnx import TensorProto, helper

from edgecnn.bundle import bundle
from edgecnn.export import ort_mobile
from edgecnn.labels import read_labels
from edgecnn.runtime import describe, open_model

FLOAT, INT8 = ROOT / "models" / "mobilenet.onnx", ROOT / "models" / "mobilenet_int8.onnx"


@pytest.mark.parametrize(("model", "close"), [(FLOAT, 1e-5), (INT8, 1e-6)], ids=lambda value: getattr(value, "stem", ""))
def test_an_ort_file_answers_as_the_onnx_does(tmp_path, model, close):
    made, needs = ort_mobile.convert(model, tmp_path, model.stem)
    assert (made.name, needs.name) == (f"{model.stem}.ort", f"{model.stem}.config")
    assert made.read_bytes()[4:8] == b"ORTM"
    sessions = [onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (model, made)]
    assert sessions[1].get_inputs()[0].shape == [1, 32, 32, 3]
    for picture in np.random.default_rng(0).uniform(-1, 1, (20, 1, 32, 32, 3)).astype(np.float32):
        one, other = (session.run(None, {"image": picture})[0] for session in sessions)
        np.testing.assert_allclose(one, other, atol=close)
    pictures = np.random.default_rng(1).integers(0, 256, (10, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(open_model(made)(pictures), open_model(model)(pictures), atol=close)
    assert open_model(made).card.labels == open_model(model).card.labels


def test_the_list_of_operators_is_that_of_the_file_and_names_no_place(tmp_path):
    _, needs = ort_mobile.convert(FLOAT, tmp_path, "net")
    lines = needs.read_text().splitlines()
    assert lines[0].startswith("# Operators and types of net.ort")
    assert str(tmp_path) not in needs.read_text()
    assert "/" not in "".join(lines[1:])
    told = ";".join(lines[1:])
    assert all(kind in told for kind in ("Conv", "Softmax", "Reshape"))


def test_an_open_batch_keeps_accelerators_out_and_quantized_operators_core_ml():
    for one in ort_mobile.takers(FLOAT):
        assert (one.taken, one.taken_fixed, one.parts, one.verdict) == (0, one.nodes, 1, "yes")
    by_name = {one.name: one for one in ort_mobile.takers(INT8)}
    assert by_name["NNAPI (Android)"].taken_fixed == by_name["NNAPI (Android)"].nodes
    assert by_name["Core ML, ML Program (iOS)"].lacking == ("DequantizeLinear", "QuantizeLinear")
    assert by_name["Core ML, ML Program (iOS)"].verdict == "no"


def test_what_is_taken_is_counted_by_hand_on_a_small_file(tmp_path):
    """Conv and Relu are on every list, Det on none."""
    shape, maps = [1, 3, 4, 4], [1, 2, 4, 4]
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["c"]),
        helper.make_node("Det", ["c"], ["d"]),
        helper.make_node("Relu", ["d"], ["probabilities"]),
    ]
    kernel = helper.make_tensor("kernel", TensorProto.FLOAT, [2, 3, 1, 1], [0.5] * 6)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name, sides in (("image", shape), ("probabilities", [1, 2]), ("c", maps))]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:2], [kernel], value_info=infos[2:])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    for one in ort_mobile.takers(path):
        assert (one.nodes, one.taken_fixed, one.parts, one.lacking) == (3, 2, 2, ("Det",)), one


def test_the_bundle_was_held_against_the_golden_vectors(tmp_path):
    made = bundle(INT8, "ort", out=tmp_path / "b")
    told = json.loads((made.folder / "golden" / "golden.json").read_text())
    assert told["model"] == "mobilenet_int8.ort"
    session = onnxruntime.InferenceSession(str(made.folder / told["model"]))
    for one in told["pictures"]:
        stored = np.frombuffer((made.folder / "golden" / one["input"]).read_bytes(), "<f4").reshape(told["input"]["shape"])
        np.testing.assert_allclose(session.run(None, {told["input"]["name"]: stored})[0][0], one["probabilities"], atol=1e-5)
    shown = edgecnn("predict", made.folder / "mobilenet_int8.ort", made.folder / "golden" / "2.jpg", "--json")
    ((best, score), *_) = next(iter(json.loads(shown.out).values()))
    assert (best, round(score, 4)) == (told["pictures"][2]["label"], round(max(told["pictures"][2]["probabilities"]), 4))


@pytest.mark.parametrize("model", [FLOAT, INT8], ids=lambda value: value.stem)
def test_info_reads_operators_sizes_and_card_as_in_the_onnx(tmp_path, model):
    made, needs = ort_mobile.convert(model, tmp_path, model.stem)
    found, was = describe(made), describe(model)
    assert (found.format, found.bytes, found.card, found.outputs[0].name) == ("ORT", made.stat().st_size, was.card, was.outputs[0].name)
    assert (found.inputs[0].name, found.inputs[0].shape) == ("image", (1, 32, 32, 3))
    # Batch normalization and activations are folded before; the optimizer may fold no weight away, and none twice.
    assert (found.macs, found.parameters) == (was.macs, was.parameters)
    assert all(re.search(rf"\b{op.kind}\b", needs.read_text()) for op in found.operators)
    shown = edgecnn("info", made, "--layers", "all")
    assert (shown.code, shown.err) == (0, "")
    assert re.search(r"requires +ONNX Runtime 1.16 or later \(for version 6 of its format and opset \d+\)", " ".join(shown.out.split()))
    assert json.loads(edgecnn("info", made, "--json").out)["macs"] == was.macs


@pytest.mark.parametrize("keep", [0, 7, 40, 0.3, 0.95])
def test_info_refuses_a_damaged_ort_file(tmp_path, keep):
    made, _ = ort_mobile.convert(FLOAT, tmp_path, "net")
    content = made.read_bytes()
    made.write_bytes(content[: keep if keep >= 1 or not keep else int(len(content) * keep)])
    refused(edgecnn("info", made), "net.ort", "empty" if not keep else "cut off or damaged")


def test_check_prints_a_line_an_accelerator(tmp_path):
    result = edgecnn("check", INT8, "--for", "ort-mobile")
    assert result.code == 0, result.err
    assert all(name in result.out for name in ort_mobile.ACCELERATORS)
    assert "QuantizeLinear" in result.out


@pytest.mark.parametrize("content", [b"no onnx", b"\x08\x07"])
def test_damaged_files_are_refused(tmp_path, content):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(content)
    refused(edgecnn("check", broken, "--for", "ort-mobile"), "broken.onnx")
    refused(edgecnn("bundle", broken, "--for", "ort", "--out", tmp_path / "b"), "broken.onnx")


def test_a_damaged_file_leaves_no_traceback_behind(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no onnx")
    assert process("check", tmp_path / "broken.onnx", "--for", "ort-mobile").err.count("\n") == 1


def test_each_class_has_one_line_whatever_it_is_called(tmp_path):
    names = ("new\nline", "line\u2028end", "tab\t", " spaces ", *"456789")
    made = bundle(INT8, "ort", out=tmp_path / "b", labels=names, count=1)
    assert read_labels(made.folder / "labels.txt") == tuple(" ".join(name.split()) for name in names)


def test_wrong_use_is_one_line(tmp_path):
    refused(edgecnn("check", ROOT / "models" / "mobilenet.tflite", "--for", "ort-mobile"), "expected one")
    refused(edgecnn("check", INT8, "--for", "ort-mobile", "--repair"), "edgecnn bundle")
    refused(edgecnn("check", INT8, "--for", "ort-mobil"), "did you mean 'ort-mobile'?")
    refused(
        edgecnn("bundle", onnx_file(tmp_path / "four.onnx", batch=4), "--for", "ort", "--preprocess", "tf", "--out", tmp_path / "b"), "four.onnx", "batch of 1"
    )
