"""What is measured of the files of a group only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn.errors import BadData
from edgecnn.progress import Progress
from edgecnn.validate import calibration, parity, samples
from edgecnn.validate.asked import Asked
from edgecnn.validate.contender import Contender
from edgecnn.validate.doctor.examine import examine
from edgecnn.validate.layers import noise, remarks
from edgecnn.validate.report import Row
from edgecnn.validate.samples import Sample


@dataclass(frozen=True)
class Shown:
    """What was shown to the networks.

    Attributes:
        sample: the pictures.
        source: name or path of their data set.
        truth: right answer of each [N]; None without labels.
    """

    sample: Sample
    source: str
    truth: np.ndarray | None


def add(
    rows: Sequence[Row], exports: Sequence[Contender], original: Contender | None, shown: Shown, asked: Asked, progress: Progress
) -> tuple[list[Row], list[str]]:
    """The rows of `exports` with what was asked for put into them, and notes."""
    rows, notes = list(rows), []
    if asked.parity and original:
        rows = [replace(row, parity=parity.measure(one, original, shown.sample)) for row, one in zip(rows, exports, strict=True)]
    if asked.layers:
        subjects = [one.subject for one in exports]
        found = noise(subjects, original.subject if original else None, shown.sample.pictures, progress)
        rows = [replace(row, layers=found.get(one.subject.path, ())) for row, one in zip(rows, exports, strict=True)]
        notes += remarks(subjects)
    if asked.doctor:
        for i, one in enumerate(exports):
            one.start()
            found = examine(one.subject, one.runners, shown.sample, shown.source, shown.truth, asked.doctor, progress)
            rows[i] = replace(rows[i], **found)
    if asked.calibrate:
        rows = [_calibrated(row, one, shown, asked, progress, notes) for row, one in zip(rows, exports, strict=True)]
    return rows, notes


def _calibrated(row: Row, one: Contender, shown: Shown, asked: Asked, progress: Progress, notes: list[str]) -> Row:
    """Fit a score calibration on val, judge it on the pictures shown, store it."""
    if shown.truth is None:
        raise BadData(f"--write-calibration needs labels that {one.name} knows; give --labels or other --data")
    fitted = samples.load(shown.source, one.subject.preprocessing, calibration.SPLIT, asked.count, progress)
    outputs = samples.output_of(fitted.classes, one.subject.labels, one.answers)
    truth = outputs[fitted.labels]
    found = calibration.fit(one.outcome_of(fitted.pictures, truth, progress), truth, one.outcome, shown.truth, one.name)
    written = calibration.store(one.subject.path, found, one.answers + one.subject.label_offset)
    notes.append(
        f"scores of {one.name} calibrated on {found.pictures} {calibration.SPLIT} pictures: calibration error {100 * row.confidence.ece:.1f} before, "
        f"{100 * found.ece:.1f} after ({100 * found.ece_low:.1f}-{100 * found.ece_high:.1f}); wrote {' and '.join(map(str, written))}"
    )
    return replace(row, calibration=found)
