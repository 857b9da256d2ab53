"""Activation ranges: which reals an integer tensor spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn.card import INPUT, OUTPUT, Preprocessing
from edgecnn.export.observe import Extremes

# Shares of the full range that are tried.
CLIPS = np.linspace(0.2, 1.0, 41)

# A clip is chosen by the mean fourth power of the error over the sample, which keeps what the sample shows and cuts what is rarer than about one value
# in a hundred thousand. The extremes spend steps on such values; a mean square cuts large values that carry an answer. Agreement of int8 with float in
# the setting of tools/compare_with_guide.py (500 photos): SqueezeNet 88.0 % with the extremes, 89.6 with the square, 90.6 with the fourth power;
# MobileNet 0.25: 65.2, 63.8 and 65.6.
POWERS = {"fourth": 4, "square": 2}

# Share of the values on each side that `percentile` leaves out.
RARE = 1e-4

BINS = 2048


@dataclass(frozen=True)
class Range:
    """What one tensor spans.

    Attributes:
        low, high: its extremes.
        clip: the share of both that eight bits should span; finer formats take all of it.
    """

    low: float
    high: float
    clip: float = 1.0

    @property
    def clipped(self) -> tuple[float, float]:
        """Least and largest value for eight bits."""
        return self.low * self.clip, self.high * self.clip


Ranges = Mapping[str, Range]
Means = Mapping[str, np.ndarray]


def choose(observed: Mapping[str, Extremes], kind: str = "fourth") -> dict[str, Range]:
    """Extremes and clip of every tensor by one of `settings.RANGES`; the output is never clipped."""
    return {name: Range(seen.low, seen.high, 1.0 if name == OUTPUT else _clip(seen, kind)) for name, seen in observed.items()}


def _clip(seen: Extremes, kind: str) -> float:
    if kind in POWERS:
        return best_clip(seen, POWERS[kind])
    if kind == "extremes" or seen.low == seen.high:
        return 1.0
    ends = zip(np.quantile(seen.sample, (RARE, 1 - RARE)), (min(seen.low, 0.0), max(seen.high, 0.0)), strict=True)
    return float(np.clip(max(end / whole for end, whole in ends if whole), CLIPS[0], 1.0))


def best_clip(seen: Extremes, power: int = 4, levels: int = 256) -> float:
    """The share of a tensor's range over which `levels` even steps make the least error in the mean of this power."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    if low == high:
        return 1.0
    counts, edges = np.histogram(seen.sample, BINS, (low, high))
    values = (edges[:-1] + edges[1:]) / 2
    step = CLIPS[:, None] * (high - low) / (levels - 1)
    least = np.rint(CLIPS[:, None] * low / step)
    rounded = np.clip(np.rint(values / step), least, least + levels - 1) * step
    return float(CLIPS[(np.abs(rounded - values) ** power @ counts).argmin()])


def with_exact_input(ranges: Ranges, preprocessing: Preprocessing) -> dict[str, Range]:
    """`ranges` with the input's own set to what bytes 0 and 255 become, so that every byte has its own quantized value.

    For (pixel - 128) / 128 that is -1 and 127/128, hence scale 1/128 and zero point 128 (uint8) or 0 (int8). Pictures that happen not to
    reach both ends would give another scale.
    """
    return {**ranges, INPUT: Range(*preprocessing.bounds)}
