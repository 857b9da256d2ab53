"""How often a network is right, how often it gives its original's answer, and what these figures can prove."""

from __future__ import annotations

import numpy as np

from edgecnn import statistics
from edgecnn.validate.figures import Change, Share

RESAMPLES = 10_000


def top(scores: np.ndarray, labels: np.ndarray, k: int) -> Share:
    """Pictures whose label [N] is among the k best of the scores [N, classes]; equal scores rank in the order of the classes, as argmax does."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k] if k > 1 else scores.argmax(1)[:, None]
    return share((best == labels[:, None]).any(1))


def agreement(scores: np.ndarray, original: np.ndarray) -> Share:
    """Pictures on which two networks give the same answer."""
    return share(scores.argmax(1) == original.argmax(1))


def change(scores: np.ndarray, original: np.ndarray, labels: np.ndarray) -> Change:
    """Change of top-1 against the original on the same pictures, from scores [N, classes] of both and labels [N]."""
    return change_of(scores.argmax(1) == labels, original.argmax(1) == labels)


def change_of(right: np.ndarray, was_right: np.ndarray) -> Change:
    """Change of top-1, from whether each picture [N] is right with the file and was with the original."""
    return change_of_counts(int((right & ~was_right).sum()), int((~right & was_right).sum()), len(right))


def change_of_counts(gained: int, lost: int, total: int) -> Change:
    """Change of top-1, from the pictures that only the file and that only the original gets right."""
    low, high = statistics.paired_interval(gained, lost, total)
    return Change(gained, lost, total, low, high, statistics.mcnemar(gained, lost), *bootstrap_interval(gained, lost, total))


def bootstrap_interval(gained: int, lost: int, total: int) -> tuple[float, float]:
    """95 % interval of the change: pictures drawn with replacement are a multinomial draw of gained, lost and unchanged ones."""
    if not total:
        return -1.0, 1.0
    draws = np.random.default_rng(0).multinomial(total, np.array([gained, lost, total - gained - lost]) / total, RESAMPLES)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / total, (2.5, 97.5))
    return float(low), float(high)


def ties(scores: np.ndarray) -> Share:
    """Pictures whose two best scores are exactly equal: argmax then takes the first class, right or wrong."""
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return share(best[:, 0] == best[:, 1])


def share(hits: np.ndarray) -> Share:
    """Count of True among [N], with its interval."""
    count, total = int(hits.sum()), len(hits)
    return Share(count, total, *statistics.wilson(count, total))
