"""Intervals and tests of accuracy, against hand calculation, an independent optimizer and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from edgecnn.statistics import mcnemar, paired_interval, unpaired_interval

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


@pytest.mark.parametrize(("gain", "loss", "total"), [(0.01, 0.02, 360), (0.05, 0.05, 100)])
def test_paired_interval_covers_the_truth(gain, loss, total):
    draws = np.random.default_rng(0).multinomial(total, [gain, loss, 1 - gain - loss], size=1000)
    covered = [low <= gain - loss <= high for low, high in (paired_interval(int(g), int(m), total) for g, m, _ in draws)]
    assert 0.925 <= np.mean(covered) <= 0.985


@pytest.mark.parametrize(("gained", "lost"), [(3, 9), (12, 5), (0, 6), (1, 0), (40, 40)])
def test_mcnemar_is_the_exact_binomial_test(gained, lost):
    assert mcnemar(gained, lost) == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)


def test_mcnemar_of_nothing_and_of_thousands():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(2000, 2100) == pytest.approx(stats.binomtest(2000, 4100).pvalue)


def test_unpaired_interval_is_the_one_that_newcombe_prints():
    # Newcombe, 1998, Table II, method 10: 56/70 - 48/80, and 9/10 - 3/10.
    assert unpaired_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert unpaired_interval(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_unpaired_interval_of_no_pictures_says_nothing():
    assert unpaired_interval(0, 0, 5, 10) == unpaired_interval(5, 10, 0, 0) == (-1.0, 1.0)
