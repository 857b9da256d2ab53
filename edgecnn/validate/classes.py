"""Which classes and which pictures pay for a change."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from edgecnn import statistics
from edgecnn.runtime.pool import Pictures
from edgecnn.validate.figures import ClassChange, Suffered
from edgecnn.validate.outcome import Outcome

# A confusion matrix of more classes is no table any more.
MOST_CLASSES = 100
SHOWN = 12
# Pixels of a thumbnail's longer side.
THUMBNAIL = 96


def changes(outcome: Outcome, original: Outcome, truth: np.ndarray, labels: tuple[str, ...]) -> tuple[ClassChange, ...]:
    """Each class that has pictures, in the order of the outputs; the p-values are corrected for their number."""
    right, was_right = outcome.answer == truth, original.answer == truth
    kinds = (np.full(len(truth), True), right, right & ~was_right, ~right & was_right)
    totals, correct, gained, lost = (np.bincount(truth[rows], minlength=outcome.answers) for rows in kinds)
    present = np.flatnonzero(totals)
    corrected = statistics.holm([statistics.mcnemar(int(gained[i]), int(lost[i])) for i in present])
    return tuple(
        ClassChange(
            labels[i] if labels else str(i),
            int(totals[i]),
            int(correct[i]),
            int(gained[i]),
            int(lost[i]),
            p,
            *statistics.wilson(int(correct[i]), int(totals[i])),
        )
        for i, p in zip(present, corrected, strict=True)
    )


def confusion(outcome: Outcome, truth: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """[right answer][given answer] -> pictures; empty with more than 100 classes."""
    size = outcome.answers
    if size > MOST_CLASSES:
        return ()
    cells = np.bincount(truth.astype(np.int64) * size + outcome.answer, minlength=size * size)
    return tuple(tuple(map(int, row)) for row in cells.reshape(size, size))


def suffered(outcome: Outcome, original: Outcome, truth: np.ndarray, labels: tuple[str, ...], pictures: Pictures, names: Sequence[str]) -> tuple[Suffered, ...]:
    """The pictures whose right answer lost most of its score, worst first; those that lost nothing are left out."""
    loss = original.own - outcome.own
    worst = np.argsort(-loss, kind="stable")[:SHOWN]

    def name(answer: int) -> str:
        return labels[answer] if labels else str(answer)

    return tuple(
        Suffered(
            int(i), names[i] if names else "", name(truth[i]), name(original.answer[i]), name(outcome.answer[i]),
            float(original.own[i]), float(outcome.own[i]), _thumbnail(pictures[int(i) : int(i) + 1][0]),
        )
        for i in worst
        if loss[i] > 0
    )  # fmt: skip


def _thumbnail(picture: np.ndarray) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()
