"""Intervals and tests of accuracy, against hand calculation, an independent optimizer and simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize, stats

from edgecnn.statistics import holm, mcnemar, paired_interval, unpaired_interval
from edgecnn.validate import verdict
from edgecnn.validate.accuracy import bootstrap_interval, change_of_counts
from edgecnn.validate.report import Verdict

Z = 1.959963984540054


def score(gained: float, lost: float, total: float, delta: float) -> float:
    """Score statistic of "the change is delta", with the nuisance share found by an optimizer instead of Tango's formula."""

    def minus_log_likelihood(share: float) -> float:
        return -(gained * np.log(share + delta) + lost * np.log(share) + (total - gained - lost) * np.log(1 - 2 * share - delta))

    low, high = max(0.0, -delta) + 1e-13, (1 - delta) / 2 - 1e-13
    share = optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (gained - lost - total * delta) / np.sqrt(total * (2 * share + delta - delta * delta))


@pytest.mark.parametrize(("gained", "lost", "total"), [(3, 9, 50), (12, 5, 300), (1, 2, 40), (30, 20, 549)])
def test_ends_of_the_paired_interval_are_where_the_score_test_rejects(gained, lost, total):
    low, high = paired_interval(gained, lost, total)
    assert score(gained, lost, total, low) == pytest.approx(Z, abs=1e-4)
    assert score(gained, lost, total, high) == pytest.approx(-Z, abs=1e-4)


def test_no_change_at_all_still_has_a_width():
    # With nothing gained or lost Tango's interval is +- z2 / (n + z2).
    low, high = paired_interval(0, 0, 360)
    assert high == pytest.approx(Z**2 / (360 + Z**2), abs=1e-6)
    assert low == -high


def test_paired_interval_is_antisymmetric():
    low, high = paired_interval(7, 2, 200)
    assert paired_interval(2, 7, 200) == pytest.approx((-high, -low))


@pytest.mark.parametrize(("gained", "lost"), [(5, 0), (0, 5)])
def test_paired_interval_reaches_the_end_when_every_picture_changed(gained, lost):
    low, high = paired_interval(gained, lost, 5)
    assert (high == 1.0) if gained else (low == -1.0)


def test_paired_interval_of_no_pictures_says_nothing():
    assert paired_interval(0, 0, 0) == (-1.0, 1.0)


# True shares of gained and lost pictures, and pictures: small changes and large, few pictures and many.
STUDIES = [(0.01, 0.02, 360), (0.05, 0.05, 100), (0.02, 0.04, 549), (0.005, 0.01, 2000), (0.004, 0.009, 10_000), (0.03, 0.05, 1000), (0.002, 0.007, 1000)]


def drawn(gain: float, loss: float, total: int, count: int = 1000) -> list[tuple[int, int]]:
    """(gained, lost) of so many validations of one network whose true change is gain - loss."""
    draws = np.random.default_rng(1).multinomial(total, [gain, loss, 1 - gain - loss], size=count)
    return [(int(g), int(m)) for g, m, _ in draws]


@pytest.mark.parametrize(("gain", "loss", "total"), STUDIES)
def test_intervals_cover_the_truth(gain, loss, total):
    truth, draws = gain - loss, drawn(gain, loss, total)

    def covered(interval: Callable[[int, int, int], tuple[float, float]]) -> float:
        found = {draw: interval(*draw, total) for draw in set(draws)}
        return np.mean([found[draw][0] <= truth <= found[draw][1] for draw in draws])

    tango, bootstrap = covered(paired_interval), covered(bootstrap_interval)
    assert 0.93 <= tango <= 0.97, tango
    assert 0.92 <= bootstrap <= 0.98, bootstrap


@pytest.mark.parametrize(("gain", "loss", "total"), STUDIES)
def test_a_network_at_the_limit_hardly_ever_fails(gain, loss, total):
    limit = 100 * (loss - gain)
    draws = drawn(gain, loss, total)
    failed = {draw: verdict.drop(change_of_counts(*draw, total), limit)[0] is Verdict.FAIL for draw in set(draws)}
    assert np.mean([failed[draw] for draw in draws]) <= 0.05


def test_a_network_over_the_limit_fails_and_one_without_loss_passes():
    failed = [verdict.drop(change_of_counts(*draw, 10_000), 0.5)[0] is Verdict.FAIL for draw in drawn(0.005, 0.025, 10_000, 100)]
    passed = [verdict.drop(change_of_counts(*draw, 10_000), 0.5)[0] is Verdict.PASS for draw in drawn(0.005, 0.005, 10_000, 100)]
    assert np.mean(failed) == 1
    assert np.mean(passed) >= 0.9


def test_holm_is_the_step_down_of_his_paper():
    # Sorted 0.01, 0.02, 0.04, 0.2: times 4, 3, 2, 1, never falling.
    assert holm([0.04, 0.01, 0.2, 0.02]) == pytest.approx([0.08, 0.04, 0.2, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("gained", "lost"), [(3, 9), (12, 5), (0, 6), (1, 0), (40, 40)])
def test_mcnemar_is_the_exact_binomial_test(gained, lost):
    assert abs(mcnemar(gained, lost) - stats.binomtest(gained, gained + lost).pvalue) <= 1e-9


def test_mcnemar_of_nothing_and_of_thousands():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(2000, 2100) == pytest.approx(stats.binomtest(2000, 4100).pvalue)


def test_unpaired_interval_is_the_one_that_newcombe_prints():
    # Newcombe, 1998, Table II, method 10: 56/70 - 48/80, and 9/10 - 3/10.
    assert unpaired_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert unpaired_interval(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_unpaired_interval_of_no_pictures_says_nothing():
    assert unpaired_interval(0, 0, 5, 10) == unpaired_interval(5, 10, 0, 0) == (-1.0, 1.0)
