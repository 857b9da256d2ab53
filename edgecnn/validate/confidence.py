"""How far a network's scores can be taken at their word, before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edgecnn.validate.figures import Bin, Confidence
from edgecnn.validate.outcome import Outcome, parts

# Guo et al., 2017, https://arxiv.org/abs/1706.04599, count in as many.
BINS = 15
RESAMPLES = 200


@dataclass(frozen=True)
class Scores:
    """What the calibration error is made of.

    Attributes:
        best: the best score of each picture, float32 [N].
        right: whether the answer is right, bool [N].
        place: bin of the best score, int8 [N].
    """

    best: np.ndarray
    right: np.ndarray
    place: np.ndarray

    def sums(self, rows: np.ndarray | slice) -> np.ndarray:
        """Pictures, best scores and right answers of some rows in each bin, [3, BINS]."""
        place, best = self.place[rows], self.best[rows].astype(np.float64)
        return np.stack([np.bincount(place, weights, BINS) for weights in (None, best, self.right[rows])])

    def gaps(self, rows: np.ndarray | slice) -> np.ndarray:
        """Right answers less the best scores of some rows in each bin, [BINS]."""
        return np.bincount(self.place[rows], self.right[rows] - self.best[rows].astype(np.float64), BINS)


def measure(outcome: Outcome, truth: np.ndarray, original: Outcome | None) -> Confidence:
    """Calibration error, Brier score, reliability and drift of the best score; `truth` is the right class of each picture [N]."""
    count, best = len(truth), outcome.best
    scores = Scores(best, outcome.answer == truth, np.concatenate([np.empty(0, np.int8), *(_place(best[rows]) for rows in parts(count))]))
    error = _error((scores.gaps(rows) for rows in parts(count)), count)
    low, high = _interval(scores, error)
    mean = sum(float(best[rows].astype(np.float64).sum()) for rows in parts(count)) / max(count, 1)
    drift = None
    if original is not None:
        drift = sum(float(np.abs(best[rows].astype(np.float64) - original.best[rows]).sum()) for rows in parts(count)) / max(count, 1)
    bins = sum((scores.sums(rows) for rows in parts(count)), np.zeros((3, BINS)))
    return Confidence(error, low, high, float(outcome.brier.mean()), mean, drift, _bins(*bins))


def _place(best: np.ndarray) -> np.ndarray:
    return np.minimum((best.astype(np.float64) * BINS).astype(int), BINS - 1).astype(np.int8)


def _error(gaps: Iterable[np.ndarray], count: int) -> float:
    """Expected calibration error, 0..1, from the gaps [BINS] of all parts of `count` pictures."""
    return float(np.abs(sum(gaps, np.zeros(BINS))).sum() / max(count, 1))


def _interval(scores: Scores, error: float) -> tuple[float, float]:
    """95 % interval: the basic bootstrap, because resampled errors lie above the measured one as the measured one lies above the true one."""
    rng, count = np.random.default_rng(0), len(scores.best)
    if not count:
        return 0.0, 1.0
    drawn = [_error((scores.gaps(rng.integers(0, count, rows.stop - rows.start)) for rows in parts(count)), count) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return max(0.0, float(2 * error - high)), min(1.0, max(error, float(2 * error - low)))


def _bins(counts: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> tuple[Bin, ...]:
    return tuple(Bin(i / BINS, (i + 1) / BINS, int(counts[i]), float(scores[i] / counts[i]), float(hits[i] / counts[i])) for i in range(BINS) if counts[i])
