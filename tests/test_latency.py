"""Latency: rounds that alternate, ratios with intervals. The runners here sleep or replay, so that the truth is known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edgecnn.progress import SILENT
from edgecnn.validate import latency


class Sleeper:
    """Runs for a known time and writes down when it was asked."""

    def __init__(self, name: str, seconds: float, diary: list[str]) -> None:
        self.name, self.seconds, self.diary = name, seconds, diary

    def latencies(self, runs: int) -> list[float]:
        self.diary.append(self.name)
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            time.sleep(self.seconds)
            times.append(time.perf_counter() - start)
        return times


@pytest.fixture
def diary() -> list[str]:
    return []


def test_every_round_gives_every_runner_one_turn(diary):
    runners = {name: Sleeper(name, 0.001, diary) for name in "abc"}
    times = latency.measure(runners, SILENT)
    turns = diary[6:]  # two warm-ups each come first
    rounds = [turns[i : i + 3] for i in range(0, len(turns), 3)]
    assert len(rounds) == latency.ROUNDS
    assert all(sorted(names) == ["a", "b", "c"] for names in rounds)
    assert len({tuple(names) for names in rounds}) > 1, "the order within a round must vary"
    assert {rows.shape[0] for rows in times.values()} == {latency.ROUNDS}


def test_the_ratio_is_found(diary):
    times = latency.measure({"slow": Sleeper("slow", 0.004, diary), "fast": Sleeper("fast", 0.002, diary)}, SILENT)
    found = latency.summary(1, times["fast"], times["slow"])
    assert 0.4 < found.ratio < 0.75
    assert found.ratio_low <= found.ratio <= found.ratio_high
    assert found.median <= found.p90
    assert found.runs == times["fast"].size


def test_slow_runners_get_fewer_rounds_not_more_time(diary, monkeypatch):
    monkeypatch.setattr(latency, "BUDGET", 0.1)
    times = latency.measure({"a": Sleeper("a", 0.01, diary)}, SILENT)
    assert len(times["a"]) == latency.FEWEST_ROUNDS


def test_drift_that_falls_on_both_does_not_widen_the_ratio():
    drift = np.linspace(1, 3, 15)[:, None]
    noise = np.random.default_rng(0).normal(1, 0.01, (2, 15, 10))
    low, high = latency.ratio_interval(0.5 * drift * noise[0], drift * noise[1])
    assert 0.45 < low <= 0.5 <= high < 0.55


def test_the_interval_of_the_ratio_covers_the_truth():
    rng, hits = np.random.default_rng(1), 0
    for seed in range(60):
        ours, theirs = rng.lognormal(0, 0.2, (2, 15, 5))
        low, high = latency.ratio_interval(0.7 * ours, theirs, seed)
        hits += low <= 0.7 <= high
    assert hits >= 51


def test_without_an_original_there_is_no_ratio():
    assert latency.summary(2, np.ones((5, 3)), None).ratio is None


def test_nothing_to_time():
    assert latency.measure({}, SILENT) == {}
