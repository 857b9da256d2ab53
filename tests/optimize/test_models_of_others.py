"""The budget and the search take every classifier that `export` takes, and judge what its scores mean; right answers by bare loops over Keras and LiteRT."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import edgecnn, refused, snapshot
from optimize import nets_of_others as theirs
from sources.color_nets import CLASSES, color_folder, color_net
from training import Heard

from edgecnn import data as data_sets
from edgecnn import runtime
from edgecnn.card import Preprocessing
from edgecnn.errors import BadData, CheckFailed
from edgecnn.optimize import optimize, within
from edgecnn.optimize.judge import OVER, divergence
from edgecnn.optimize.right_answers import RightAnswers
from edgecnn.settings import FINE_TUNING, Augment, Budget, Export, Search
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.mappings import BY_NAME
from edgecnn.statistics import paired_interval

TFLITE = Export(("int8",), ("tflite",))
BUDGET = Budget(30.0, quantize=None)
ONE_EPOCH = replace(FINE_TUNING, epochs=1, augment=Augment())
RAW = Preprocessing(theirs.SIZE, theirs.SIZE, mean=(0.0,), std=(1.0,))


@pytest.fixture(autouse=True)
def own_cache(cache):
    """Nothing is remembered from another test."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return theirs.class_folder(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    return theirs.class_folder(tmp_path_factory.mktemp("two") / "two", ("blue", "red"))


@pytest.fixture(scope="module")
def attributes(tmp_path_factory) -> Path:
    return theirs.label_folder(tmp_path_factory.mktemp("attributes") / "attributes")


def saved(scores: str, folder: Path) -> tuple[Path, keras.Model]:
    model = theirs.net(scores)
    model.save(folder / "theirs.keras")
    return folder / "theirs.keras", model


def decided(scores: np.ndarray, kind: str) -> np.ndarray:
    """The class behind each row of scores, as the author of such a network would say."""
    if kind in ("sigmoid", "logit"):
        return (scores[:, 0] > (0.5 if kind == "sigmoid" else 0)).astype(int)
    return scores[:, 1:].argmax(1) if kind == "background first" else scores.argmax(1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("softmax", {}), ("logits", {}), ("percent", {}), ("a sigmoid each", {}), ("sigmoid", {}), ("logit", {}), ("background first", {"label_offset": 1}),
        ("spare last", {"labels": (*theirs.CLASSES, "unused")}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_right_goes_by_what_the_scores_mean(kind, said, photos, two, tmp_path):
    folder = two if kind in ("sigmoid", "logit") else photos
    path, model = saved(kind, tmp_path)
    (found,) = within(path, BUDGET, settings=TFLITE, data=folder, out=tmp_path / "out", **said)
    data = data_sets.load(folder, RAW)
    for drop, split in ((found.val, "val"), (found.test, "test")):
        part = data.splits[split]
        before = decided(model.predict(np.asarray(part.pictures, np.float32), verbose=0), kind) == part.labels
        assert drop.before == pytest.approx(before.mean())
        assert 0.5 < drop.before < 1, "chance, or a network that is always right, would prove nothing"
        assert (drop.labels, drop.pictures) == (0, len(part))
    after = decided(theirs.run_tflite(found.exported.path, part.pictures), kind) == part.labels
    assert found.test.after == pytest.approx(after.mean())
    assert (found.test.change.gained, found.test.change.lost) == ((after & ~before).sum(), (before & ~after).sum())


def test_several_labels_are_judged_one_by_one(attributes, tmp_path):
    path, model = saved("attributes", tmp_path)
    heard = Heard()
    (found,) = within(path, BUDGET, settings=TFLITE, data=attributes, out=tmp_path / "out", progress=heard)
    part = data_sets.load(attributes, RAW).splits["test"]
    truth = part.targets.astype(bool)
    before = (model.predict(np.asarray(part.pictures, np.float32), verbose=0) > 0.5) == truth
    after = (theirs.run_tflite(found.exported.path, part.pictures) > 0.5) == truth
    assert 0.7 < before.mean() < 0.95
    assert (found.test.before, found.test.after) == (pytest.approx(before.mean()), pytest.approx(after.mean()))
    assert (found.test.change.gained, found.test.change.lost) == ((after & ~before).sum(), (before & ~after).sum())
    assert (found.test.labels, found.test.pictures) == (3, len(part))
    assert any("val labels " in text for text in heard.said)


def test_labels_of_an_image_are_not_counted_as_images_of_their_own():
    before = np.ones((100, 4), bool)
    hits = before.copy()
    hits[:5] = False  # all labels of five images are lost together
    truth = RightAnswers(np.ones((100, 4), bool), np.arange(4))
    change = truth.change(hits, before)
    assert change.value == pytest.approx(-0.05)
    assert (change.low, change.high) == pytest.approx(paired_interval(0, 5, 100))
    same = truth.change(before, before)
    assert (same.low, same.high) == pytest.approx(paired_interval(0, 0, 100)), "without a change the interval is that of so many images"


def test_divergence_of_yes_and_no_is_not_that_of_a_distribution():
    sure, unsure = np.array([[0.9, 0.9]]), np.array([[0.3, 0.3]])
    assert divergence(sure, unsure) == pytest.approx(0), "as a distribution both mean: one half each"
    one = 0.9 * np.log(0.9 / 0.3) + 0.1 * np.log(0.1 / 0.7)
    assert divergence(sure, unsure, independent=True) == pytest.approx(2 * one)
    assert divergence(sure, sure, independent=True) == 0


def test_nobody_says_which_output_means_which_class(photos, tmp_path):
    path, _ = saved("spare last", tmp_path)
    for command in ("export", "optimize"):
        words = ("--int8", "--max-drop", 5) if command == "export" else ()
        refused(edgecnn(command, path, *words, "--data", photos, "--out", tmp_path / "out"), "4 outputs", "3 classes", "--labels FILE", "--label-offset 1")
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\nemu\nfox\n")
    refused(edgecnn("export", path, "--int8", "--max-drop", 5, "--data", photos, "--labels", labels), "does not know: blue, green, red", "cat, dog, emu, fox")
    refused(edgecnn("export", path, "--int8", "--max-drop", 5, "--data", photos, "--label-offset", 3), "label offset of 3")


@pytest.mark.parametrize("command", ["export", "optimize"])
def test_an_unknown_mapping_is_measured_or_asked_for(command, tmp_path):
    path, many = color_net(tmp_path / "theirs.onnx", BY_NAME["unit"], head="softmax"), color_folder(tmp_path / "many")
    few = color_folder(tmp_path / "few", 10, CLASSES[:2])
    words = ("--max-drop", 30, *(("--int8",) if command == "export" else ()))
    refused(edgecnn(command, path, *words, "--data", few, "--out", tmp_path / "out"), "does not say how a pixel becomes its input", "--mean")
    assert snapshot(tmp_path / "out") == {}
    result = edgecnn(command, path, *words, "--data", many, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    (file,) = (tmp_path / "out").glob("*.onnx")
    card = runtime.card_of(file)
    assert (set(card.preprocessing.mean), set(card.preprocessing.std)) == ({0.0}, {255.0})
    assert "measured" in card.input_evidence
    assert "order of the classes" in card.label_source


def converted(model: keras.Model, folder: Path, suffix: str) -> Path:
    """A float file by TensorFlow's converter or tf2onnx."""
    path = folder / f"theirs.{suffix}"
    if suffix == "tflite":
        path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        return path
    import tf2onnx

    call = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name="input")])
    tf2onnx.convert.from_function(call, input_signature=call.input_signature, opset=15, output_path=str(path))
    return path


@pytest.mark.parametrize(("suffix", "kind"), [("tflite", "attributes"), ("onnx", "logit"), ("tflite", "percent"), ("onnx", "a sigmoid each")])
def test_float_files_are_searched_within_their_own_format(suffix, kind, photos, two, attributes, tmp_path):
    folder = {"attributes": attributes, "logit": two}.get(kind, photos)
    path = converted(theirs.net(kind), tmp_path, suffix)
    content = path.read_bytes()
    (found,) = optimize(path, search=Search(30.0, formats=("tflite", "onnx")), data=folder, out=tmp_path)
    assert path.read_bytes() == content
    assert found.exported.path != path
    assert {it.suffix for it in found.candidates} == {suffix}
    assert {it.scheme for it in found.candidates} == {"float32", "float16", "int8"} | ({"dynamic"} if suffix == "tflite" else set())
    float32 = next(it for it in found.candidates if it.scheme == "float32")
    assert (float32.drop.change.gained, float32.drop.change.lost) == (0, 0)
    assert float32.drop.divergence < 1e-4
    assert float32.drop.labels == (3 if kind == "attributes" else 0)
    figures = json.loads(found.figures.read_text())
    assert figures["winners"][0]["file"] == found.exported.path.name


@pytest.mark.parametrize("form", ["tflite", "folder"])
def test_channels_are_not_made_even_where_there_are_no_layers(form, photos, tmp_path):
    model = theirs.net("softmax", uneven=True)
    path = converted(model, tmp_path, "tflite") if form == "tflite" else tmp_path / "theirs"
    if form == "folder":
        model.export(path, verbose=False)
    (found,) = optimize(path, search=Search(1.0), data=photos, preprocessing=GivenInput({"mean": (0.0,), "std": (1.0,)}), out=tmp_path / "out")
    (int8,) = [it for it in found.candidates if it.scheme == "int8"]
    assert int8.verdict == OVER, "this network was meant to suffer"
    assert found.candidate.drop.points[0] <= 1.0


def test_float_files_are_fitted_within_their_own_format(attributes, tmp_path):
    path = converted(theirs.net("attributes"), tmp_path, "tflite")
    result = edgecnn("export", path, "--int8", "--max-drop", 30, "--data", attributes)
    assert result.code == 0, result.err
    assert "labels right" in result.out
    assert runtime.card_of(tmp_path / "theirs_int8.tflite").labels == theirs.ATTRIBUTES
    with pytest.raises(BadData, match="--data FOLDER"):
        within(path, BUDGET)


@pytest.mark.parametrize(("words", "said"), [(("--onnx",), "within its own format"), (("--epochs", 2), "cannot be trained")])
def test_what_a_float_file_cannot_do(words, said, photos, tmp_path):
    path = converted(theirs.net("softmax"), tmp_path, "tflite")
    refused(edgecnn("optimize", path, *words, "--data", photos), said)


@pytest.mark.parametrize("words", [("export",), ("export", "--int8", "--max-drop", "1"), ("optimize",)], ids=" ".join)
def test_packed_files_are_refused(words, photos, tmp_path):
    path = tmp_path / "theirs.ort"
    path.write_bytes(b"0000ORTM")
    refused(edgecnn(words[0], path, *words[1:], "--data", photos), "ONNX Runtime Mobile", "expected that .onnx")


@pytest.mark.parametrize("form", ["h5", "folder"])
def test_other_forms_of_keras_models(form, photos, tmp_path):
    model, path = theirs.net("logits"), tmp_path / ("theirs.h5" if form == "h5" else "theirs")
    model.save(path) if form == "h5" else model.export(path, verbose=False)
    preprocessing = GivenInput({"mean": (0.0,), "std": (1.0,)})
    search = Search(60.0, channels=(), prune=(0.2,), clusters=(), quantize=False, train=ONE_EPOCH)
    heard = Heard()
    (found,) = optimize(path, search=search, data=photos, preprocessing=preprocessing, out=tmp_path / "out", progress=heard)
    data = data_sets.load(photos, RAW)
    right = model.predict(np.asarray(data.splits["val"].pictures, np.float32), verbose=0).argmax(1) == data.splits["val"].labels
    assert found.candidate.drop.before == pytest.approx(right.mean())
    # A SavedModel has no layers to prune: then number formats alone are tried.
    assert any("nothing is trained" in text for text in heard.said) == (form == "folder")
    assert any(it.name.startswith("prune20") for it in found.candidates) == (form == "h5")
    card = runtime.card_of(found.exported.path)
    assert (card.score_kind, card.labels) == ("logits", theirs.CLASSES)


def test_a_network_that_cannot_be_trained_ends_the_climb(photos, tmp_path):
    better, _ = saved("softmax", tmp_path)
    worse = theirs.net("softmax")
    worse.get_layer("last").set_weights([np.roll(value, 1, -1) for value in worse.get_layer("last").get_weights()])
    worse.export(tmp_path / "worse", verbose=False)
    heard, raw = Heard(), GivenInput({"mean": (0.0,), "std": (1.0,)})
    with pytest.raises(CheckFailed, match="nearest was"):
        within(tmp_path / "worse", Budget(1.0, widest=0.0), settings=TFLITE, against=better, data=photos, preprocessing=raw, progress=heard)
    assert any("not trained under int8's rounding" in text and "without its layers" in text for text in heard.said)
