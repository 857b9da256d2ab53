"""Score calibration as the text of its file, and what it does to scores."""

from __future__ import annotations

import numpy as np

from edgecnn.errors import BadFile, BadSetting
from edgecnn.formats.tflite.metadata.notes import ScoreCalibration, Sigmoid


def dumps(calibration: ScoreCalibration) -> bytes:
    """CSV, a line a class: scale,slope,offset and, where there is one, the least score; an empty line for a class without parameters.

    There is no newline at the end: a reader would take it for one class more.
    """
    return "\n".join(_line(one) for one in calibration.parameters).encode()


def _line(one: Sigmoid | None) -> str:
    if one is None:
        return ""
    return ",".join(f"{value:.9g}" for value in (one.scale, one.slope, one.offset, one.least) if value is not None)


def loads(text: bytes, origin: str) -> tuple[Sigmoid | None, ...]:
    """The parameters in a CSV; `origin` names the file in errors.

    Raises:
        BadFile: a line has other than 0, 3 or 4 numbers.
    """
    found = []
    for number, line in enumerate(text.decode("utf-8", "replace").split("\n"), 1):
        try:
            values = [float(value) for value in line.split(",")] if line.strip() else []
            if len(values) not in (0, 3, 4):
                raise ValueError(f"{len(values)} numbers")
            found.append(Sigmoid(*values) if values else None)
        except ValueError as error:
            raise BadFile(f"{origin}: line {number} of its score calibration is '{line[:40]}' ({error}); expected scale,slope,offset[,least]") from error
    return tuple(found)


def calibrated(scores: np.ndarray, calibration: ScoreCalibration) -> np.ndarray:
    """What an app gets for scores [N, classes]: the formula of the metadata schema, float32.

    Raises:
        BadSetting: another number of classes.
    """
    if scores.shape[-1] != len(calibration.parameters):
        raise BadSetting(f"{len(calibration.parameters)} lines of score calibration for {scores.shape[-1]} outputs; expected one an output")
    rows = [(one.scale, one.slope, one.offset, -np.inf if one.least is None else one.least) if one else (np.nan,) * 4 for one in calibration.parameters]
    scale, slope, offset, least = np.array(rows, np.float64).T
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        result = scale / (1 + np.exp(-(slope * _transformed(scores.astype(np.float64), calibration.transformation) + offset)))
    return np.where(scores > least, result, calibration.default_score).astype(np.float32)


def _transformed(scores: np.ndarray, name: str) -> np.ndarray:
    if name == "identity":
        return scores
    return np.log(scores) if name == "log" else np.log(scores) - np.log1p(-scores)
