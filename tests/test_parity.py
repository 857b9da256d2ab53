"""Keras = TFLite = ONNX, score by score: what is the same passes, what is not fails and says by how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import edgecnn, refused
from onnx import helper, numpy_helper
from test_validate import shop  # noqa: F401 - a fixture

from edgecnn.errors import BadFile
from edgecnn.validate import validate


def channels_last(source: Path, path: Path) -> Path:
    """The same .onnx network with an input [batch, height, width, channels]."""
    model = onnx.load(source)
    given = model.graph.input[0]
    for node in model.graph.node:
        node.input[:] = ["inside" if name == given.name else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Transpose", [given.name], ["inside"], perm=[0, 3, 1, 2]))
    shape = given.type.tensor_type.shape
    shape.dim.append(shape.dim[1])
    del shape.dim[1]
    onnx.save(model, path)
    return path


def shifted(source: Path, path: Path, by: float) -> Path:
    """The same .onnx network with a little more of the first class."""
    model = onnx.load(source)
    for tensor in model.graph.initializer:
        if tensor.name == "offset":
            values = numpy_helper.to_array(tensor).copy()
            values.flat[0] += by
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    return path


def verdicts(paths: list[Path], shop: Path) -> list[str]:  # noqa: F811
    report = validate(paths, against=shop / "models" / "net.keras", data=shop / "colors", threads=(), parity=True)
    return [check.verdict.value for check in report.checks if check.limit == "--parity"]


def test_three_formats_and_both_layouts_are_the_same_network(shop, tmp_path):  # noqa: F811
    last = channels_last(shop / "bare" / "net.onnx", tmp_path / "last.onnx")
    paths = [shop / "models" / "net.tflite", shop / "models" / "net.onnx", last, shop / "models" / "net_int8.tflite"]
    report = validate(paths, against=shop / "models" / "net.keras", data=shop / "colors", threads=(), parity=True)
    assert report.exit_code == 0
    found = [row.parity for group in report.groups for row in group.rows]
    assert [p.kind for p in found] == ["float32", "float32", "float32", "int8"]
    assert all(p.difference < 1e-4 for p in found[:3])
    assert found[3].difference > found[0].difference
    assert [p.limit for p in found] == [1e-3, 1e-3, 1e-3, None]
    assert [p.batch is None for p in found] == [True, False, False, True]


@pytest.mark.parametrize(("by", "expected"), [(0.0, "pass"), (0.2, "fail")])
def test_another_network_fails(shop, tmp_path, by, expected):  # noqa: F811
    assert verdicts([shifted(shop / "bare" / "net.onnx", tmp_path / "shifted.onnx", by)], shop) == [expected]


def test_answers_that_depend_on_the_batch_fail(shop, tmp_path):  # noqa: F811
    model = onnx.load(shop / "bare" / "net.onnx")
    last = model.graph.node[-1]
    before = last.input[0]
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "zero"))
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("ReduceMean", [before, "zero"], ["average"], keepdims=1))
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Add", [before, "average"], ["mixed"]))
    last.input[0] = "mixed"
    for opset in model.opset_import:
        opset.version = max(opset.version, 18)
    onnx.save(model, tmp_path / "mixed.onnx")
    with pytest.raises(BadFile, match="depend on the other images of its batch"):
        validate(tmp_path / "mixed.onnx", against=shop / "bare" / "net.onnx", data=shop / "colors", threads=(), parity=True, mean=(128,), std=(128,))


def test_parity_needs_an_original(shop):  # noqa: F811
    refused(edgecnn("validate", shop / "bare" / "net.onnx", "--data", shop / "colors", "--parity", "--mean", 128, "--std", 128), "--parity", "--against")
