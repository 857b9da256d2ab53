"""The study of other people's classifiers: its own evaluator and its verdicts, beside what they stand in for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bare_runtimes import evaluation, scores_of
from helpers import ROOT
from own_model_study import judgement
from own_model_study.shape import Shape
from PIL import Image

from edgecnn import predict
from edgecnn.export import metadata

SHIPPED = ROOT / "models"
SHAPE = Shape("a shape", refusal="batch")


@pytest.mark.parametrize(("source", "target"), [((168, 224), (64, 64)), ((8, 8), (28, 28)), ((33, 50), (47, 31)), ((20, 30), (20, 30))])
def test_resize_without_antialias_is_tensorflows(source, target):
    import tensorflow as tf

    image = np.random.default_rng(0).integers(0, 256, (*source, 3)).astype(np.uint8)
    np.testing.assert_allclose(evaluation.tf_bilinear(image, *target), tf.image.resize(image, target).numpy(), atol=2e-3)


@pytest.mark.parametrize("name", ["sign-digits/mobilenet_int8.tflite", "sign-digits/mobilenet_int8.onnx", "mobilenet.tflite", "mobilenet.onnx"])
def test_a_shipped_file_answers_as_predict_says(name, tmp_path):
    images = []
    for i in range(3):
        images.append(tmp_path / f"{i}.png")
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (100, 100, 3), dtype=np.uint8)).save(images[-1])
    classify = predict.load(SHIPPED / name)
    for image, scores in zip(images, scores_of(SHIPPED / name, images), strict=True):
        named = {score.label: score.probability for score in classify(image)}
        np.testing.assert_allclose(np.sort(scores)[-5:], sorted(named.values())[-5:], atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet.tflite", "sign-digits/mobilenet_int8.tflite"])
def test_normalization_is_read_from_the_metadata(name):
    content = (SHIPPED / name).read_bytes()
    (notes,) = metadata.read(content).inputs
    assert evaluation.normalization(evaluation.tflite_entries(content)["TFLITE_METADATA"]) == (list(notes.mean), list(notes.std))


def _answer(scores: np.ndarray, labels: tuple[str, ...] = ()) -> dict:
    return {"scores": scores.tolist(), "labels": list(labels), "offset": 0, "notes": []}


def _truth(before: np.ndarray, antialiased: np.ndarray | None = None) -> judgement.Truth:
    return judgement.Truth(
        tuple(map(Path, map(str, range(len(before))))), np.zeros(len(before), int), ("a", "b"), before, antialiased if antialiased is not None else before
    )


def _right(count: int, total: int = 400) -> np.ndarray:
    return np.arange(total) < count


@pytest.mark.parametrize(("after", "verdict"), [(400, "ok"), (300, "ok"), (297, "ok"), (293, "near"), (270, "WRONG"), (0, "WRONG")])
def test_a_file_is_judged_by_the_paired_interval(after, verdict):
    """300 of 400 are right in plain Keras; scores of two classes, the first of which is right."""
    scores = np.stack([_right(after), ~_right(after)], 1).astype(np.float32)
    assert judgement.of_file(_answer(scores), _truth(_right(300)))["verdict"] == verdict


def test_a_loss_that_plain_keras_has_too_after_another_resize_is_named_so():
    scores = np.stack([_right(250), ~_right(250)], 1).astype(np.float32)
    assert judgement.of_file(_answer(scores), _truth(_right(300), _right(252)))["verdict"] == "resize"


def test_names_in_the_file_say_which_score_is_which_class():
    scores = np.stack([~_right(300), _right(300)], 1).astype(np.float32)
    assert judgement.of_file(_answer(scores), _truth(_right(300)))["verdict"] == "WRONG"
    assert judgement.of_file(_answer(scores, ("b", "a")), _truth(_right(300)))["verdict"] == "ok"


@pytest.mark.parametrize(
    ("code", "line", "verdict"),
    [
        (2, "its answers depend on the batch", "refused, rightly"),
        (2, "of two inputs", "refused"),
        (2, "damaged (a batch)", "refused"),
        (70, "a bug", "CRASH"),
        (-11, "", "CRASH"),
        (None, "", "CRASH"),
    ],
)
def test_a_command_that_wrote_nothing_is_judged_by_its_end(code, line, verdict):
    assert judgement.of_command(code, line, SHAPE) == verdict
