"""Two files timed on a machine that exists in numbers only: the true ratio is known, and so is every kind of noise."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

RUNS = 12  # of one turn


def white(rng: np.random.Generator, slots: int) -> np.ndarray:
    """Every run by itself."""
    return rng.lognormal(0, 0.1, slots)


def autocorrelated(rng: np.random.Generator, slots: int) -> np.ndarray:
    """A clock rate that wanders: what it is now says what it will be for about a hundred runs."""
    steps = rng.normal(0, 0.2 * np.sqrt(1 - 0.99**2), slots)
    steps[0] = rng.normal(0, 0.2)
    return np.exp(lfilter([1], [1, -0.99], steps)) * rng.lognormal(0, 0.02, slots)


def bursts(rng: np.random.Generator, slots: int) -> np.ndarray:
    """Another program that takes half of the core for some 40 runs, a fifth of the time."""
    edges = np.cumsum(rng.exponential(np.tile((160, 40), slots // 40 + 1)))
    busy = np.searchsorted(edges, np.arange(slots) + rng.uniform(0, 200)) % 2
    return (1 + busy) * rng.lognormal(0, 0.02, slots)


def drift(rng: np.random.Generator, slots: int) -> np.ndarray:
    """A processor that gets hot: three times as slow at the end."""
    return np.linspace(1, 3, slots) * rng.lognormal(0, 0.05, slots)


KINDS = {kind.__name__: kind for kind in (white, autocorrelated, bursts, drift)}


def timed(rng: np.random.Generator, kind: str, rounds: int, truth: float = 1.0, layout: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Seconds [rounds, runs] of a file and of its original, which takes 1 second; in each round turns A B B A or B A A B.

    Args:
        truth: the true ratio.
        layout: how much one opening of a file differs from another, as a share.
    """
    slow = KINDS[kind](rng, rounds * 4 * RUNS).reshape(rounds, 4, RUNS)
    opened = rng.lognormal(0, layout, (2, rounds, 1))
    first = rng.integers(0, 2, rounds).astype(bool)[:, None]
    outer, inner = (np.concatenate([slow[:, i], slow[:, j]], axis=1) for i, j in ((0, 3), (1, 2)))
    return truth * opened[0] * np.where(first, outer, inner), opened[1] * np.where(first, inner, outer)
