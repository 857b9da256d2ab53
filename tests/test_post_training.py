"""The ways to int8 without training: each is in the file that is written, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgecnn.errors import BadSetting, NoCalibration, UnknownName
from edgecnn.export import export, ranges
from edgecnn.export.observe import Extremes
from edgecnn.runtime import open_model
from edgecnn.runtime.pool import evaluate
from edgecnn.settings import Export, PostTraining

CALIBRATION = 64


def _written(model: Path, suffix: str, out: Path, how: PostTraining, **kwargs) -> Path:
    (made,) = export(model, settings=Export(("int8",), (suffix,), calibration=CALIBRATION, int8=how), out=out, **kwargs)
    assert made.agreement > 0.9
    return made.path


def _types(path: Path) -> dict[str, str]:
    """Name of a tensor -> its type; of ONNX, those of the nodes' own outputs and weights."""
    if path.suffix == ".tflite":
        interpreter = Interpreter(str(path))
        return {detail["name"]: np.dtype(detail["dtype"]).name for detail in interpreter.get_tensor_details()}
    model = onnx.load(path)
    quantized = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    stored = {tensor.name.removesuffix("_quantized"): "int8" for tensor in model.graph.initializer if tensor.name.endswith("_quantized")}
    return {name: "int8" if name in quantized else "float32" for node in model.graph.node for name in node.output} | stored


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_float_head_is_float_from_the_last_weights_on(suffix, lenet, tmp_path):
    path = _written(lenet, suffix, tmp_path, PostTraining(head="float"))
    types = _types(path)
    assert types["logits"] == "float32"
    assert "int8" in {kind for name, kind in types.items() if name.startswith("c3")}
    plain = _written(lenet, suffix, tmp_path / "plain", PostTraining())
    assert path.stat().st_size < 1.1 * plain.stat().st_size, "weights of the head are int8 all the same"
    runner = open_model(path)
    assert runner.input.dtype == ("uint8" if suffix == "tflite" else "float32")
    assert runner.output.dtype == "float32"


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_wide_operator_is_float_with_int8_weights(suffix, lenet, tmp_path):
    name = {"tflite": "c3", "onnx": "c3_2"}[suffix]  # in ONNX the convolution and its activation are two nodes and one operator
    plain, wide = (_types(_written(lenet, suffix, tmp_path / str(len(how.wide)), how)) for how in (PostTraining(), PostTraining(wide=(name,))))
    if suffix == "tflite":
        assert (plain[name], wide[name]) == ("int8", "float32")
    else:
        assert sum(kind == "int8" for kind in wide.values()) < sum(kind == "int8" for kind in plain.values())
        assert (wide["c3"], wide["c3_2"]) == ("float32", "float32")


def test_ties_end_with_a_float_head(lenet, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), np.uint8)
    scores = {}
    for how in (PostTraining(), PostTraining(head="float")):
        scores[how.head] = evaluate(_written(lenet, "tflite", tmp_path / how.head, how), pictures).scores
    assert len(np.unique(scores["int8"])) <= 256 < len(np.unique(scores["float"]))


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize(
    "how", [PostTraining(rounding="reconstructed"), PostTraining(equalize=True), PostTraining(correct=False)], ids=["reconstructed", "even", "uncorrected"]
)
def test_every_way_makes_another_file(how, suffix, lenet, tmp_path):
    plain, other = (_written(lenet, suffix, tmp_path / name, each, data="digits") for name, each in (("plain", PostTraining()), ("other", how)))
    assert plain.read_bytes() != other.read_bytes()


def test_an_equalized_file_is_judged_beside_the_model_itself(lenet, tmp_path):
    made = export(lenet, settings=Export(("float32", "int8"), ("tflite",), calibration=CALIBRATION, int8=PostTraining(equalize=True)), out=tmp_path)
    again = export(lenet, settings=Export(("float32",), ("tflite",)), out=tmp_path / "again")
    assert made[0].path.read_bytes() == again[0].path.read_bytes(), "the float file stays the model's own"


@pytest.mark.parametrize(("field", "value"), [("ranges", "third"), ("rounding", "up"), ("head", "int4")])
def test_nonsense_is_refused(field, value):
    with pytest.raises(BadSetting, match=f"{field} '{value}': expected one of"):
        PostTraining(**{field: value})


def test_an_operator_that_is_not_there_is_refused(lenet, tmp_path):
    with pytest.raises(UnknownName, match="unknown operator 'logitz': did you mean 'logits'"):
        _written(lenet, "tflite", tmp_path, PostTraining(wide=("logitz",)))
    assert not list(tmp_path.glob("*"))


def test_records_serve_the_usual_way_only(tmp_path, monkeypatch):
    """The models that come with the project carry records of their activations; another way than the usual one wants pictures."""
    from edgecnn import zoo

    monkeypatch.delenv("EDGECNN_DATA", raising=False)
    with pytest.raises(NoCalibration, match="serve the usual way to int8 only"):
        _written(zoo.find("sign-digits/mobilenet"), "tflite", tmp_path, PostTraining(rounding="reconstructed"))
    with pytest.raises(NoCalibration, match="even channels need pictures"):
        _written(zoo.find("sign-digits/mobilenet"), "tflite", tmp_path, PostTraining(equalize=True))


def test_a_percentile_leaves_out_what_is_rare():
    seen = Extremes(each=100_000)
    values = np.random.default_rng(0).uniform(0, 1, 100_000).astype(np.float32)
    values[0] = 50.0
    seen.add(values, 0)
    assert abs(ranges.choose({"x": seen}, "percentile")["x"].clipped[1] - 10.0) < 1e-6, "a fifth of the range is the least that is tried"
    assert ranges.choose({"x": seen}, "extremes")["x"].clipped[1] == 50.0
