"""The interval of a ratio of latencies covers the true one in 95 of 100 cases, whatever the machine does meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_machine import KINDS, timed

from edgecnn.validate.ratio import FEWEST_ROUNDS, ratio, ratio_interval

REPEATS = 1000


@pytest.mark.parametrize("rounds", [FEWEST_ROUNDS, 10, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_covers_the_truth(kind, rounds):
    rng, hits = np.random.default_rng(7), 0
    for _ in range(REPEATS):
        low, high = ratio_interval(*timed(rng, kind, rounds, truth=0.7))
        hits += low <= 0.7 <= high
    assert 0.93 <= hits / REPEATS <= 0.98 if rounds == FEWEST_ROUNDS else 0.93 <= hits / REPEATS <= 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_two_thirds_is_told_from_its_original(kind):
    rng = np.random.default_rng(3)
    assert sum(ratio_interval(*timed(rng, kind, 16, truth=0.67))[1] < 1 for _ in range(50)) >= 48


def test_what_lasts_longer_than_a_round_cancels():
    drift = np.linspace(1, 3, 15)[:, None]
    noise = np.random.default_rng(0).normal(1, 0.01, (2, 15, 10))
    middle, low, high = ratio(0.5 * drift * noise[0], drift * noise[1])
    assert middle == pytest.approx(0.5, rel=0.01)
    assert high - low < 0.01


def test_one_spoilt_round_widens_the_interval_only_a_little():
    ours, theirs = np.random.default_rng(1).normal(1, 0.01, (2, 15, 10))
    low, high = ratio_interval(ours, theirs)
    ours[4] *= 10
    spoilt = ratio_interval(ours, theirs)
    assert spoilt[1] - spoilt[0] < 2 * (high - low)


def test_swapped_files_give_the_inverse():
    rng = np.random.default_rng(2)
    ours, theirs = timed(rng, "bursts", 12)
    middle, low, high = ratio(ours, theirs)
    assert ratio(theirs, ours) == pytest.approx((1 / middle, 1 / high, 1 / low))


def test_five_rounds_are_all_the_interval_knows():
    ours = np.array([[1.0], [1.1], [1.2], [1.3], [1.4]])
    assert ratio_interval(ours, np.ones((5, 1))) == pytest.approx((1.0, 1.4))


def test_the_ends_are_those_of_the_tables_of_signed_ranks():
    """Critical values of the signed-rank sum at 5 %, two-sided: 0 of 6, 8 of 10, 25 of 15 (Wilcoxon, 1945; Conover, table A12)."""
    from edgecnn.validate.ratio import _cut

    assert [_cut(n) for n in (6, 10, 15)] == [0, 8, 25]
