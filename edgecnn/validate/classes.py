"""Which classes and which pictures pay for a change."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from edgecnn import statistics
from edgecnn.runtime.pool import Pictures
from edgecnn.validate.figures import ClassChange, Suffered
from edgecnn.validate.outcome import Outcome, parts

# A confusion matrix of more classes is no table any more.
MOST_CLASSES = 100
SHOWN = 12
# Pixels of a thumbnail's longer side.
THUMBNAIL = 96


def changes(outcome: Outcome, original: Outcome, truth: np.ndarray, labels: tuple[str, ...]) -> tuple[ClassChange, ...]:
    """Each class that has pictures, in the order of the outputs; the p-values are corrected for their number."""

    def kind(rows: slice) -> np.ndarray:
        """2 where the file is right, and 1 where the original is, beside the right class."""
        right = truth[rows]
        return 4 * right + 2 * (outcome.answer[rows] == right) + (original.answer[rows] == right)

    kinds = _counts(kind, len(truth), 4 * outcome.answers).reshape(-1, 4)
    totals, correct, gained, lost = kinds.sum(1), kinds[:, 2:].sum(1), kinds[:, 2], kinds[:, 1]
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
    cells = _counts(lambda rows: size * truth[rows] + outcome.answer[rows], len(truth), size * size)
    return tuple(tuple(map(int, row)) for row in cells.reshape(size, size))


def suffered(outcome: Outcome, original: Outcome, truth: np.ndarray, labels: tuple[str, ...], pictures: Pictures, names: Sequence[str]) -> tuple[Suffered, ...]:
    """The pictures whose right answer lost most of its score, worst first; those that lost nothing are left out."""
    worst, loss = _worst(outcome, original)

    def name(answer: int) -> str:
        return labels[answer] if labels else str(answer)

    return tuple(
        Suffered(
            int(i), names[i] if names else "", name(truth[i]), name(original.answer[i]), name(outcome.answer[i]),
            float(original.own[i]), float(outcome.own[i]), _thumbnail(pictures[int(i) : int(i) + 1][0]),
        )
        for i in worst[loss > 0]
    )  # fmt: skip


def _worst(outcome: Outcome, original: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """The pictures whose right answer lost most, worst first, and what it lost, [at most SHOWN]; of equal ones the first."""
    worst, loss = np.empty(0, np.int64), np.empty(0, np.float32)
    for rows in parts(len(outcome)):
        worst, loss = np.append(worst, np.arange(rows.start, rows.stop)), np.append(loss, original.own[rows] - outcome.own[rows])
        order = np.argsort(-loss, kind="stable")[:SHOWN]
        worst, loss = worst[order], loss[order]
    return worst, loss


def _counts(cell: Callable[[slice], np.ndarray], count: int, cells: int) -> np.ndarray:
    """How many of `count` pictures fall into each cell, int64 [cells]; `cell` gives those of some rows."""
    return sum((np.bincount(cell(rows), minlength=cells) for rows in parts(count)), np.zeros(cells, np.int64))


def _thumbnail(picture: np.ndarray) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()
