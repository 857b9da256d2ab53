"""How far the accuracy of two networks on the same pictures is apart, and what that can prove."""

from __future__ import annotations

import numpy as np

from edgecnn import statistics
from edgecnn.validate.figures import Change, Share

RESAMPLES = 10_000


def change(scores: np.ndarray, original: np.ndarray, labels: np.ndarray) -> Change:
    """Change of top-1 against the original on the same pictures, from scores [N, classes] of both and labels [N]."""
    return change_of(scores.argmax(1) == labels, original.argmax(1) == labels)


def change_of(right: np.ndarray, was_right: np.ndarray) -> Change:
    """Change of top-1, from whether each picture [N] is right with the file and was with the original."""
    return change_of_counts(int((right & ~was_right).sum()), int((~right & was_right).sum()), len(right))


def change_of_labels(right: np.ndarray, was_right: np.ndarray) -> Change:
    """Change of the share of right label decisions, from which of them [N, labels] are right with the file and were with the original.

    The labels of an image depend on one another, so that intervals and p go by images: one of three decisions is a third of an image. However the labels hang
    together, the intervals are not too narrow by that.
    """
    images, labels = right.shape
    gained, lost = (right & ~was_right).sum(1), (~right & was_right).sum(1)
    counts, shares = (int(gained.sum()), int(lost.sum())), (float(gained.sum()) / labels, float(lost.sum()) / labels)
    p = statistics.mcnemar(int((gained > lost).sum()), int((gained < lost).sum()))
    return Change(*counts, right.size, *statistics.paired_interval(*shares, images), p, *bootstrap_interval(*shares, images))


def change_of_counts(gained: int, lost: int, total: int) -> Change:
    """Change of top-1, from the pictures that only the file and that only the original gets right."""
    low, high = statistics.paired_interval(gained, lost, total)
    return Change(gained, lost, total, low, high, statistics.mcnemar(gained, lost), *bootstrap_interval(gained, lost, total))


def bootstrap_interval(gained: float, lost: float, total: int) -> tuple[float, float]:
    """95 % interval of the change: pictures drawn with replacement are a multinomial draw of gained, lost and unchanged ones."""
    if not total:
        return -1.0, 1.0
    draws = np.random.default_rng(0).multinomial(total, np.array([gained, lost, total - gained - lost]) / total, RESAMPLES)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / total, (2.5, 97.5))
    return float(low), float(high)


def share(hits: np.ndarray) -> Share:
    """Count of True among [N], with its interval."""
    count, total = int(hits.sum()), len(hits)
    return Share(count, total, *statistics.wilson(count, total))
