""".onnx files in float64: what ONNX Runtime has kernels for is run as it is and derived in float32; of the rest it is said what to do."""

from __future__ import annotations

import json
from pathlib import Path

import foreign_nets as nets
import numpy as np
import onnx
import onnxruntime
import pytest
from helpers import edgecnn, refused
from onnx import TensorProto, helper, numpy_helper

from edgecnn.export import export
from edgecnn.settings import Export
from edgecnn.sources.given_input import GivenInput
from edgecnn.validate import profile

OPTIONS = ("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375")


def double(model: onnx.ModelProto) -> None:
    """Weights and ends in 64 bits, as `model.double()` gives them in PyTorch."""
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE


def linear(model: onnx.ModelProto) -> None:
    """A linear classifier of the mean color, as tools for tables of numbers write it."""
    images, labels = nets.make_images(300, seed=1)
    features = np.c_[nets.normalized(images).mean((2, 3)), np.ones(300)]
    fitted = np.linalg.lstsq(features, 10 * (np.eye(3)[labels] - 1 / 3), rcond=None)[0]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.append(helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0))
    model.graph.node.append(helper.make_node("Gemm", ["mean", "matrix", "offsets"], ["output"]))
    model.graph.initializer.extend([numpy_helper.from_array(fitted[:3], "matrix"), numpy_helper.from_array(fitted[3], "offsets")])
    double(model)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.write_photos(tmp_path_factory.mktemp("photos"), 60)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.make_onnx(tmp_path_factory.mktemp("double") / "linear.onnx", change=linear)


def answers(path: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    dtype = {"tensor(double)": np.float64, "tensor(float)": np.float32}[given.type]
    return session.run(["output"], {given.name: nets.normalized(images).astype(dtype)})[0]


def test_what_runs_is_validated_answered_and_timed(runs: Path, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.json"
    result = edgecnn("validate", runs, "--data", photos, "--no-latency", "--json", page, *OPTIONS)
    assert result.code == 0, result.err
    assert json.loads(page.read_text())["groups"][0]["rows"][0]["top1"]["value"] > 0.9
    image = sorted((photos / "red").iterdir())[0]
    (tmp_path / "labels.txt").write_text("\n".join(nets.CLASSES))
    result = edgecnn("predict", runs, image, "--json", "--labels", tmp_path / "labels.txt", *OPTIONS)
    assert json.loads(result.out)[str(image)][0][0] == "red"
    result = edgecnn("benchmark", runs, "--threads", "1", "--profile")
    assert result.code == 0, result.err


def test_no_peak_is_claimed_for_64_bits(runs: Path) -> None:
    rows, found = profile.operators(runs, nets.SIZE, nets.SIZE)
    assert {row.kind: row.macs for row in rows} == {"ReduceMean": 0, "Gemm": 9}
    assert found.floor == 0
    assert not any(row.floor for row in rows)


def test_derived_files_are_in_float32_and_answer_as_it_does(runs: Path, photos: Path, tmp_path: Path) -> None:
    settings = Export(("float32", "int8"), ("onnx",), calibration=30)
    written = export(runs, settings=settings, data=photos, preprocessing=GivenInput(nets.GIVEN), out=tmp_path)
    images, labels = nets.make_images(60, seed=5)
    theirs = answers(runs, images)
    assert theirs.dtype == np.float64
    assert (theirs.argmax(1) == labels).mean() > 0.9
    for file, allowed in zip(written, (1e-5, 0.2), strict=True):
        assert {tensor.data_type for tensor in onnx.load(file.path).graph.initializer} & {TensorProto.DOUBLE} == set()
        ours = answers(file.path, images)
        assert np.sqrt(np.square(ours - theirs).mean()) < allowed * theirs.std(0).mean()


@pytest.mark.parametrize("command", ["validate", "predict", "benchmark", "export"])
def test_of_a_convolution_it_is_said_what_to_do(command: str, photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "conv.onnx", change=double)
    image = sorted((photos / "red").iterdir())[0]
    words = {
        "validate": ("--data", photos, *OPTIONS),
        "predict": (image, *OPTIONS),
        "benchmark": (),
        "export": ("--int8", "--data", photos, "--out", tmp_path / "out", *OPTIONS),
    }
    refused(edgecnn(command, path, *words[command]), "conv.onnx", "no Conv for numbers of 64 bits", "export it again in float32", "model.float()")


def test_what_lacks_for_another_reason_is_not_blamed_on_64_bits(tmp_path: Path) -> None:
    def bfloat16(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.BFLOAT16, values.shape, values.reshape(-1)))
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.elem_type = TensorProto.BFLOAT16

    result = edgecnn("benchmark", nets.make_onnx(tmp_path / "brain.onnx", change=bfloat16))
    refused(result, "brain.onnx")
    assert "64 bits" not in result.err
