"""Score calibrations: fitted on one split, judged on another, stored so that an app's formula gives what was promised."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tiny_nets
from helpers import edgecnn, refused, snapshot
from test_outcome import of
from test_validate import shop, write_pictures  # noqa: F401 - a fixture

from edgecnn.errors import BadData
from edgecnn.export import metadata
from edgecnn.formats.tflite.metadata import calibration as app
from edgecnn.validate import calibration, validate


def drawn(count: int, sharpness: float, seed: int):
    """Answers whose log-odds of being right are `sharpness` times those of the score, with their right classes."""
    rng = np.random.default_rng(seed)
    best = rng.uniform(0.4, 0.98, count)
    odds = sharpness * np.log(best / (1 - best))
    truth = np.where(rng.random(count) < 1 / (1 + np.exp(-odds)), 0, 1)
    return of([[b, (1 - b) / 2, (1 - b) / 2] for b in best], truth.tolist()), truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_the_line_that_made_the_answers_is_found(sharpness):
    outcome, truth = drawn(20_000, sharpness, 0)
    slope, offset = calibration.line(outcome.best, outcome.answer == truth)
    assert slope == pytest.approx(sharpness, abs=0.08)
    assert offset == pytest.approx(0.0, abs=0.08)


def test_an_unsure_network_is_mended_on_pictures_that_it_was_not_fitted_on():
    fitted, judged = drawn(2000, 0.4, 1), drawn(2000, 0.4, 2)
    found = calibration.fit(*fitted, *judged, "net")
    from edgecnn.validate import confidence

    before = confidence.measure(judged[0], judged[1], None)
    assert before.ece > 0.1
    assert found.ece < 0.04
    assert found.pictures == 2000


def test_where_every_answer_is_right_the_line_stays_finite():
    best = np.linspace(0.5, 0.9, 200).astype(np.float32)
    slope, offset = calibration.line(best, np.full(200, True))
    assert 0 < slope < 3
    assert 0 < offset < 20


def test_scores_that_say_nothing_and_too_few_pictures_are_refused():
    rng = np.random.default_rng(0)
    best = rng.uniform(0.4, 0.9, 3000)
    truth = np.where(rng.random(3000) < 1.3 - best, 0, 1)
    upside_down = of([[b, (1 - b) / 2, (1 - b) / 2] for b in best], truth.tolist())
    with pytest.raises(BadData, match="likelier"):
        calibration.fit(upside_down, truth, upside_down, truth, "net")
    few = drawn(20, 1.0, 0)
    with pytest.raises(BadData, match="expected 50"):
        calibration.fit(*few, *few, "net")


@pytest.fixture
def own(shop, tmp_path):  # noqa: F811
    """A copy of the shop with enough val pictures, and a file that carries metadata."""
    folder = tmp_path / "own"
    shutil.copytree(shop, folder)
    shutil.rmtree(folder / "colors" / "val")
    write_pictures(folder / "colors", "val", 30, 5)
    shutil.copy(folder / "models" / "net_int8.tflite", folder / "models" / "app.tflite")
    return folder


def test_an_app_gets_what_was_promised_and_the_answers_stay(own):
    path = own / "models" / "app.tflite"
    report = validate(path, against=own / "models" / "net.onnx", data=own / "colors", threads=(), write_calibration=True)
    row = report.groups[0].rows[0]
    stored = metadata.read(path.read_bytes()).outputs[0].calibration
    scores = np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.3, 0.25, 0.2]], np.float32)
    given = app.calibrated(scores, stored)
    assert given.argmax(1).tolist() == [0, 1]
    assert given.max(1) == pytest.approx(calibration.apply(scores.max(1), row.calibration.slope, row.calibration.offset), abs=1e-5)
    assert row.calibration.ece <= row.confidence.ece + 0.02
    again = validate(path, against=own / "models" / "net.onnx", data=own / "colors", threads=()).groups[0].rows[0]
    assert again.top1 == row.top1, "the network itself is untouched"
    assert (own / "models" / "app.tflite.calibration.csv").read_text().count("\n") == 3


def test_wrong_uses_change_nothing(own):
    bare = own / "bare" / "plain.tflite"
    tiny_nets.tflite(tiny_nets.keras_net(), bare)
    before = snapshot(own)
    refused(edgecnn("validate", bare, "--data", own / "colors", "--no-latency", "--write-calibration"), "plain.tflite", "metadata", "--repair")
    refused(edgecnn("validate", bare, "--data", own / "colors", "--no-latency", "--write-calibration", "--split", "val"), "val", "test")
    assert snapshot(own) == before
