"""`edgecnn check`: one line a reason, and what --repair mends, on files as TensorFlow's converter writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_nets
from helpers import ROOT, edgecnn, refused

from edgecnn import runtime
from edgecnn.card import Preprocessing
from edgecnn.errors import CheckFailed
from edgecnn.export import flatbuffer, metadata, tasks
from edgecnn.export.metadata import LabelFile, Metadata, ScoreCalibration, TensorNotes
from edgecnn.export.tasks import batch
from edgecnn.formats.tflite.metadata import archive
from edgecnn.runtime import card_of, open_model, tflite_file
from edgecnn.runtime.scores import softmax

SHIPPED = ROOT / "models" / "sign-digits" / "squeezenet_int8.tflite"
LABELS = ("ant", "bee", "cat", "dog")
NOTES = Metadata(
    name="net",
    inputs=(TensorNotes("image", content="image", color="rgb", mean=(128.0,), std=(128.0,)),),
    outputs=(TensorNotes("scores", labels=(LabelFile(LABELS, file="labels.txt"),)),),
)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other people's files: float, int8 and uint8 ends, a batch of three, grey, with three scores a channel."""
    out = tmp_path_factory.mktemp("nets")
    model = tiny_nets.keras_net()
    tiny_nets.tflite(model, out / "float.tflite")
    for io in ("int8", "uint8"):
        tiny_nets.tflite(model, out / f"{io}.tflite", integer=True, io=io)
    image = keras.Input(batch_shape=(3, 16, 16, 3))
    tiny_nets.tflite(keras.Model(image, model(image)), out / "batch3.tflite")
    flat = keras.Input(batch_shape=(3, 16, 16, 3))
    x = keras.layers.Reshape((16 * 16 * 3,))(flat)
    tiny_nets.tflite(keras.Model(flat, keras.layers.Dense(4, activation="softmax")(x)), out / "reshaped.tflite")
    tiny_nets.tflite(tiny_nets.keras_net(channels=1), out / "grey.tflite")
    planes = keras.Input((3, 16, 16))
    tiny_nets.tflite(keras.Model(planes, model(keras.layers.Permute((2, 3, 1))(planes))), out / "planes.tflite")
    return out


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LABELS) + "\n")
    return path


def _with(nets: Path, tmp_path: Path, notes: Metadata, name: str = "float") -> Path:
    path = tmp_path / f"{name}_told.tflite"
    path.write_bytes(metadata.write((nets / f"{name}.tflite").read_bytes(), notes))
    return path


def _problems(path: Path, library: str = "mediapipe") -> list[str]:
    return [one.problem for one in tasks.check(path, library) if one.refused]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("float", ["it has no metadata, and a float32 input needs NormalizationOptions"]),
        ("int8", ["is int8, expected uint8 or float32", "is int8, expected uint8 or float32"]),
        ("uint8", []),
        ("batch3", ["its batch is 3, expected 1", "needs NormalizationOptions", "is 3x4, expected 1xN"]),
        ("planes", ["its input is [1, 3, 16, 16], channels first", "needs NormalizationOptions"]),
        ("grey", ["its pictures have 1 channels, expected 3", "needs NormalizationOptions"]),
    ],
)
def test_what_keeps_a_file_out(name, said, nets):
    found = _problems(nets / f"{name}.tflite")
    assert len(found) == len(said)
    assert all(part in problem for part, problem in zip(said, found, strict=True))
    assert edgecnn("check", nets / f"{name}.tflite").code == (1 if said else 0)


def test_a_file_without_an_output_is_refused_in_words(nets, tmp_path):
    model = flatbuffer.read((nets / "float.tflite").read_bytes())
    model.subgraphs[0].outputs = []
    (tmp_path / "mute.tflite").write_bytes(flatbuffer.pack(model))
    assert _problems(tmp_path / "mute.tflite") == ["it has 0 outputs, expected 1"]
    assert edgecnn("check", tmp_path / "mute.tflite").code == 1


def _input(**changes: object) -> Metadata:
    return replace(NOTES, inputs=(replace(NOTES.inputs[0], **changes),))


def _output(**changes: object) -> Metadata:
    return replace(NOTES, outputs=(replace(NOTES.outputs[0], **changes),))


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        (NOTES, None),
        (_input(mean=(), std=()), "has no NormalizationOptions"),
        (_input(mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 1.0)), "differ from channel to channel"),
        (_input(mean=(1.0, 1.0), std=(1.0, 1.0)), "2 means and 2 deviations, expected 1 or 3"),
        (_input(std=(0.0,)), "a deviation of 0"),
        (_input(color="grayscale"), "calls the pictures grayscale, expected rgb"),
        (_input(content="feature", color=""), "calls the input feature, expected image"),
        (_output(labels=(LabelFile(LABELS[:3]),)), "labels.txt has 3 names for 4 outputs"),
        (_output(calibration=ScoreCalibration((None,) * 5)), "score_calibration.csv has 5 lines for 4 outputs"),
    ],
    ids=["good", "none", "channels", "two", "zero", "grey", "feature", "labels", "calibration"],
)
def test_what_metadata_must_say(notes, said, nets, tmp_path):
    found = _problems(_with(nets, tmp_path, notes))
    assert (not found) if said is None else (len(found) == 1 and said in found[0])


def test_ml_kit_takes_a_mean_a_channel(nets, tmp_path):
    path = _with(nets, tmp_path, _input(mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 1.0)))
    assert not _problems(path, "mlkit")
    assert edgecnn("check", path, "--for", "mlkit").code == 0


def test_an_integer_input_that_is_not_the_byte_is_told(nets, tmp_path):
    path = _with(nets, tmp_path, _input(mean=(100.0,), std=(128.0,)), "uint8")
    assert "a byte of a picture is not its own quantized input (up to 28 steps off)" in _problems(path)[0]


@pytest.mark.parametrize(("name", "words"), [("int8", ()), ("uint8", ()), ("float", (128, 128)), ("batch3", (128, 128)), ("reshaped", (128, 128))])
def test_repair_keeps_the_answers(name, words, nets, labels, tmp_path):
    path, mended = nets / f"{name}.tflite", tmp_path / "mended.tflite"
    said = ("--mean", words[0], "--std", words[1]) if words else ()
    result = edgecnn("check", path, "--repair", "--out", mended, "--labels", labels, *said)
    assert result.code == 0, result
    assert f"{mended}: MediaPipe Tasks takes it" in result.out
    told = metadata.read(mended.read_bytes())
    assert (told.outputs[0].labels[0].names, told.inputs[0].mean, told.inputs[0].std) == (LABELS, (128.0,), (128.0,))
    given = tflite_file.describe(mended).inputs[0]
    assert (given.shape, given.dtype) == ((1, 16, 16, 3), "float32" if words else "uint8")
    pictures, usual = tiny_nets.pictures(6), Preprocessing(16, 16)
    ours, theirs = (runtime.open_model(one, preprocessing=usual)(pictures) for one in (mended, path))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_repair_completes_what_is_there(nets, tmp_path):
    path = _with(nets, tmp_path, replace(_output(labels=(LabelFile(LABELS[:3]),), threshold=0.5), author="me", license="MIT"))
    mended = tmp_path / "mended.tflite"
    left = tasks.repair(path, mended)
    assert not [one for one in left if one.refused]
    told = metadata.read(mended.read_bytes())
    assert (told.author, told.license, told.outputs[0].threshold, told.outputs[0].labels) == ("me", "MIT", 0.5, ())


def test_an_export_without_metadata_is_mended_from_its_card(tmp_path):
    content = archive.split(SHIPPED.read_bytes())[0]
    model = flatbuffer.read(content)
    flatbuffer.set_entries(model, {}, (metadata.ENTRY,))
    path, mended = tmp_path / "net.tflite", tmp_path / "mended.tflite"
    path.write_bytes(flatbuffer.pack(model))
    assert not tasks.repair(path, mended)
    told = metadata.read(mended.read_bytes())
    assert told.outputs[0].labels[0].names == tuple("0123456789")
    assert tflite_file.describe(mended).card == tflite_file.describe(SHIPPED).card


def test_a_mended_file_that_does_something_else_is_not_kept(nets):
    content = (nets / "float.tflite").read_bytes()
    model = flatbuffer.read(content)
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 100:
            buffer.data = np.zeros_like(buffer.data)
    with pytest.raises(CheckFailed, match="gives other results"):
        batch.must_be_same(content, flatbuffer.pack(model), "net")


def test_what_cannot_be_known_must_be_said(nets, tmp_path):
    refused(edgecnn("check", nets / "float.tflite", "--repair", "--out", tmp_path / "x.tflite"), "--mean 0 --std 255")
    assert not (tmp_path / "x.tflite").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("float.tflite", "--for", "mediapip"), "did you mean 'mediapipe'?"),
        (("float.tflite", "--labels", "x.txt"), "expected --repair beside it"),
        (("float.onnx",), "take .tflite files"),
        (("nothing.tflite",), "no such .tflite model"),
    ],
    ids=["library", "labels", "onnx", "missing"],
)
def test_wrong_use_is_one_line(words, said, nets):
    refused(edgecnn("check", nets / words[0], *words[1:]), said)


def test_a_repair_does_not_write_over_its_file(nets):
    refused(edgecnn("check", nets / "int8.tflite", "--repair", "--out", nets / "int8.tflite"), "is the file to read")


def test_a_file_without_integer_ends_gets_no_operator(nets):
    content = (nets / "float.tflite").read_bytes()
    after = flatbuffer.read(flatbuffer.with_uint8_interface(content))
    assert len(after.operatorCodes) == len(flatbuffer.read(content).operatorCodes)


def test_a_repair_writes_a_card_that_needs_no_options(nets, tmp_path):
    """What was said once is kept: predict and validate ask no more."""
    mended = tmp_path / "mended.tflite"
    assert edgecnn("check", nets / "float.tflite", "--repair", "--out", mended, "--mean", 127.5, "--std", 127.5).code == 0
    card = card_of(mended)
    assert (card.preprocessing.mean, card.preprocessing.std) == ((127.5,) * 3, (127.5,) * 3)
    assert card.input_evidence == "--mean and --std as given"


@pytest.mark.parametrize("name", ["float", "int8"])
def test_logits_are_told_and_get_a_softmax(name, tmp_path):
    logits = tiny_nets.tflite(tiny_nets.keras_net(softmax=False), tmp_path / "logits.tflite", **({"integer": True, "io": "int8"} if name == "int8" else {}))
    said = ["--mean", "128", "--std", "128"]
    assert any("logits" in one.problem for one in tasks.check(logits))
    mended = tmp_path / "mended.tflite"
    assert edgecnn("check", logits, "--repair", "--append-softmax", "--out", mended, *said).code == 0
    pictures = tiny_nets.pictures(6)
    expected = softmax(open_model(logits, preprocessing=Preprocessing(16, 16)).scores(pictures))
    np.testing.assert_allclose(open_model(mended).scores(pictures), expected, atol=1e-5 if name == "float" else 2 / 256)
    assert not any("logits" in one.problem for one in tasks.check(mended))
