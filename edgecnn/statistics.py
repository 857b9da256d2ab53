"""Statistics of accuracy figures, on the standard library alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import comb, inf, sqrt
from statistics import NormalDist


def wilson(correct: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval (low, high) of a share that was measured as `correct` out of `total`, as shares from 0 to 1.

    Wilson's score interval: unlike share +- z * error it stays inside 0..1 and keeps its width at 100 %. (0, 1) when total is 0.
    Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = correct / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * sqrt(share * (1 - share) / total + weight / total / 4)
    # At 0 and at `total` one end is exactly the share; rounding must not put the share outside its own interval.
    return (0.0 if correct == 0 else centre - half), (1.0 if correct == total else centre + half)


def accuracy(correct: int, total: int) -> dict[str, float]:
    """An accuracy entry of a card: {"correct", "total", "top1", "low", "high"}, with the 95 % interval."""
    low, high = wilson(correct, total)
    return {"correct": correct, "total": total, "top1": correct / total if total else 0.0, "low": low, "high": high}


def paired_interval(gained: float, lost: float, total: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval (low, high) of the change of accuracy between two models on the same `total` pictures, as shares from -1 to 1.

    Only the pictures on which just one of the two is right tell of a change: `gained` are right only with the second, `lost` only with the first.
    Tango's score interval: it holds its level with few pictures, and has a width when nothing was gained or lost. (-1, 1) when total is 0.
    Tango, 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B
    """
    if total <= 0:
        return -1.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    change = (gained - lost) / total
    low = _crossing(lambda delta: _tango(gained, lost, total, delta) <= z, change, -1.0)
    high = _crossing(lambda delta: _tango(gained, lost, total, delta) >= -z, change, 1.0)
    return low, high


def unpaired_interval(correct: int, total: int, other: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval (low, high) of correct / total - other / of, two shares that were measured on different pictures, as shares from -1 to 1.

    Newcombe's, made of the two Wilson intervals: it keeps its level near 0 and 100 %. (-1, 1) when a total is 0. Newcombe, 1998, method 10,
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
    """
    if total == 0 or of == 0:
        return -1.0, 1.0
    first, second = correct / total, other / of
    (low, high), (low2, high2) = wilson(correct, total, confidence), wilson(other, of, confidence)
    change = first - second
    return max(-1.0, change - sqrt((first - low) ** 2 + (high2 - second) ** 2)), min(1.0, change + sqrt((high - first) ** 2 + (second - low2) ** 2))


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value of "as many pictures were gained as lost"; 1 when neither happened.

    McNemar, 1947, https://doi.org/10.1007/BF02295996, with the binomial distribution in place of his approximation.
    """
    both, least = gained + lost, min(gained, lost)
    tail = sum(comb(both, k) for k in range(least + 1))
    # Whole numbers: two to the power of thousands has no float.
    return min(1.0, float(Fraction(2 * tail, 2**both)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the same order: of all that are called significant at 5 %, none is a false alarm in 95 of 100 studies.

    Holm, 1979, https://www.jstor.org/stable/4615733
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = least
    return corrected


def _tango(gained: float, lost: float, total: float, delta: float) -> float:
    """Score statistic of the hypothesis that the change is `delta`: falls from positive to negative as delta rises."""
    b = -gained - lost + (2 * total - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    # Most likely share of lost pictures under the hypothesis.
    share = (sqrt(max(b * b - 8 * total * c, 0.0)) - b) / (4 * total)
    distance = gained - lost - total * delta
    variance = total * (2 * share + delta * (1 - delta))
    if variance <= 0:
        return 0.0 if distance == 0 else inf if distance > 0 else -inf
    return distance / sqrt(variance)


def _crossing(inside: Callable[[float], bool], start: float, end: float) -> float:
    """The last point from `start` towards `end` that is `inside`, by halving; `end` itself when it is."""
    if inside(end):
        return end
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if inside(middle) else (start, middle)
    return start
