"""The oldest runtime of a file: against the entry of TensorFlow's own converter, and against releases of years ago."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import tiny_nets
from environments import python_with, run
from helpers import ROOT, edgecnn, refused

from edgecnn import runtime
from edgecnn.errors import BadSetting, CheckFailed
from edgecnn.export import flatbuffer, older
from edgecnn.formats.tflite.metadata import archive
from edgecnn.runtime import oldest, onnx_file, tflite_file
from edgecnn.settings import Export

RUN = """
import json, sys
import numpy
try:
    from tflite_runtime.interpreter import Interpreter
except ImportError:
    from ai_edge_litert.interpreter import Interpreter
pictures, *paths = sys.argv[1:]
found = {}
for path in paths:
    try:
        interpreter = Interpreter(model_path=path, num_threads=1)
        interpreter.allocate_tensors()
        given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        found[path] = []
        for picture in numpy.load(pictures)[..., : given["shape"][3]]:
            interpreter.set_tensor(given["index"], picture[None] if given["dtype"] == numpy.uint8 else ((picture[None] - 128.0) / 128).astype(given["dtype"]))
            interpreter.invoke()
            found[path].append(int(interpreter.get_tensor(result["index"])[0].argmax()))
    except (ValueError, RuntimeError) as error:
        found[path] = str(error)
print(json.dumps(found))
"""

RUN_ONNX = """
import json, sys
import numpy, onnxruntime
pictures, *paths = sys.argv[1:]
found = {}
for path in paths:
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        inputs = ((numpy.load(pictures) - 128.0) / 128).astype("float32")[..., : session.get_inputs()[0].shape[3]]
        found[path] = session.run(None, {session.get_inputs()[0].name: inputs})[0].argmax(1).tolist()
    except Exception as error:
        found[path] = str(error)
print(json.dumps(found))
"""


def _release(content: bytes) -> str:
    return oldest.newest(oldest.tflite(tflite_file.read(content))).release


def _grey(count: int = 20) -> np.ndarray:
    """Pictures whose three channels are the same, for LeNet, which is grey."""
    return np.repeat(tiny_nets.pictures(count, 32)[..., :1], 3, 3)


def _lively(layers: list) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = x = keras.Input((16, 16, 3))
    for layer in layers:
        x = layer(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))


NETS = {
    "conv": lambda: _lively([keras.layers.Conv2D(8, 3, activation="relu")]),
    "depthwise": lambda: _lively([keras.layers.DepthwiseConv2D(3), keras.layers.ReLU(6.0)]),
    "dilated": lambda: _lively([keras.layers.DepthwiseConv2D(3, dilation_rate=2)]),
    "grouped": lambda: _lively([keras.layers.Conv2D(8, 3), keras.layers.Conv2D(8, 3, groups=4)]),
    "pools": lambda: _lively([keras.layers.Conv2D(8, 1), keras.layers.MaxPooling2D(), keras.layers.AveragePooling2D(2)]),
    "swish": lambda: _lively([keras.layers.Conv2D(8, 3, activation="silu")]),
    "gelu": lambda: _lively([keras.layers.Conv2D(8, 3, activation="gelu")]),
    "transposed": lambda: _lively([keras.layers.Conv2DTranspose(8, 3, activation="relu")]),
    "resized": lambda: _lively([keras.layers.Conv2D(8, 3), keras.layers.UpSampling2D(2, interpolation="bilinear")]),
}


@pytest.mark.parametrize("how", ["float", "float16", "dynamic", "int8"])
@pytest.mark.parametrize("net", NETS)
def test_the_release_is_what_the_converter_writes(net, how):
    """TensorFlow's converter computes versions and the oldest release from tables of its own."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(NETS[net]())
    if how != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if how == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if how == "int8":
        inputs = np.random.default_rng(0).uniform(-1, 1, (8, 1, 16, 16, 3)).astype(np.float32)
        converter.representative_dataset = lambda: ([one] for one in inputs)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    content = converter.convert()
    said = tflite_file.metadata(content)["min_runtime_version"].rstrip(b"\0").decode()
    model = tflite_file.read(content)
    for code in model.operatorCodes:
        code.version = 1
    needs = [need for need in oldest.tflite(model) if not need.use]
    found = oldest.newest(needs).release
    # Where a scale a channel decides, the converter's table is silent.
    assert oldest.order(found)[:2] == oldest.order(said)[:2] or len(needs) < len(oldest.tflite(model)), (found, said, oldest.tflite(model))


def test_ten_comes_after_nine():
    assert oldest.order("2.10") > oldest.order("2.9") > oldest.order("1.15")


@pytest.mark.parametrize("path", sorted((ROOT / "models").rglob("*.tflite")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_operator_of_a_shipped_model_is_in_the_table(path):
    assert all(need.release for need in oldest.tflite(tflite_file.read(path.read_bytes())))


def test_an_unknown_operator_is_said_and_not_promised():
    content = (ROOT / "models" / "mobilenet.tflite").read_bytes()
    model = tflite_file.read(content)
    model.operatorCodes[0].version = 99
    assert "not known for CONV_2D version 99" in oldest.words(oldest.tflite(model))
    changed = flatbuffer.read(archive.split(content)[0])
    changed.operatorCodes[0].version = 99
    with pytest.raises(CheckFailed, match="CONV_2D version 99 is in no table"):
        older.tflite(flatbuffer.pack(changed), "2.9")


def test_export_refuses_what_is_too_new(lenet, tmp_path):
    result = edgecnn("export", lenet, "--tflite", "--dynamic", "--min-runtime", "2.9", "--out", tmp_path)
    assert result.code == 1
    assert "lenet_dynamic.tflite was not written: FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17, and --min-runtime 2.9 came" in result.err
    assert not list(tmp_path.iterdir())
    assert edgecnn("export", lenet, "--tflite", "--float16", "--min-runtime", "2.9", "--out", tmp_path).code == 0


def test_export_writes_an_older_opset(lenet, tmp_path):
    assert edgecnn("export", lenet, "--onnx", "--float32", "--int8", "--min-runtime", "onnxruntime=1.6", "--out", tmp_path).code == 0
    pictures = _grey()
    for name in ("lenet", "lenet_int8"):
        old, new = tmp_path / f"{name}.onnx", lenet.parent / f"{name}.onnx"
        if not new.exists():
            assert edgecnn("export", lenet, "--onnx", "--float32", "--int8").code == 0
        assert (onnx.load(old).opset_import[0].version, onnx.load(old).ir_version) == (13, 7)
        assert onnx_file.describe(old).requires == "ONNX Runtime 1.6 or later (for opset 13 and IR version 7)"
        np.testing.assert_array_equal(runtime.open_model(old)(pictures), runtime.open_model(new)(pictures))


def test_no_older_opset_than_means_the_same(lenet, tmp_path):
    result = edgecnn("export", lenet, "--onnx", "--min-runtime", "onnxruntime=1.5", "--out", tmp_path)
    assert result.code == 1
    assert "of opset 13 needs ONNX Runtime 1.6, and --min-runtime onnxruntime=1.5 came" in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [(("2,9",), "expected numbers with points"), (("coreml=5",), "expected a release of TensorFlow Lite"), (("2.9", "--onnx"), "no .tflite is written")],
    ids=["comma", "coreml", "onnx only"],
)
def test_nonsense_is_refused(words, said, lenet):
    refused(edgecnn("export", lenet, "--min-runtime", *words), said)


def test_settings_refuse_nonsense():
    with pytest.raises(BadSetting, match="expected numbers"):
        Export(min_tflite="new")


@pytest.fixture(scope="module")
def schemes(lenet, tmp_path_factory) -> Path:
    """LeNet in every scheme of TFLite; its dense layers in dynamic form need 2.17."""
    out = tmp_path_factory.mktemp("schemes")
    assert edgecnn("export", lenet, "--tflite", "--all", "--out", out).code == 0
    np.save(out / "pictures.npy", _grey())
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("packages", "release"),
    [(("tflite-runtime==2.14.0", "numpy<2"), "2.14"), (("ai-edge-litert==1.0.1", "numpy<2"), "2.17")],
    ids=["2.14", "LiteRT 1.0"],
)
def test_an_older_release_runs_what_it_is_said_to_run_and_no_other(packages, release, schemes, tmp_path):
    python = python_with(tmp_path, *packages)
    paths = sorted(schemes.glob("*.tflite"))
    found = run(python, RUN, schemes / "pictures.npy", *paths)
    for path in paths:
        needed = _release(path.read_bytes())
        if oldest.order(needed) > oldest.order(release):
            assert "Didn't find op for builtin opcode" in found[str(path)], path
        else:
            ours = runtime.open_model(path)(np.load(schemes / "pictures.npy")).argmax(1)
            assert np.mean(ours == found[str(path)]) >= 0.95, (path, needed, found[str(path)])
    assert ("lenet_dynamic" in {path.stem for path in paths if isinstance(found[str(path)], str)}) == (release == "2.14")


@pytest.mark.slow
def test_an_older_onnx_runtime_runs_what_it_is_said_to_run_and_no_other(exported, tmp_path):
    """1.15 takes opset 18 and IR version 9: our files, and not the same file two opsets or an IR version later."""
    python = python_with(tmp_path, "onnxruntime==1.15.0", "numpy<2")
    pictures = _grey()
    np.save(tmp_path / "pictures.npy", pictures)
    ours = exported / "lenet.onnx"
    assert oldest.onnx_limits("1.15") == (18, 9)
    for name, opset, ir in (("newest", 18, 9), ("opset", 20, 9), ("ir", 18, 10)):
        model = onnx.load(ours)
        model = onnx.version_converter.convert_version(model, opset)
        model.ir_version = ir
        onnx.save(model, tmp_path / f"{name}.onnx")
    paths = [ours, *(tmp_path / f"{name}.onnx" for name in ("newest", "opset", "ir"))]
    found = run(python, RUN_ONNX, tmp_path / "pictures.npy", *paths)
    expected = runtime.open_model(ours)(pictures).argmax(1).tolist()
    assert found[str(paths[0])] == found[str(paths[1])] == expected
    assert "opset" in found[str(paths[2])].lower()
    assert "IR version" in found[str(paths[3])]
