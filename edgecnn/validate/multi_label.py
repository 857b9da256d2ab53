"""Figures of a classifier whose labels are independent: average precision, F1 and agreement, a label at a time and over all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgecnn.validate.multi_label_figures import LabelFigures, MultiLabel

# Above it a label is said to hold.
THRESHOLD = 0.5
RESAMPLES = 200
# Scores that all resamples together may sort.
MOST_SORTED = 400_000_000
SEED = 0


def measure_multi_label(probabilities: np.ndarray, targets: np.ndarray, labels: tuple[str, ...], original: np.ndarray | None) -> MultiLabel:
    """Figures of one file.

    Args:
        probabilities: of each label, [N, labels].
        targets: 1 where a label holds, uint8 [N, labels].
        labels: names.
        original: the original's probabilities; None without one.
    """
    says, truth = probabilities > THRESHOLD, targets.astype(bool)
    before = None if original is None else original > THRESHOLD
    each = tuple(
        LabelFigures(
            labels[i],
            int(truth[:, i].sum()),
            average_precision(probabilities[:, i], truth[:, i]),
            f1(says[:, i], truth[:, i]),
            None if before is None else float((says[:, i] == before[:, i]).mean()),
        )
        for i in range(truth.shape[1])
    )
    low, high = _interval(lambda rows: mean_average_precision(probabilities[rows], truth[rows]), len(truth), truth.size)
    figures = MultiLabel(
        each, mean_average_precision(probabilities, truth), low, high, f1(says.ravel(), truth.ravel()), float(np.mean([one.f1 for one in each])),
        float((says == truth).mean()), float((says == truth).all(1).mean()),
    )  # fmt: skip
    if original is None:
        return figures

    def change(rows: np.ndarray) -> float:
        return mean_average_precision(probabilities[rows], truth[rows]) - mean_average_precision(original[rows], truth[rows])

    low, high = _interval(change, len(truth), 2 * truth.size)
    return replace(figures, change=change(np.arange(len(truth))), change_low=low, change_high=high)


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under precision over recall as the sum of steps, as scikit-learn has it; NaN where the label never holds.

    Args:
        scores: of one label, [N].
        truth: whether it holds, bool [N].
    """
    positives = int(truth.sum())
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    # Equal scores are one threshold: only its last image counts.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    precision, recall = hits[last] / (last + 1), hits[last] / positives
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def mean_average_precision(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the labels that hold for some image; 0 where none does."""
    values = [average_precision(probabilities[:, i], truth[:, i]) for i in range(truth.shape[1])]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else 0.0


def f1(says: np.ndarray, truth: np.ndarray) -> float:
    """Harmonic mean of precision and recall; 1 where nothing holds and nothing was said."""
    both, either = int((says & truth).sum()), int(says.sum() + truth.sum())
    return 2 * both / either if either else 1.0


def _interval(figure: Callable[[np.ndarray], float], count: int, size: int) -> tuple[float, float]:
    """95 % bootstrap interval over the images; fewer resamples where there are very many."""
    if not count:
        return 0.0, 1.0
    random, resamples = np.random.default_rng(SEED), int(np.clip(MOST_SORTED // max(size, 1), 20, RESAMPLES))
    drawn = [figure(random.integers(0, count, count)) for _ in range(resamples)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)
