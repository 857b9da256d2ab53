"""Latency of several files, timed in turn: what the machine does meanwhile falls on all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from edgecnn.progress import Progress
from edgecnn.runtime.contract import Runner
from edgecnn.validate.report import Latency

Key = TypeVar("Key")

WARM_UP = 5
ROUNDS = 15
# Least of rounds when everything is slow; below it the bootstrap has nothing to draw from.
FEWEST_ROUNDS = 5
# Seconds of one runner's turn: longer than the scheduler's time slice, short against changes of the clock rate.
TURN = 0.04
# Seconds for all rounds together.
BUDGET = 20.0
RESAMPLES = 1000


def measure(runners: Mapping[Key, Runner], progress: Progress) -> dict[Key, np.ndarray]:
    """Seconds of every run, [rounds, runs of a turn], for each runner.

    Each round gives every runner one turn, in an order that is shuffled with a fixed seed, so that nobody always follows the same neighbour.
    """
    if not runners:
        return {}
    turns = {key: _turn(runner) for key, runner in runners.items()}
    each = sum(runs * seconds for runs, seconds in turns.values())
    rounds = int(np.clip(BUDGET / each, FEWEST_ROUNDS, ROUNDS))
    times: dict[Key, list[list[float]]] = {key: [] for key in runners}
    shuffle, keys = np.random.default_rng(0), list(runners)
    with progress.track("timing", rounds) as advance:
        for _ in range(rounds):
            for i in shuffle.permutation(len(keys)):
                times[keys[i]].append(runners[keys[i]].latencies(turns[keys[i]][0]))
            advance(1, "")
    return {key: np.array(rows) for key, rows in times.items()}


def summary(threads: int, times: np.ndarray, original: np.ndarray | None) -> Latency:
    """Median, 90th percentile, and the ratio to the original's times of the same rounds."""
    median, p90 = float(np.median(times)), float(np.percentile(times, 90))
    if original is None:
        return Latency(threads, times.size, median, p90)
    low, high = ratio_interval(times, original)
    return Latency(threads, times.size, median, p90, median / float(np.median(original)), low, high)


def ratio_interval(times: np.ndarray, original: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the ratio of medians, by drawing whole rounds [rounds, runs] again and again; both get the same rounds."""
    draws = np.random.default_rng(seed).integers(0, len(times), (RESAMPLES, len(times)))
    ratios = np.median(times[draws], axis=(1, 2)) / np.median(original[draws], axis=(1, 2))
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(low), float(high)


def _turn(runner: Runner) -> tuple[int, float]:
    """(runs of one turn, seconds of one run), after warming up."""
    runner.latencies(WARM_UP)
    seconds = float(np.median(runner.latencies(WARM_UP)))
    return int(np.clip(TURN / seconds, 3, 100)), seconds
