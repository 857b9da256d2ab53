"""The iOS bundle's sources that need no Apple: compiled without a warning, run against Pillow, the runners and the golden vectors, their mistakes named."""

from __future__ import annotations

import shutil
from pathlib import Path

import app_cases
import pytest
import swift_apps
from helpers import ROOT

from edgecnn.bundle import bundle
from edgecnn.card import Preprocessing

pytestmark = pytest.mark.slow
MODELS = ROOT / "models"
UNLIKE = Preprocessing(32, 32, order="bgr", mean=(103.939, 116.779, 123.68), std=(57.1, 58.2, 59.3), resize="crop")
GOLDEN = Path("Tests/golden")

# What a hasty developer changes in Pixels.swift, and the cause that the test must name.
PLANTED = {
    "BGR for RGB": ("case .rgb: return Int(data[at + channel])", "case .rgb: return Int(data[at + 2 - channel])"),
    "pixel / 255": ("(Double(byte) - Double(mean)) / Double(std) / scale", "(Double(byte) + 0 * Double(mean) * Double(std)) / 255 / scale"),
    "resized without antialias": ("max(scale, 1)  // pixels", "max(0 * scale, 1)  // pixels"),
    "EXIF ignored": ("quarters[orientation - 1] : 0, [2", "0 * quarters[orientation - 1] : 0, [0 * 2"),
}


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> swift_apps.Swift:
    return swift_apps.swift(tmp_path_factory.mktemp("swift"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(MODELS / "mobilenet_int8.tflite", "ios", out=tmp_path_factory.mktemp("app") / "bundle").folder


@pytest.mark.parametrize("asked", [{}, {"preprocessing": UNLIKE, "label_offset": 1, "labels": [f'"{i}" \\(i)' for i in range(9)]}], ids=["bytes", "floats"])
def test_swift_passes_its_golden_test(swift, tmp_path, asked):
    made = bundle(MODELS / ("mobilenet.tflite" if asked else "mobilenet_int8.tflite"), "ios", out=tmp_path / "bundle", **asked).folder
    app_cases.tighten(made / GOLDEN / "golden.json")
    done = swift.run(swift.compiled(made), "golden", made / GOLDEN)
    assert (done.returncode, done.stdout) == (0, "4 pictures: passed\n"), done.stdout + done.stderr


def test_swift_gives_pillows_pixels_and_the_runners_inputs(swift, app, tmp_path):
    pixels, inputs, scores = tmp_path / "pixels", tmp_path / "inputs", tmp_path / "scores"
    for folder in (pixels, inputs, scores):
        folder.mkdir()
    resized, stored, probabilities = app_cases.resizing(pixels, 120), app_cases.inputs(inputs), app_cases.scores(scores)
    done = swift.run(swift.compiled(app), "cases", pixels, inputs, scores)
    assert done.returncode == 0, done.stderr
    assert app_cases.farthest(pixels, resized) <= app_cases.STEPS
    assert app_cases.differing(inputs, stored) == []
    assert app_cases.far_off(scores, probabilities) == []


@pytest.mark.parametrize("cause", PLANTED)
def test_a_mistake_planted_in_swift_is_named(swift, app, tmp_path, cause):
    wrong = tmp_path / "bundle"
    shutil.copytree(app, wrong)
    path = wrong / "Sources" / "Pixels.swift"
    assert path.read_text().count(PLANTED[cause][0]) == 1
    path.write_text(path.read_text().replace(*PLANTED[cause]))
    done = swift.run(swift.compiled(wrong), "golden", wrong / GOLDEN)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"Likely cause: {cause}" in done.stdout
