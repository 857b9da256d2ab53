"""From a picture file to names, through a small ONNX network that tells red, green and blue apart."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import edgecnn
from edgecnn.card import Preprocessing
from edgecnn.errors import BadData, BadFile, BadSetting
from edgecnn.labels import read_labels
from edgecnn.predict import Score, load

WANTED = Preprocessing(6, 6)
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture
def model(tmp_path):
    """Mean of each channel, times four, softmax: the strongest channel wins."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "four"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants = [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2]), helper.make_tensor("four", TensorProto.FLOAT, [], [4.0])]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 6, 6, 3])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "colours", [image], [probabilities], constants)
    path = tmp_path / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / f"{name}.png" for name in COLOURS]
    for path, colour in zip(paths, COLOURS.values(), strict=True):
        Image.new("RGB", (9, 13), colour).save(path)
    return paths


def test_every_class_is_scored_likeliest_first(model, photos):
    predictor = load(model, preprocessing=WANTED, labels=tuple(COLOURS))
    for path, name in zip(photos, COLOURS, strict=True):
        scores = predictor(path)
        assert scores[0].label == name
        assert {score.label for score in scores} == set(COLOURS)
        assert [s.probability for s in scores] == sorted((s.probability for s in scores), reverse=True)
        assert sum(s.probability for s in scores) == pytest.approx(1)


def test_an_array_of_any_size_is_the_picture(model, photos):
    predictor = load(model, preprocessing=WANTED, labels=tuple(COLOURS))
    assert predictor(np.full((50, 20, 3), COLOURS["green"], np.uint8)) == predictor(photos[1])
    with pytest.raises(BadData, match="expected uint8 RGB"):
        predictor(np.zeros((6, 6, 3), np.float32))


def test_many_pictures_keep_their_order(model, photos):
    answers = load(model, preprocessing=WANTED, labels=tuple(COLOURS)).predict([photos[2], str(photos[0])], top=2)
    assert [answer[0].label for answer in answers] == ["blue", "red"]
    assert [len(answer) for answer in answers] == [2, 2]
    with pytest.raises(BadSetting, match="top 0"):
        load(model, preprocessing=WANTED).predict(photos, top=0)


def test_unknown_labels_are_numbered(model, photos):
    assert edgecnn.load(model, preprocessing=WANTED)(photos[2])[0] == Score("class 2", pytest.approx(1, abs=1e-2))


def test_a_background_class_shifts_the_labels(model, photos):
    predictor = load(model, preprocessing=WANTED, labels=("green", "blue"), label_offset=1)
    assert [predictor(path)[0].label for path in photos] == ["background", "green", "blue"]


@pytest.mark.parametrize(("labels", "why"), [(("a", "b"), r"3 outputs and 2 labels came; expected 3; give --label-offset 1"), (tuple("abcd"), "expected 3$")])
def test_labels_must_fit_the_outputs(model, labels, why):
    with pytest.raises(BadData, match=why):
        load(model, preprocessing=WANTED, labels=labels)


def test_labels_come_from_a_text_or_a_json_file(model, photos, tmp_path):
    text, array = tmp_path / "labels.txt", tmp_path / "labels.json"
    text.write_text("\ufeffred\r\ngreen \nblue\n\n", encoding="utf-8")
    array.write_text(json.dumps(list(COLOURS)))
    assert read_labels(text) == read_labels(array) == tuple(COLOURS)
    assert load(model, preprocessing=WANTED, labels=text)(photos[0])[0].label == "red"


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b"red\n\nblue\n"), ("a.txt", b"\xff\xfe\x00"), ("a.json", b'{"0": "red"}'), ("a.json", b"[1, 2]"), ("a.json", b"[")]
)
def test_what_is_no_list_of_names_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadFile, match=name) as refused:
        read_labels(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_a_broken_picture_is_named(model, tmp_path):
    (tmp_path / "letter.jpg").write_text("dear sir")
    with pytest.raises(BadFile, match=r"letter.jpg: not a picture"):
        load(model, preprocessing=WANTED)(tmp_path / "letter.jpg")


def test_a_path_its_bytes_an_array_and_a_pillow_image_are_one_picture(model, tmp_path):
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:, :6], pixels[:, 6:] = COLOURS["red"], COLOURS["blue"]
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    predictor = load(model, preprocessing=WANTED, labels=tuple(COLOURS))
    wanted = predictor(path)
    content = path.read_bytes()
    with Image.open(path) as image:
        forms = [str(path), content, bytearray(content), memoryview(content), image, np.rot90(pixels, -1).copy()]
        assert [predictor(form) for form in forms] == [wanted] * len(forms)
    label, score = wanted[0]
    assert (label, score) == (wanted[0].label, wanted[0].probability)


def test_see_through_pillow_images_lie_on_white(model):
    clear = Image.new("RGBA", (6, 6), (255, 0, 0, 0))
    assert [score.probability for score in load(model, preprocessing=WANTED)(clear)] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("picture", "error", "why"),
    [
        (b"dear sir", BadFile, "bytes given as a picture: not a picture; expected"),
        (b"", BadFile, r"bytes given as a picture: empty \(0 bytes\)"),
        (42, BadData, "a picture as int; expected a path, the bytes of a picture file"),
        (Image.new("F", (4, 4)), BadFile, "floating-point pixels"),
    ],
    ids=["text", "nothing", "number", "floats"],
)
def test_what_is_no_picture_is_refused_in_one_line(model, picture, error, why):
    with pytest.raises(error, match=why) as refused:
        load(model, preprocessing=WANTED)(picture)
    assert "\n" not in str(refused.value)


def test_the_client_answers_as_the_golden_vectors_that_apps_are_held_against(tmp_path):
    from helpers import ROOT

    from edgecnn.bundle import golden

    file = ROOT / "models" / "mobilenet_int8.tflite"
    client = edgecnn.load(file)
    for one in golden.make(file).pictures:
        path = tmp_path / one.file
        path.write_bytes(one.content)
        answer = client(path)
        assert [score.probability for score in answer] == sorted(one.probabilities.tolist(), reverse=True)
        assert answer[0].label == str(one.top)
        with Image.open(path) as image:
            assert client(image) == client(one.content) == answer
