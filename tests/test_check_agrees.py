"""`edgecnn check` against MediaPipe Tasks itself: it says no where MediaPipe does, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from environments import LABELS, run

from edgecnn.export import metadata, tasks
from edgecnn.export.metadata import LabelFile, Metadata, ScoreCalibration, Sigmoid

pytestmark = pytest.mark.slow

ONE = """
import json, sys
import mediapipe, numpy
from mediapipe.tasks.python import BaseOptions, vision
found = {}
for path in sys.argv[1:]:
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path), display_names_locale="de")
    try:
        with vision.ImageClassifier.create_from_options(options) as classifier:
            classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=numpy.full((96, 96, 3), 128, numpy.uint8)))
        found[path] = ""
    except Exception as error:
        found[path] = repr(error)
print(json.dumps(found))
"""


def _variants(told: Metadata) -> dict[str, Metadata]:
    """What a file may say, right and wrong."""
    given, result = told.inputs[0], told.outputs[0]
    names = LabelFile(LABELS, file="labels.txt")
    inputs = {
        "no mapping": replace(given, mean=(), std=()), "a mean a channel": replace(given, mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 1.0)),
        "two means": replace(given, mean=(1.0, 1.0), std=(1.0, 1.0)), "one and three": replace(given, std=(1.0, 1.0, 1.0)),
        "zero": replace(given, std=(0.0,)), "grey": replace(given, color="grayscale"), "no colour": replace(given, color=""),
        "feature": replace(given, content="feature", color="", size=None),
    }  # fmt: skip
    outputs = {
        "nameless": replace(result, name=""), "no labels": replace(result, labels=()), "9 labels": replace(result, labels=(LabelFile(LABELS[:9]),)),
        "11 labels": replace(result, labels=(LabelFile((*LABELS, "x")),)), "9 translations": replace(result, labels=(names, LabelFile(LABELS[:9], "de"))),
        "5 calibrated": replace(result, calibration=ScoreCalibration((Sigmoid(1, 1, 0),) * 5)),
        "11 calibrated": replace(result, calibration=ScoreCalibration((Sigmoid(1, 1, 0),) * 11)),
        "all default": replace(result, calibration=ScoreCalibration((None,) * 10)),
    }  # fmt: skip
    changed = {name: replace(told, inputs=(one,)) for name, one in inputs.items()} | {name: replace(told, outputs=(one,)) for name, one in outputs.items()}
    return {"right": told, **changed}


@pytest.mark.parametrize("name", ["squeezenet", "squeezenet_int8"])
def test_check_says_no_where_mediapipe_does(name, shipped, mediapipe, tmp_path):
    """Seventeen variants of what a file says, float and integer."""
    content = (shipped / f"{name}.tflite").read_bytes()
    paths = {}
    for number, (variant, told) in enumerate(_variants(metadata.read(content)).items()):
        paths[variant] = tmp_path / f"{number}.tflite"
        paths[variant].write_bytes(metadata.write(content, told))
    found = {variant: run(mediapipe, ONE, path)[str(path)] for variant, path in paths.items()}
    ours = {variant: [one.problem for one in tasks.check(path) if one.refused] for variant, path in paths.items()}
    assert {variant: bool(error) for variant, error in found.items()} == {variant: bool(problems) for variant, problems in ours.items()}, (found, ours)
