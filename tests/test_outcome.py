"""Answers a picture at a time, what is counted from them, and an original that is run once."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from test_validate import reordered, shop  # noqa: F401 - a fixture

from edgecnn.validate import classes, confidence, outcome, recall, validate

LABELS = ("ant", "bee", "cat")


def of(scores: list[list[float]], truth: list[int] | None, offset: int = 0) -> outcome.Outcome:
    """Outcome of scores that are probabilities already, handed over in chunks of two."""
    rows = np.array(scores, np.float32)
    right = None if truth is None else np.array(truth)
    found = outcome.empty(len(rows), rows.shape[1] - offset, truth is not None)
    take = outcome.recorder(found, right, offset, lambda values: values)
    for start in range(0, len(rows), 2):
        take(start, rows[start : start + 2])
    return found


def test_each_picture_is_counted_by_hand():
    found = of([[0.5, 0.25, 0.25], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], [0, 1, 0])
    assert found.answer.tolist() == [0, 0, 2]
    assert found.tied.tolist() == [False, True, False]
    assert found.best == pytest.approx([0.5, 0.4, 0.7])
    assert found.own == pytest.approx([0.5, 0.4, 0.1])
    # Squared distances from (1, 0, 0), (0, 1, 0) and (1, 0, 0).
    assert found.brier == pytest.approx([0.25 + 0.0625 * 2, 0.16 + 0.36 + 0.04, 0.81 + 0.04 + 0.49])


def test_background_outputs_never_count():
    assert of([[0.9, 0.04, 0.06]], [1], offset=1).answer.tolist() == [1]


def test_five_best_with_equal_scores_go_by_the_order_of_the_classes():
    scores = [[0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]] * 3
    assert of(scores, [3, 4, 5]).top5.tolist() == [True, False, False]


def test_pictures_without_labels_have_answers_only():
    found = of([[0.5, 0.25, 0.25]], None)
    assert (len(found), len(found.own), len(found.brier)) == (1, 0, 0)


def test_calibration_error_is_that_of_the_paper():
    # Two bins: ten pictures at 0.9 of which eight are right, ten at 0.5 of which seven are: (10 * 0.1 + 10 * 0.2) / 20.
    scores = [[0.9, 0.1, 0.0]] * 10 + [[0.5, 0.3, 0.2]] * 10
    truth = [0] * 8 + [1] * 2 + [0] * 7 + [2] * 3
    before = of([[0.8, 0.2, 0.0]] * 20, truth)
    found = confidence.measure(of(scores, truth), np.array(truth), before)
    assert found.ece == pytest.approx(0.15, abs=1e-6)
    assert found.ece_low <= found.ece <= found.ece_high
    assert found.drift == pytest.approx((10 * 0.1 + 10 * 0.3) / 20, abs=1e-6)
    assert [(b.count, round(b.accuracy, 6)) for b in found.bins] == [(10, 0.7), (10, 0.8)]


def test_interval_of_the_calibration_error_covers_a_perfect_network():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(40):
        best = rng.uniform(0.4, 1, 500).astype(np.float32)
        truth = np.where(rng.random(500) < best, 0, 1)
        found = confidence.measure(of([[b, (1 - b) / 2, (1 - b) / 2] for b in best], truth.tolist()), truth, None)
        inside += found.ece_low <= 0.01
    assert inside >= 34, "a network whose scores are true must hardly ever be called uncalibrated"


def test_classes_and_confusion_are_counted_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 2])
    one = lambda answers: of([[0.8 if c == a else 0.1 for c in range(3)] for a in answers], truth.tolist())  # noqa: E731
    before, after = one([0, 0, 1, 1, 1, 2]), one([0, 1, 0, 1, 0, 2])
    found = classes.changes(after, before, truth, LABELS)
    assert [(c.label, c.total, c.correct, c.gained, c.lost) for c in found] == [("ant", 3, 2, 1, 1), ("bee", 2, 1, 0, 1), ("cat", 1, 1, 0, 0)]
    assert classes.confusion(after, truth) == ((2, 1, 0), (1, 1, 0), (0, 0, 1))


def test_a_class_that_broke_is_named_and_the_others_are_not():
    truth = np.repeat([0, 1, 2], 200)
    rng = np.random.default_rng(0)
    before, after = (np.where(rng.random(600) < 0.03, (truth + 1) % 3, truth) for _ in range(2))
    after[200:230] = 2
    one = lambda answers: of([[0.8 if c == a else 0.1 for c in range(3)] for a in answers], truth.tolist())  # noqa: E731
    found = classes.changes(one(after), one(before), truth, LABELS)
    assert found[1].p < 1e-6
    assert min(found[0].p, found[2].p) > 0.05


def test_pictures_that_suffered_most_come_first():
    truth = [0, 0, 0]
    before, after = of([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.5, 0.5, 0]], truth), of([[0.8, 0.2, 0], [0.1, 0.9, 0], [0.7, 0.3, 0]], truth)
    found = classes.suffered(after, before, np.array(truth), LABELS, np.zeros((3, 8, 8, 3), np.uint8), ("a", "b", "c"))
    assert [(s.source, s.before, s.after) for s in found] == [("b", "ant", "bee"), ("a", "ant", "ant")]
    assert found[0].png.startswith(b"\x89PNG")


class TestRecall:
    def test_second_validation_does_not_start_the_original_and_says_the_same(self, shop, cache):  # noqa: F811
        path = shop / "models" / "net_int8.tflite"
        first, second, fresh = (
            validate(path, against=shop / "models" / "net.onnx", data=shop / "colors", threads=(), fresh=f).groups[0] for f in (False, False, True)
        )
        assert second.original == first.original == fresh.original
        assert second.rows == first.rows
        assert not first.notes
        assert "has been run on these pictures before" in second.notes[0]
        assert not fresh.notes

    def test_other_pictures_labels_or_files_are_not_mixed_up(self, shop, cache, tmp_path):  # noqa: F811
        path = shop / "models" / "net_int8.tflite"
        net = shop / "models" / "net.onnx"
        validate(path, against=net, data=shop / "colors", threads=())
        assert not validate(path, against=net, data=shop / "colors", threads=(), count=40).groups[0].notes
        assert not validate(path, against=net, data=shop / "colors", threads=(), split="val").groups[0].notes
        other = reordered(shop / "models" / "net.onnx", tmp_path / "net.onnx", [1, 0, 2, 3])
        assert not validate(path, data=shop / "colors", threads=(), against=other, labels=("blue", "green", "red", "white")).groups[0].notes

    def test_damaged_and_unwritable_caches_are_done_without(self, shop, cache):  # noqa: F811
        path = shop / "models" / "net_int8.tflite"
        again = lambda: validate(path, against=shop / "models" / "net.onnx", data=shop / "colors", threads=()).groups[0]  # noqa: E731
        first = again()
        (kept,) = (cache / "answers").glob("*.npz")
        kept.write_bytes(kept.read_bytes()[:100])
        assert again().rows == first.rows
        assert again().notes, "the damaged file was replaced"
        shutil.rmtree(kept.parent)
        kept.parent.write_text("a file where the folder should be")
        assert again().rows == first.rows

    def test_only_so_many_are_kept(self, cache, monkeypatch):
        monkeypatch.setattr(recall, "MOST", 3)
        for i in range(5):
            recall.keep(f"{i}", of([[0.5, 0.25, 0.25]], [0]))
        assert len(list((cache / "answers").glob("*.npz"))) == 3


def test_thumbnails_stay_out_of_the_json(shop):  # noqa: F811
    report = validate(shop / "models" / "net_int8.tflite", data=shop / "colors", threads=())
    row = json.loads(json.dumps(report.to_dict()))["groups"][0]["rows"][0]
    assert all("png" not in picture for picture in row["suffered"])
    assert sum(map(sum, row["confusion"])) == 120
