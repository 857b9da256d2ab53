"""Golden vectors: what lies in the folder is what the file does, and what a wrong app would see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from helpers import ROOT, onnx_file, picture
from PIL import Image

from edgecnn.bundle import golden
from edgecnn.card import Preprocessing
from edgecnn.errors import BadData, BadFile, BadSetting, UnknownInputError
from edgecnn.runtime import open_model

TFLITE, ONNX = ROOT / "models" / "mobilenet_int8.tflite", ROOT / "models" / "mobilenet.onnx"
CROP = Preprocessing(32, 32, resize="crop")


@pytest.fixture(scope="module")
def laid(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("golden")
    written = golden.write(golden.make(TFLITE), folder, sources=True)
    assert sorted(written) == sorted(folder.iterdir())
    return folder, json.loads((folder / "golden.json").read_text())


def test_the_bytes_are_those_that_litert_takes_and_gives(laid):
    folder, told = laid
    interpreter = Interpreter(model_path=str(TFLITE))
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (given["name"], list(given["shape"]), given["quantization"]) == (
        told["input"]["name"], told["input"]["shape"], (told["input"]["scale"], told["input"]["zero_point"]),
    )  # fmt: skip
    for one in told["pictures"]:
        stored = np.frombuffer((folder / one["input"]).read_bytes(), told["input"]["dtype"]).reshape(told["input"]["shape"])
        interpreter.set_tensor(given["index"], stored)
        interpreter.invoke()
        assert interpreter.get_tensor(result["index"]).tobytes() == (folder / one["output"]).read_bytes()
        real = (np.frombuffer((folder / one["output"]).read_bytes(), np.uint8) - told["output"]["zero_point"]) * told["output"]["scale"]
        np.testing.assert_allclose(one["probabilities"], real, atol=1e-5)
        assert one["label"] == told["labels"][int(real.argmax())]


def test_every_step_of_preprocessing_matters(laid):
    """Other sizes than the input's, both proportions, one turned, one see-through."""
    folder, told = laid
    size = (told["preprocessing"]["width"], told["preprocessing"]["height"])
    images = [Image.open(folder / one["file"]) for one in told["pictures"]]
    assert all(image.size != size for image in images)
    assert {image.width > image.height for image in images} == {True, False}
    assert any(image.mode == "RGBA" for image in images)
    assert [image.getexif().get(0x0112, 1) for image in images] == [one["orientation"] for one in told["pictures"]] == [1, 1, 6, 1]


def test_pixels_are_the_upright_picture_of_the_inputs_size(laid):
    from edgecnn import data

    folder, told = laid
    for one in told["pictures"]:
        pixels = np.frombuffer((folder / one["pixels"]).read_bytes(), np.uint8).reshape(32, 32, 3)
        np.testing.assert_array_equal(pixels, data.decode(folder / one["file"], Preprocessing(32, 32)))
        source = np.frombuffer((folder / one["source"]).read_bytes(), np.uint8).reshape(one["height"], one["width"], 3)
        upright = np.rot90(source, -1) if one["orientation"] == 6 else source
        np.testing.assert_array_equal(np.asarray(Image.fromarray(upright).resize((32, 32), Image.Resampling.BILINEAR)), pixels)


def test_a_trap_holds_what_the_file_answers_to_the_mistake(laid):
    folder, told = laid
    runner = open_model(TFLITE)
    for one in told["pictures"]:
        pixels = np.frombuffer((folder / one["pixels"]).read_bytes(), np.uint8).reshape(1, 32, 32, 3)
        stem = Path(one["file"]).stem
        np.testing.assert_allclose(told["traps"]["bgr"][stem], runner(np.ascontiguousarray(pixels[..., ::-1]))[0], atol=1e-5)
        np.testing.assert_allclose(told["traps"]["mirrored"][stem], runner(np.ascontiguousarray(pixels[:, :, ::-1]))[0], atol=1e-5)
    assert list(told["traps"]["unrotated"]) == ["2"]
    assert told["causes"]["bgr"]["name"] == "BGR for RGB"
    assert set(told["causes"]) == set(told["traps"]) == set(told["signatures"]) - {"right"}
    # What changes nothing is no trap: here the byte itself is the input.
    assert not {"div128", "bytes_not_quantized"} & set(told["traps"])


def test_usual_mistakes_lie_outside_of_the_tolerance_and_other_filters_within(laid):
    _, told = laid
    for key in ("bgr", "div255", "off128", "unrotated", "cropped", "unscaled"):
        off = [np.abs(np.subtract(told["traps"][key][s], told["pictures"][int(s)]["probabilities"])).max() for s in told["traps"][key]]
        assert any(value > told["pictures"][int(s)]["tolerance"]["probabilities"] for s, value in zip(told["traps"][key], off, strict=True)), key
    assert all(one["tolerance"]["probabilities"] < 0.1 for one in told["pictures"])


def test_signatures_are_means_and_roughness_of_the_stored_input(laid):
    folder, told = laid
    stored = np.frombuffer((folder / "0.input").read_bytes(), np.uint8).reshape(32, 32, 3).astype(float)
    rough = np.zeros_like(stored)
    rough[:, 1:] = abs(stored[:, 1:] - stored[:, :-1])
    means, roughs = (values.reshape(4, 8, 4, 8, 3).mean((1, 3)) for values in (stored, rough))
    right = np.array(told["signatures"]["right"]["0"]).reshape(4, 4, 3, 2)
    np.testing.assert_allclose(right[..., 0], means, atol=1e-4)
    np.testing.assert_allclose(right[..., 1], roughs, atol=1e-4)
    np.testing.assert_allclose(np.array(told["signatures"]["bgr"]["0"]).reshape(4, 4, 3, 2)[:, :, ::-1], right, atol=1e-4)


def four_neighbours(pixels: np.ndarray, side: int, *, half: bool) -> np.ndarray:
    """OpenCV's INTER_LINEAR, or TensorFlow 1's, which lays the corners of pixels upon one another."""
    for axis in (0, 1):
        scale = pixels.shape[axis] / side
        place = np.clip((np.arange(side) + 0.5) * scale - 0.5 if half else np.arange(side) * scale, 0, pixels.shape[axis] - 1)
        low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
        share = np.expand_dims(place - low, (1 - axis, 2))
        pixels = pixels.take(low, axis) * (1 - share) + pixels.take(high, axis) * share
    return np.rint(pixels)


@pytest.mark.parametrize("source", ["drawn", "soft photos"])
@pytest.mark.parametrize("side", [32, 224, 299])
def test_a_resize_without_antialias_fails_whatever_the_pictures_and_the_input(tmp_path, source, side):
    """The first picture has fine lines: of a soft photo four neighbours are as good as all."""
    photo, folder = Image.radial_gradient("L").resize((500, 400), Image.Resampling.BICUBIC), tmp_path / "own"
    folder.mkdir()
    Image.merge("RGB", (photo, photo.rotate(90), photo.rotate(180))).save(folder / "soft.png")
    for rule in ("stretch", "crop"):
        said = Preprocessing(side, side, mean=(0.0,), std=(255.0,), resize=rule)
        model = onnx_file(tmp_path / "theirs.onnx", batch=1, side=side)
        made = golden.make(model, None if source == "drawn" else folder, preprocessing=said, labels=("a", "b", "c"), count=1)
        told = made.pictures[0]
        assert told.origin.endswith("drawn" if source == "drawn" else "soft.png, with fine lines")
        upright = told.decoded
        if rule == "crop":
            cut = (upright.shape[1] - upright.shape[0]) // 2
            upright = upright[:, cut : cut + upright.shape[0]]
        for half in (True, False):
            off = np.abs(four_neighbours(upright.astype(float), side, half=half) - told.pixels).mean()
            assert off > 2 * told.tolerance.pixels, (rule, half, off, told.tolerance)


def test_onnx_in_floats_and_with_the_other_resize_rule(tmp_path):
    made = golden.make(ONNX, preprocessing=CROP, count=6)
    golden.write(made, tmp_path)
    told = json.loads((tmp_path / "golden.json").read_text())
    assert told["input"]["shape"] == [1, 32, 32, 3]
    assert {one["orientation"] for one in told["pictures"]} == {1, 3, 6}
    assert "stretched" in told["traps"]
    assert "cropped" not in told["traps"]
    for one in told["pictures"]:
        pixels = np.frombuffer((tmp_path / one["pixels"]).read_bytes(), np.uint8).astype(np.float32)
        np.testing.assert_array_equal(np.frombuffer((tmp_path / one["input"]).read_bytes(), "<f4"), (pixels - 128) / 128)
        np.testing.assert_allclose(np.frombuffer((tmp_path / one["output"]).read_bytes(), "<f4"), one["probabilities"], atol=1e-5)


def test_pictures_come_from_a_folder_from_files_and_from_a_data_set(tmp_path):
    one, two = (picture(tmp_path / "own" / f"{name}.png", shade) for name, shade in (("a", 40), ("b", 200)))
    made = golden.make(TFLITE, tmp_path / "own", count=2, licence="ours")
    assert [p.origin for p in made.pictures] == ["own/a.png, with fine lines", "own/b.png"]
    assert made.licence == "ours"
    plain = [int(np.median(p.pixels[:2])) for p in made.pictures]  # the lines lie further down
    assert plain == [40, 200]
    assert [p.origin for p in golden.make(TFLITE, [two, one], count=2).pictures] == ["b.png, with fine lines", "a.png"]
    digits = golden.make(TFLITE, data="digits", count=3)
    assert digits.licence.startswith("CC BY 4.0")
    assert all(p.origin.startswith("digits/") for p in digits.pictures)
    assert len({p.origin.split("/")[1] for p in digits.pictures}) == 3


def test_it_is_the_same_every_time():
    one, other = golden.make(TFLITE), golden.make(TFLITE)
    assert [p.content for p in one.pictures] == [p.content for p in other.pictures]
    assert replace(one, pictures=(), traps=()) == replace(other, pictures=(), traps=())


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"count": 0}, BadSetting, "0 golden pictures: expected 1 to 99"),
        ({"pictures": "empty"}, BadData, "holds no pictures"),
        ({"labels": ("a",)}, BadData, "10 outputs"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, options, error, why):
    (tmp_path / "empty").mkdir()
    if "pictures" in options:
        options = {"pictures": tmp_path / options["pictures"]}
    with pytest.raises(error, match=why):
        golden.make(TFLITE, **options)


def test_a_damaged_picture_is_named(tmp_path):
    picture(tmp_path / "own" / "a.png")
    (tmp_path / "own" / "b.jpg").write_bytes(b"dear sir")
    with pytest.raises(BadFile, match=r"own/b.jpg: not a picture; leave it out"):
        golden.make(TFLITE, tmp_path / "own", count=2)
    with pytest.raises(BadSetting, match="an empty list of pictures"):
        golden.make(TFLITE, [])


def test_nothing_is_taken_for_granted_of_a_file_without_a_card(tmp_path):
    model = onnx_file(tmp_path / "theirs.onnx", batch=1)
    with pytest.raises(UnknownInputError, match=r"theirs.onnx does not say how a pixel becomes its input; .* --mean"):
        golden.make(model)
    made = golden.make(model, preprocessing=Preprocessing(16, 16, mean=(0.0,), std=(255.0,)), labels=("a", "b", "c"), count=2)
    assert made.channels_first
    np.testing.assert_allclose(made.pictures[0].input[0].transpose(1, 2, 0), made.pictures[0].pixels / np.float32(255), rtol=1e-6)
    assert "div255" not in {trap.key for trap in made.traps}
    assert "layout" in {trap.key for trap in made.traps}


def test_only_exports_have_golden_vectors():
    with pytest.raises(BadFile, match=r"mobilenet.keras cannot be embedded: expected .* \.tflite or \.onnx"):
        golden.make(ROOT / "models" / "mobilenet.keras")
