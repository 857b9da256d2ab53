"""The forecast for delegates on whole files: the shipped ones, every scheme of MobileNet and SqueezeNet, and the command."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tiny_nets
from helpers import ROOT, edgecnn, refused

from edgecnn import schemes as schemes_table
from edgecnn.runtime import delegates
from edgecnn.runtime.delegates import TARGETS

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
