"""Latency of several files, timed in turn: what the machine does meanwhile falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from edgecnn.progress import Progress
from edgecnn.runtime.contract import Runner
from edgecnn.validate.ratio import FEWEST_ROUNDS, ratio, ratio_interval
from edgecnn.validate.report import Latency

__all__ = ["FEWEST_ROUNDS", "NOISY", "ROUNDS", "measure", "ratio", "ratio_interval", "remark", "summary"]

Key = TypeVar("Key")

WARM_UP = 5
ROUNDS = 16
# Seconds of one runner's turn, of which it has two a round: longer than the scheduler's time slice, short against changes of the clock rate.
TURN = 0.02
RUNS = (2, 300)
# Seconds for all rounds together.
BUDGET = 20.0
# Bytes of a file above which it is not opened anew each round: two copies would fill the memory, and its weights come from there anyway.
LARGEST = 200_000_000
# Spread of the rounds' medians above which a machine is too noisy to tell: half of the figure itself. Intervals held where it was up to 46 %
# (tools/latency_coverage.py); beyond, the middle of the rounds is one of two or more speeds, and chance picks which.
NOISY = 0.5


@runtime_checkable
class Reopening(Protocol):
    """A runner that can open its file once more."""

    def again(self) -> Runner:
        """A new runner of the same file, preprocessing and number of threads."""
        ...


def measure(runners: Mapping[Key, Runner], progress: Progress) -> dict[Key, np.ndarray]:
    """Seconds of every run, [rounds, runs of a round], for each runner.

    Each round opens every file anew, in shuffled order, and gives each two turns, the second in reversed order (A B C C B A), so that nobody always follows
    the same neighbour and a steady drift cancels. Every second round has the order of the one before, reversed: the first to be opened gets other memory
    than the last, so all must come first as often. Anew, because where a network's memory happens to lie makes two copies
    of one small file differ by 2 % for as long as both stay open: no number of further rounds would show that, and the interval over such rounds missed
    1.00 in 5 to 15 of 20 runs.
    A model that lives in another process (Keras) stays open, as does a file of more than 200 MB.
    """
    if not runners:
        return {}
    keys, shuffle = list(runners), np.random.default_rng(0)
    runs = {key: _runs(runner) for key, runner in runners.items()}
    times: dict[Key, list[list[float]]] = {key: [] for key in keys}
    start, rounds = time.perf_counter(), ROUNDS
    with progress.track("timing", ROUNDS) as advance:
        done, order = 0, keys
        while done < rounds:
            order = order[::-1] if done % 2 else [keys[i] for i in shuffle.permutation(len(keys))]
            for key, taken in _round(runners, runs, order).items():
                times[key].append(taken)
            done += 1
            spent = (time.perf_counter() - start) / done
            rounds = int(np.clip(BUDGET / spent, FEWEST_ROUNDS, ROUNDS))
            advance(1 if done < rounds else ROUNDS - done + 1, "")
    return {key: np.array(rows) for key, rows in times.items()}


def summary(threads: int, times: np.ndarray, original: np.ndarray | None) -> Latency:
    """What the times of one file say, and the ratio to the original's times of the same rounds."""
    best, median, p90, p99 = (float(v) for v in np.percentile(times, (0, 50, 90, 99)))
    noise = max(spread(these) for these in (times, original) if these is not None)
    found = ratio(times, original) if original is not None else (None, None, None)
    return Latency(threads, times.size, median, p90, *found, p99=p99, best=best, noise=noise, rounds=len(times))


def spread(times: np.ndarray) -> float:
    """Distance between the 10th and the 90th percentile of the rounds' medians, as a share of their median."""
    medians = np.median(times, axis=1)
    low, high = np.percentile(medians, (10, 90))
    return float((high - low) / np.median(medians))


def remark(timed: Sequence[Latency]) -> str:
    """A sentence for a machine that was too noisy to tell, "" for one that was not."""
    worst = max((one.noise for one in timed), default=0.0)
    if worst <= NOISY:
        return ""
    return f"machine too noisy to tell: medians of the rounds spread by {100 * worst:.0f} %; close other programs or pin cores"


def _round(runners: Mapping[Key, Runner], runs: Mapping[Key, int], order: Sequence[Key]) -> dict[Key, list[float]]:
    taken: dict[Key, list[float]] = {key: [] for key in order}
    with ExitStack() as stack:
        fresh = {key: _fresh(runners[key], stack) for key in order}
        for key in order:
            fresh[key].latencies(min(WARM_UP, runs[key]))
        for key in (*order, *reversed(order)):
            taken[key] += fresh[key].latencies(runs[key])
    return taken


def _fresh(runner: Runner, stack: ExitStack) -> Runner:
    if not isinstance(runner, Reopening) or runner.path.stat().st_size > LARGEST:
        return runner
    return stack.enter_context(closing(runner.again()))


def _runs(runner: Runner) -> int:
    """Runs of one turn, found after warming up."""
    runner.latencies(2)
    seconds = float(np.median(runner.latencies(3)))
    return int(np.clip(TURN / seconds, *RUNS))
