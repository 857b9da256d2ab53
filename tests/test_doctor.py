"""The doctor names the mistake that an app made, from its accuracy or from its answers; the apps are written without edgecnn."""

from __future__ import annotations

import importlib
import io
import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from helpers import ROOT, edgecnn, refused
from PIL import Image
from test_validate import CLASSES, PREPROCESSING, reordered, shop  # noqa: F401 - a fixture

from edgecnn import data
from edgecnn.card import Preprocessing
from edgecnn.errors import BadData
from edgecnn.progress import SILENT
from edgecnn.runtime import open_model
from edgecnn.settings import Doctor
from edgecnn.validate import validate
from edgecnn.validate.doctor import levels, trial

SIGN_DIGITS = ROOT / "models" / "sign-digits"


@pytest.fixture(scope="module")
def doctor():
    """The script tools/doctor.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        yield importlib.import_module("doctor")


def check(doctor, file, apps, count=None):
    """Every planted mistake is the first that is named, by the accuracy and by half of the answers with scores."""
    for found in doctor.consult(file, apps, count):
        by_seen, by_scores = doctor.named(found.by_seen), doctor.named(found.by_scores)
        assert found.planted in by_seen, f"{found.planted} gives {found.seen} %: {found.by_seen[1].text}"
        assert found.planted in by_scores, f"{found.planted}: {found.by_scores[1].text}"
        # Without scores, the worst that may happen is that nothing is blamed.
        assert {found.planted, "right pre-processing"} & set(doctor.named(found.by_answers)), found.by_answers[1].text


def test_ten_of_ten_on_sign_digits(doctor, data_folder):
    apps = doctor.planted.BYTES
    assert len(set(apps)) == 10
    check(doctor, doctor.planted.sign_digits("mobilenet_int8.tflite"), apps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet_int8.tflite", "squeezenet_int8.onnx"])
def test_ten_of_ten_with_squeezenet(name, doctor, data_folder):
    check(doctor, doctor.planted.sign_digits(name), doctor.SIGN_DIGITS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_025_224_imagenet", "squeezenet1_1_imagenet"])
def test_ten_of_ten_on_independent_networks(name, doctor, weights_folder):
    (file, apps), *_ = [(file, apps) for file, apps in doctor.planted.imagenet(weights_folder).items() if file.path.stem == name]
    check(doctor, file, apps, doctor.COUNT)


def test_an_app_that_does_it_right_is_told_so(doctor, data_folder):
    (found,) = doctor.consult(doctor.planted.sign_digits("mobilenet_int8.tflite"), ["right pre-processing"], 60)
    for verdict in (found.by_seen, found.by_answers, found.by_scores):
        assert verdict[1].cause == "right", verdict[1].text


def test_two_mistakes_at_once_are_no_single_one(doctor, data_folder, monkeypatch):
    planted = doctor.planted
    both = lambda image, file: file.normal(file.resized(image.rotate(180))[:, :, ::-1])  # noqa: E731
    monkeypatch.setitem(planted.APPS, "both", both)
    (found,) = doctor.consult(planted.sign_digits("mobilenet_int8.tflite"), ["both"], 140)
    assert found.by_answers[1].cause == "none", found.by_answers[1].text
    assert "no single mistake explains the app's 70 answers" in found.by_answers[1].text


def test_a_missing_file_of_answers_is_told_before_anything_is_measured(tmp_path):
    done = edgecnn("validate", SIGN_DIGITS / "mobilenet_int8.tflite", "--seen-answers", tmp_path / "app.csv")
    refused(done, "no such file of answers", "app.csv")
    assert "evaluating" not in done.err


class TestOnPicturesOfOurOwn:
    def test_the_right_way_is_the_runners_own(self, shop):  # noqa: F811
        names = data.load(shop / "colors", PREPROCESSING).splits["test"].names
        for path in ("models/net.tflite", "models/net_int8.tflite", "models/net.onnx"):
            with closing(open_model(shop / path)) as runner:
                expected = runner(data.load(shop / "colors", PREPROCESSING).splits["test"].pictures)
                contents = data.originals(shop / "colors", names)
                right, *_ = trial.run(
                    runner, levels.Input.of(runner, PREPROCESSING), contents, len(names), labels=CLASSES, offset=0, name=path, progress=SILENT
                )
            assert right.names == ("right pre-processing",)
            np.testing.assert_array_equal(right.found, expected.argmax(1))
            np.testing.assert_allclose(right.scores, expected.max(1), atol=1e-6)

    def test_figures_are_those_counted_by_hand(self, shop):  # noqa: F811
        test = data.load(shop / "colors", PREPROCESSING).splits["test"]
        with closing(open_model(shop / "models" / "net.onnx")) as runner:
            right, wrong = (runner(test.pictures[..., ::step]).argmax(1) for step in (1, -1))
        row = validate(shop / "bare" / "net.onnx", mean=(128,), std=(128,), data=shop / "colors", threads=(), doctor=Doctor()).groups[0].rows[0]
        bgr = next(m for m in row.mistakes if m.name == "BGR for RGB")
        assert (bgr.top1.count, bgr.agreement.count) == ((wrong == test.labels).sum(), (wrong == right).sum())
        assert row.diagnosis.right == row.top1
        assert [m.top1.value for m in row.mistakes] == sorted(m.top1.value for m in row.mistakes)

    def test_what_is_right_for_a_file_is_no_mistake_of_it(self, shop):  # noqa: F811
        row = validate(shop / "bare" / "net.onnx", mean=(128,), std=(128,), data=shop / "colors", threads=(), doctor=Doctor()).groups[0].rows[0]
        named = {name for m in row.mistakes for name in (m.name, *m.same)}
        assert not named & {"(pixel - 128) / 128", "nearest pixel", "area", "letterboxed", "cropped, not stretched", "EXIF ignored"}, "16x16 pictures for 16x16"
        assert not named & {"RGB for BGR", "stretched, not cropped", "128 off (int8 / uint8)", "labels sorted"}, "these need other files"
        assert {"BGR for RGB", "signed bytes", "mirrored", "pixel / 255"} <= named

    def test_background_outputs_are_no_answers(self, shop, tmp_path):  # noqa: F811
        path = reordered(shop / "bare" / "net.onnx", tmp_path / "five.onnx", [0, 1, 2, 3], background=True)
        row = validate(path, mean=(128,), std=(128,), data=shop / "colors", threads=(), label_offset=1, doctor=Doctor()).groups[0].rows[0]
        assert row.diagnosis.right == row.top1
        late = next(m for m in row.mistakes if "labels one too late" in (m.name, *m.same))
        assert late.agreement.count == 0

    def test_without_the_right_answers_agreement_stands_for_accuracy(self, shop):  # noqa: F811
        options = {"data": shop / "colors", "threads": (), "labels": ("apple", "pear", "plum", "fig")}
        with pytest.raises(BadData, match="accuracy cannot be measured"):
            validate(shop / "bare" / "net.onnx", mean=(128,), std=(128,), **options)
        row = validate(shop / "bare" / "net.onnx", mean=(128,), std=(128,), doctor=Doctor(), **options).groups[0].rows[0]
        assert row.diagnosis.right is None
        assert "agreement" in row.diagnosis.notes[0]
        worst = row.mistakes[0]
        assert worst.top1 is None
        told = validate(shop / "bare" / "net.onnx", mean=(128,), std=(128,), doctor=Doctor(seen=100 * worst.agreement.value), **options).groups[0].rows[0]
        assert told.mistakes[0].distance == pytest.approx(0)
        assert told.diagnosis.cause == "mistake"

    def test_the_command_names_it_and_fits_80_columns(self, shop, tmp_path):  # noqa: F811
        test = data.load(shop / "colors", PREPROCESSING).splits["test"]
        with closing(open_model(shop / "models" / "net.tflite")) as runner:
            shown = runner(test.pictures[..., ::-1])
        lines = [f"{Path(n).parent.name}/{Path(n).name},{CLASSES[s.argmax()]},{s.max():.4f}" for n, s in zip(test.names, shown, strict=True)]
        (tmp_path / "app.csv").write_text("file,label,score\n" + "\n".join(f"photos/{line}" for line in lines))
        words = ("validate", shop / "bare" / "net.onnx", "--data", shop / "colors", "--no-latency", "--mean", 128, "--std", 128)
        done = edgecnn(*words, "--seen-answers", tmp_path / "app.csv", "--json", tmp_path / "report.json")
        assert done.code == 0, done.err
        assert "BGR for RGB gives 100.0 % of the app's 120 answers" in " ".join(done.out.split())
        assert "cv2.COLOR_BGR2RGB" in done.out
        # Lines with a path are as long as the test's folder.
        assert max(len(line) for line in done.out.splitlines() if str(tmp_path.parent) not in line and str(shop) not in line) <= 80
        row = json.loads((tmp_path / "report.json").read_text())["groups"][0]["rows"][0]
        assert row["diagnosis"]["cause"] == "mistake"
        assert row["mistakes"][0]["name"] == "BGR for RGB"
        plain = edgecnn(*words)
        assert "right pre-processing" not in plain.out

    @pytest.mark.parametrize("seen_percent", ["161", "-1"])
    def test_an_accuracy_that_cannot_be_is_refused(self, shop, seen_percent):  # noqa: F811
        done = edgecnn("validate", shop / "bare" / "net.onnx", "--data", shop / "colors", f"--seen={seen_percent}")
        refused(done, "--seen", "from 0 to 100")


@pytest.mark.parametrize("name", ["nchw_uint8.onnx", "nchw_int8.onnx", "nhwc.onnx", "int8.tflite", "grey.tflite"])
def test_every_kind_of_input_is_fed_as_its_runner_feeds_it(name, tmp_path):
    path, grey = tmp_path / name, name.startswith("grey")
    net = tiny_nets.keras_net(channels=1 if grey else 3)
    if path.suffix == ".onnx":
        tiny_nets.onnx(net, path, nchw="nchw" in name, dtype=name.partition("_")[2].removesuffix(".onnx") or "float32")
    else:
        tiny_nets.tflite(net, path, integer=not grey, io="float32" if grey else "int8")
    pictures = tiny_nets.pictures(20)
    wanted = Preprocessing(16, 16, "grey" if grey else "rgb", (128.0,), (128.0,))
    with closing(open_model(path, preprocessing=wanted)) as runner:
        stream = [io.BytesIO() for _ in pictures]
        for each, pixels in zip(stream, pictures, strict=True):
            Image.fromarray(pixels).save(each, "PNG")
        contents = [(i, each.getvalue()) for i, each in enumerate(stream)]
        found = trial.run(runner, levels.Input.of(runner, runner.preprocessing), contents, 20, labels=(), offset=0, name=name, progress=SILENT)
        np.testing.assert_array_equal(found[0].found, runner(pictures).argmax(1))
    assert any((answers.found != found[0].found).any() for answers in found[1:])
    named = {name for answers in found for name in answers.names}
    assert ("grey for colour" in named) != grey
    assert ("128 off (int8 / uint8)" in named) == ("int8" in name)
