"""Float files of other tools are exported within their own format; right answers by bare loops over the runtimes."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from export import foreign_files as theirs
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from edgecnn.cli import main
from edgecnn.errors import BadFile, BadSetting
from edgecnn.export import export
from edgecnn.formats.keras import trust
from edgecnn.runtime import card_of
from edgecnn.settings import Export, PostTraining
from edgecnn.sources.given_input import GivenInput
from edgecnn.validate.subjects import Said, pair

GIVEN = GivenInput({"mean": (127.5,), "std": (127.5,)})


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return theirs.photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def tflite(tmp_path_factory) -> Path:
    return theirs.tflite(tmp_path_factory.mktemp("tflite") / "theirs.tflite")


@pytest.fixture
def onnx_file(tmp_path) -> Path:
    return theirs.save(theirs.classifier(), tmp_path / "theirs.onnx")


def pixels(photos: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(photos.glob("*/*.png"))])


def run_onnx(path: Path, photos: Path, *, dtype: type = np.float32) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = np.moveaxis((pixels(photos).astype(np.float32) - 127.5) / 127.5, 3, 1).astype(dtype)
    name = session.get_inputs()[0].name
    step = session.get_inputs()[0].shape[0]
    step = step if isinstance(step, int) else 1
    return np.concatenate([session.run(None, {name: images[i : i + step]})[0] for i in range(0, len(images), step)]).astype(np.float32)


def run_tflite(path: Path, photos: Path) -> np.ndarray:
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for image in pixels(photos).astype(np.float32):
        real = (image[None] - 127.5) / 127.5
        scale, zero = given["quantization"]
        stored = np.clip(np.rint(real / scale + zero), 0, 255) if scale else real
        interpreter.set_tensor(given["index"], stored.astype(given["dtype"]))
        interpreter.invoke()
        row, (scale, zero) = interpreter.get_tensor(result["index"])[0].astype(np.float32), result["quantization"]
        rows.append((row - zero) * scale if scale else row)
    return np.stack(rows)


def exported(path: Path, photos: Path, *schemes: str, **how: object) -> dict[str, Path]:
    settings = Export(schemes, min_agreement=0.5)
    written = export(path, settings=settings, data=photos, preprocessing=how.pop("given", GIVEN), out=how.pop("out", path.parent), **how)
    return {file.scheme: file.path for file in written}


def test_onnx_gives_onnx_alone_with_its_answers_and_names(onnx_file, photos):
    before = onnx_file.read_bytes()
    files = exported(onnx_file, photos, "float32", "float16", "int8")
    assert {path.name for path in files.values()} == {"theirs_float32.onnx", "theirs_float16.onnx", "theirs_int8.onnx"}
    assert onnx_file.read_bytes() == before
    right = run_onnx(onnx_file, photos)
    for scheme, tolerance in (("float32", 1e-5), ("float16", 5e-3), ("int8", 0.05)):
        np.testing.assert_allclose(run_onnx(files[scheme], photos), right, atol=tolerance)
        session = onnxruntime.InferenceSession(str(files[scheme]))
        assert session.get_inputs()[0].name == "input"
        assert session.get_outputs()[0].name == "scores"
        assert session.get_inputs()[0].shape == ["N", 3, 16, 16]
    kinds = {node.op_type for node in onnx.load(files["int8"]).graph.node}
    assert "QuantizeLinear" in kinds
    assert any(tensor.data_type == TensorProto.UINT8 and len(tensor.dims) == 4 for tensor in onnx.load(files["int8"]).graph.initializer)


def test_tflite_gives_tflite_alone_with_its_answers_and_names(tflite, photos, tmp_path):
    files = exported(tflite, photos, "float32", "float16", "dynamic", "int8", "int16x8", out=tmp_path)
    assert {path.suffix for path in files.values()} == {".tflite"}
    assert len(files) == 5
    right, name = run_tflite(tflite, photos), Interpreter(str(tflite)).get_input_details()[0]["name"]
    for scheme, tolerance in (("float32", 1e-5), ("float16", 5e-3), ("dynamic", 0.05), ("int8", 0.05), ("int16x8", 0.05)):
        np.testing.assert_allclose(run_tflite(files[scheme], photos), right, atol=tolerance)
        assert Interpreter(str(files[scheme])).get_input_details()[0]["name"] == name
    assert Interpreter(str(files["int8"])).get_input_details()[0]["dtype"] == np.uint8


def test_half_weights_of_a_tflite_are_expanded(photos, tmp_path):
    half = theirs.tflite(tmp_path / "half.tflite", halves=True)
    files = exported(half, photos, "float32", "int8", out=tmp_path / "out")
    right = run_tflite(half, photos)
    np.testing.assert_allclose(run_tflite(files["float32"], photos), right, atol=1e-4)
    np.testing.assert_allclose(run_tflite(files["int8"], photos), right, atol=0.05)


@pytest.mark.parametrize("fmt", ["onnx", "tflite"])
def test_validate_finds_the_original(fmt, onnx_file, tflite, photos, tmp_path):
    source = {"onnx": onnx_file, "tflite": tmp_path / "theirs.tflite"}[fmt]
    if fmt == "tflite":
        source.write_bytes(tflite.read_bytes())
    path = exported(source, photos, "int8", name="other")["int8"]
    assert path.name == f"other_int8.{fmt}"
    assert card_of(path).sources["original"] == source.name
    found = pair(path, Said())
    assert found.original.path == source
    assert found.original.preprocessing == found.file.preprocessing
    if fmt == "onnx":
        theirs.save(theirs.classifier(softmax=False), source)
    else:
        source.write_bytes(source.read_bytes() + b" ")
    with pytest.raises(BadFile, match="has changed since"):
        pair(path, Said())


def test_the_other_format_is_refused(onnx_file, tflite, photos, capsys):
    for path, other in ((onnx_file, "tflite"), (tflite, "onnx")):
        with pytest.raises(BadSetting, match="within its own format"):
            export(path, settings=Export(formats=(other,)), data=photos, preprocessing=GIVEN)
        assert main(["export", str(path), f"--{other}"]) == 2
        assert "within its own format" in capsys.readouterr().err


def test_what_changes_weights_is_refused(onnx_file, photos, capsys):
    assert main(["compress", str(onnx_file), "--prune", "0.5", "--data", str(photos)]) == 2
    assert "is a finished file" in capsys.readouterr().err
    settings = Export(("int8",), int8=PostTraining(equalize=True))
    with pytest.raises(BadSetting, match="--equalize"):
        export(onnx_file, settings=settings, data=photos, preprocessing=GIVEN)


def test_quantized_files_are_refused(onnx_file, tflite, photos, tmp_path):
    for path in (onnx_file, tflite):
        quantized = exported(path, photos, "int8", out=tmp_path / "first")["int8"]
        with pytest.raises(BadFile, match="is quantized already"):
            exported(quantized, photos, "int8", out=tmp_path / "second")


def _old_form(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Initializers that are inputs too, as before version 4 of the format."""
    proto.graph.input.extend(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in proto.graph.initializer)
    proto.ir_version = 3
    return proto


def _with_constants(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Weights in Constant nodes."""
    nodes = [helper.make_node("Constant", [], [t.name], value=t) for t in proto.graph.initializer]
    nodes += list(proto.graph.node)
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


def _in_halves(proto: onnx.ModelProto) -> onnx.ModelProto:
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return proto


def _of_one(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A network that declares an open batch and works for 1 only."""
    flatten = next(node for node in proto.graph.node if node.op_type == "Flatten")
    flatten.CopyFrom(helper.make_node("Reshape", ["pooled", "shape"], ["flat"]))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 8], np.int64), "shape"))
    return proto


def _named_as_ours(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Edges inside that are called as edgecnn calls the ends."""
    for node in proto.graph.node:
        for edges in (node.input, node.output):
            edges[:] = [{"conv": "image", "pooled": "probabilities"}.get(edge, edge) for edge in edges]
    return proto


KINDS = {
    "opset 9": lambda: _old_form(theirs.classifier(opset=9)),
    "opset 11": lambda: theirs.classifier(opset=11),
    "opset 18": lambda: theirs.classifier(opset=18),
    "constants": lambda: _with_constants(theirs.classifier()),
    "logits": lambda: theirs.classifier(softmax=False),
    "batch of 1": lambda: theirs.classifier(batch=1),
    "batch of 4": lambda: theirs.classifier(batch=4),
    "works for 1 only": lambda: _of_one(theirs.classifier()),
    "names": lambda: _named_as_ours(theirs.classifier()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_onnx(kind, photos, tmp_path):
    path = theirs.save(KINDS[kind](), tmp_path / "theirs.onnx")
    files = exported(path, photos, "float32", "int8")
    right = run_onnx(path, photos)
    np.testing.assert_allclose(run_onnx(files["float32"], photos), right, atol=1e-4)
    np.testing.assert_allclose(run_onnx(files["int8"], photos), right, atol=0.05 * max(1, np.ptp(right)))


def test_16_bit_floats(photos, tmp_path):
    path = theirs.save(_in_halves(theirs.classifier()), tmp_path / "theirs.onnx")
    files = exported(path, photos, "float32", "int8")
    right = run_onnx(path, photos, dtype=np.float16)
    np.testing.assert_allclose(run_onnx(files["float32"], photos), right, atol=5e-3)
    np.testing.assert_allclose(run_onnx(files["int8"], photos), right, atol=0.05)


def test_weights_in_a_second_file_are_taken_in(photos, tmp_path):
    path = tmp_path / "theirs.onnx"
    theirs.save(theirs.classifier(), path, save_as_external_data=True, location="theirs.data", size_threshold=0)
    right = run_onnx(path, photos)
    files = exported(path, photos, "float32", "int8", out=tmp_path / "alone")
    np.testing.assert_allclose(run_onnx(files["float32"], photos), right, atol=1e-5)
    np.testing.assert_allclose(run_onnx(files["int8"], photos), right, atol=0.05)


def test_one_of_two_outputs(photos, tmp_path):
    proto = theirs.classifier()
    proto.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["N", 8]))
    path = theirs.save(proto, tmp_path / "theirs.onnx")
    with pytest.raises(BadFile, match="--output NAME"):
        exported(path, photos, "int8")
    with trust.use(trust.LoadingOptions(output="scores")):
        files = exported(path, photos, "int8")
    assert [value.name for value in onnx.load(files["int8"]).graph.output] == ["scores"]
    alone = copy.deepcopy(proto)
    del alone.graph.output[1]
    right = run_onnx(theirs.save(alone, tmp_path / "alone.onnx"), photos)
    np.testing.assert_allclose(run_onnx(files["int8"], photos), right, atol=0.05)


def test_bytes_in_with_the_scaling_inside(photos, tmp_path):
    proto = theirs.classifier()
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["floats", "mean"], ["centered"]),
        helper.make_node("Div", ["centered", "mean"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["input"], perm=[0, 3, 1, 2]),
        *proto.graph.node,
    ]
    del proto.graph.node[:], proto.graph.input[:]
    proto.graph.node.extend(nodes)
    proto.graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 16, 16, 3]))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([127.5] * 3, np.float32), "mean"))
    path = theirs.save(proto, tmp_path / "theirs.onnx")
    files = exported(path, photos, "float32", "int8", given=None)
    feed = {"image": pixels(photos)}
    right = onnxruntime.InferenceSession(str(path)).run(None, feed)[0]
    for scheme, tolerance in (("float32", 1e-5), ("int8", 0.05)):
        session = onnxruntime.InferenceSession(str(files[scheme]))
        assert session.get_inputs()[0].type == "tensor(uint8)"
        np.testing.assert_allclose(session.run(None, feed)[0], right, atol=tolerance)
