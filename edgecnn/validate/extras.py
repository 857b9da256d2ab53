"""What is measured of the files of a group only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn.progress import Progress
from edgecnn.validate import parity
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
    return rows, notes
