"""What is measured of the files of a group only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgecnn.progress import Progress
from edgecnn.validate import parity
from edgecnn.validate.asked import Asked
from edgecnn.validate.contender import Contender
from edgecnn.validate.layers import noise, remarks
from edgecnn.validate.report import Row
from edgecnn.validate.samples import Sample


def add(
    rows: Sequence[Row], exports: Sequence[Contender], original: Contender | None, sample: Sample, asked: Asked, progress: Progress
) -> tuple[list[Row], list[str]]:
    """The rows of `exports` with what was asked for put into them, and notes."""
    rows, notes = list(rows), []
    if asked.parity and original:
        rows = [replace(row, parity=parity.measure(one, original, sample)) for row, one in zip(rows, exports, strict=True)]
    if asked.layers:
        subjects = [one.subject for one in exports]
        found = noise(subjects, original.subject if original else None, sample.pictures, progress)
        rows = [replace(row, layers=found.get(one.subject.path, ())) for row, one in zip(rows, exports, strict=True)]
        notes += remarks(subjects)
    return rows, notes
