"""How many times as long one file takes as another, with an interval that holds on a noisy machine."""

from __future__ import annotations

from functools import cache

import numpy as np

# Least of rounds with which a signed-rank interval reaches 95 %: all signs alike happen in 2 of 2^6 cases.
FEWEST_ROUNDS = 6
CONFIDENCE = 0.95


def ratio(times: np.ndarray, original: np.ndarray) -> tuple[float, float, float]:
    """(ratio, low, high): the middle of the rounds' ratios and its 95 % interval.

    A round's ratio is that of the two medians, so what lasts longer than a round cancels. Of the rounds' log ratios: Hodges and Lehmann's middle (1963,
    https://doi.org/10.1214/aoms/1177704172) and the interval of Wilcoxon's signed ranks, which is exact for any noise that is symmetric, and the noise
    between two copies of a file is. Rounds must not share anything that lasts, so `latency.measure` opens the files anew in each.

    Chosen among four on two copies of one file, timed, and on noise made of numbers (`tests/noisy_machine.py`, 400 draws, 6 and 15 rounds), where 95 %
    intervals covered the truth in 94 to 98 % of the draws. Drawing rounds again (bootstrap of the median over all runs) covered it in 87 to 100 %: too narrow
    with few rounds, too wide under drift. Student's t covered it in 95 to 98 %, yet is a third wider under bursts of other work. A trimmed mean is narrowest
    there, and covered it in 92 to 96 %.

    Args:
        times, original: seconds [rounds, runs], of the same rounds. With fewer than six rounds the interval reaches from the smallest ratio to the
            largest, and covers 1 - 2 / 2^rounds only.
    """
    logs = np.log(np.median(times, axis=1) / np.median(original, axis=1))
    means = np.sort(np.add.outer(logs, logs)[np.triu_indices(len(logs))] / 2)
    cut = _cut(len(logs))
    middle, low, high = np.exp((np.median(means), means[cut], means[-1 - cut]))
    return float(middle), float(low), float(high)


def ratio_interval(times: np.ndarray, original: np.ndarray) -> tuple[float, float]:
    """The interval alone; see `ratio`."""
    return ratio(times, original)[1:]


@cache
def _cut(rounds: int) -> int:
    """How many of the sorted means of pairs lie outside of the interval at each end: by the exact distribution of Wilcoxon's signed-rank sum."""
    chance = np.ones(1)
    for rank in range(1, rounds + 1):
        without = np.concatenate([chance, np.zeros(rank)])
        chance = (without + np.concatenate([np.zeros(rank), chance])) / 2
    return max(int((np.cumsum(chance) <= (1 - CONFIDENCE) / 2).sum()) - 1, 0)
