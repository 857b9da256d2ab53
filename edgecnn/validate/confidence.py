"""How far a network's scores can be taken at their word, before and after."""

from __future__ import annotations

import numpy as np

from edgecnn.validate.figures import Bin, Confidence
from edgecnn.validate.outcome import Outcome

# Guo et al., 2017, https://arxiv.org/abs/1706.04599, count in as many.
BINS = 15
RESAMPLES = 200


def measure(outcome: Outcome, truth: np.ndarray, original: Outcome | None) -> Confidence:
    """Calibration error, Brier score, reliability and drift of the best score; `truth` is the right class of each picture [N]."""
    right, best = outcome.answer == truth, outcome.best.astype(np.float64)
    place = np.minimum((best * BINS).astype(int), BINS - 1)
    error = calibration_error(place, right - best)
    low, high = _interval(place, right - best, error)
    drift = float(np.abs(best - original.best).mean()) if original is not None else None
    return Confidence(error, low, high, float(outcome.brier.mean()), float(best.mean()), drift, _bins(place, best, right))


def calibration_error(place: np.ndarray, excess: np.ndarray) -> float:
    """Expected calibration error, 0..1.

    Args:
        place: bin of each picture [N].
        excess: 1 or 0 for right or wrong, minus the best score, [N].
    """
    return float(np.abs(np.bincount(place, excess, BINS)).sum() / max(len(place), 1))


def _interval(place: np.ndarray, excess: np.ndarray, error: float) -> tuple[float, float]:
    """95 % interval: the basic bootstrap, because resampled errors lie above the measured one as the measured one lies above the true one."""
    rng, count = np.random.default_rng(0), len(place)
    if not count:
        return 0.0, 1.0
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, count, count)
        drawn.append(calibration_error(place[rows], excess[rows]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return max(0.0, float(2 * error - high)), min(1.0, max(error, float(2 * error - low)))


def _bins(place: np.ndarray, best: np.ndarray, right: np.ndarray) -> tuple[Bin, ...]:
    counts, scores, hits = (np.bincount(place, weights, BINS) for weights in (None, best, right))
    return tuple(Bin(i / BINS, (i + 1) / BINS, int(counts[i]), float(scores[i] / counts[i]), float(hits[i] / counts[i])) for i in range(BINS) if counts[i])
