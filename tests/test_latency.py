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


def test_every_round_gives_every_runner_two_turns(diary):
    runners = {name: Sleeper(name, 0.001, diary) for name in "abc"}
    times = latency.measure(runners, SILENT)
    turns = diary[6:]  # two calls each find how many runs fit into a turn
    rounds = [turns[i : i + 9] for i in range(0, len(turns), 9)]
    assert len(rounds) == latency.ROUNDS
    assert all(sorted(names[:3]) == ["a", "b", "c"] for names in rounds), "each is warmed up first"
    assert all(names[3:6] == names[8:5:-1] for names in rounds), "the second turns come in reversed order"
    assert all(one[:3] == other[2::-1] for one, other in zip(rounds[::2], rounds[1::2], strict=True)), "every second round is reversed"
    assert len({tuple(names) for names in rounds[::2]}) > 1, "the order within a round must vary"
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


def test_without_an_original_there_is_no_ratio():
    assert latency.summary(2, np.ones((5, 3)), None).ratio is None


def test_every_round_opens_a_file_anew(diary, tmp_path):
    class Opened(Sleeper):
        path = tmp_path / "it.tflite"
        opened = closed = 0

        def again(self):
            Opened.opened += 1
            return Opened("again", self.seconds, self.diary)

        def close(self):
            Opened.closed += 1

    Opened.path.write_bytes(b"x")
    times = latency.measure({"it": Opened("it", 0.001, diary)}, SILENT)
    assert Opened.opened == Opened.closed == len(times["it"]) == latency.ROUNDS
    assert set(diary[2:]) == {"again"}


def test_the_summary_knows_how_much_the_rounds_differ():
    times = np.repeat(np.linspace(1.0, 2.0, 11), 4).reshape(11, 4)
    still = latency.summary(1, np.ones((11, 4)), None)
    found = latency.summary(1, np.ones((11, 4)), times)
    assert still.noise == 0
    assert found.noise == pytest.approx(0.8 / 1.5), "the original's noise counts too"
    assert found.rounds == 11
    loud = latency.summary(1, times, None)
    assert loud.best == 1.0
    assert loud.median <= loud.p90 <= loud.p99 <= 2.0
    assert latency.remark([still, loud]) == "machine too noisy to tell: medians of the rounds spread by 53 %; close other programs or pin cores"
    assert latency.remark([still]) == latency.remark([]) == ""


def test_nothing_to_time():
    assert latency.measure({}, SILENT) == {}
