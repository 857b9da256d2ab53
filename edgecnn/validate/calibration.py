"""A score calibration: fitted on pictures that the report does not judge, judged on those that it does, stored for apps.

Platt, 1999, "Probabilistic outputs for support vector machines": a line through the log-odds of the best score, with his targets that keep it finite where
every answer is right. One line for all classes, so that the order of the answers never changes; its slope is held near 1 as long as too few answers are
wrong to tell it: then the offset alone says by how much the scores are too modest or too sure.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.errors import BadData, BadFile, BadSetting
from edgecnn.export import metadata
from edgecnn.formats.tflite.metadata import calibration as lines
from edgecnn.validate import confidence
from edgecnn.validate.figures import ScoreFit
from edgecnn.validate.outcome import Outcome

# Split that a calibration is fitted on: never the one that the figures of the report speak of.
SPLIT = "val"
FEWEST = 50
TRANSFORMATION = "inverse_logistic"
STEPS = 50
# Standard deviation of the slope around 1 before any answer is seen.
PRIOR = 0.5


def refuse(split: str) -> None:
    """BadSetting where the report would judge the calibration on the pictures that it is fitted on."""
    if split == SPLIT:
        raise BadSetting(f"--write-calibration fits on {SPLIT}, which --split {split} would then judge it on; expected another split, such as test")


def fit(fitted: Outcome, fitted_truth: np.ndarray, judged: Outcome, truth: np.ndarray, name: str) -> ScoreFit:
    """Fit on one set of answers and say what the calibration does to another.

    Raises:
        BadData: too few pictures, or scores that say nothing of whether an answer is right.
    """
    if len(fitted) < FEWEST:
        raise BadData(f"{name}: {len(fitted)} {SPLIT} pictures to fit a score calibration on; expected {FEWEST} or more")
    slope, offset = line(fitted.best, fitted.answer == fitted_truth)
    if not slope > 0:
        raise BadData(f"{name}: a higher score does not mean a likelier answer on the {len(fitted)} {SPLIT} pictures; there is nothing to calibrate")
    after = replace(judged, best=apply(judged.best, slope, offset))
    told = confidence.measure(after, truth, None)
    return ScoreFit(slope, offset, len(fitted), told.ece, told.ece_low, told.ece_high)


def line(best: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """(slope, offset) of the log-odds of being right over the log-odds of the best score [N], by Newton's method."""
    odds, hits = _odds(best), int(right.sum())
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))
    design = np.stack([odds, np.ones_like(odds)], 1)
    found = np.array([1.0, 0.0])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -50, 50)))
        gradient = design.T @ (chance - target) + [(found[0] - 1) / PRIOR**2, 0]
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag([1 / PRIOR**2, 1e-6])
        step = np.linalg.solve(curvature, gradient)
        # A full step can overshoot where nearly every answer is right: then the curve is flat.
        found = found - step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), float(found[1])


def apply(best: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """Calibrated scores, float32, as an app computes them from the file."""
    return (1 / (1 + np.exp(-(slope * _odds(best) + offset)))).astype(np.float32)


def store(path: Path, found: ScoreFit, outputs: int) -> list[Path]:
    """Write the calibration into a .tflite, and beside any file as NAME.calibration.csv; returns what was written.

    Args:
        outputs: of the file, background classes included.

    Raises:
        BadFile: a .tflite without metadata, or a place that cannot be written.
    """
    one = metadata.Sigmoid(1.0, found.slope, found.offset)
    calibration = metadata.ScoreCalibration((one,) * outputs, TRANSFORMATION)
    written = []
    if path.suffix.lower() == ".tflite":
        try:
            content = metadata.with_calibration(path.read_bytes(), calibration)
        except BadFile as error:
            raise BadFile(f"{path}: {error}") from error
        written.append(files.write_bytes(path, content))
    written.append(files.write_bytes(path.with_name(f"{path.name}.calibration.csv"), lines.dumps(calibration)))
    return written


def _odds(scores: np.ndarray) -> np.ndarray:
    """Log-odds, float64; scores of exactly 0 and 1 are as sure as a float32 can be short of that."""
    inside = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(inside) - np.log1p(-inside)
