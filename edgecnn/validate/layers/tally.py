"""What is kept of one tensor while pictures go by: the original's values, the file's, and those of its operator alone."""

from __future__ import annotations

import numpy as np

from edgecnn.validate.layers.net import Stored

# Decibels of a tensor in which nothing differs, and the most that are told.
CLEAN = 200.0

# Calibrations cut off up to this share of the width of a tensor's values.
CUT = 0.2


class Tally:
    """Sums over the pictures of one tensor.

    Attributes:
        low, high: ends of the original's values, 0 among them.
        signal: sum of the original's squares.
        noise: sum of the squared differences of the file's values, with all noise before.
        own: the same of its operator alone; None before any is known.
        rounding: the same of the original's values once rounded as the file stores them; 0 for a float tensor.
        needed: what rounding to 8 bits costs at least, with a step that just spans the values other than zero.
        outside: values of the original that lie beyond the ends of the file's range by more than half a step.
        clipped: sum of the squared distances of these to the ends.
        count: values.
        by_channel: `own` of each channel.
    """

    def __init__(self, stored: Stored | None, axis: int, least: float = 0.0) -> None:
        """`axis` holds the channels; `least` is the smallest step that the runtime lets a file have."""
        self.stored, self.axis, self._least = stored, axis, least
        self.low = self.high = self.signal = self.noise = self.rounding = self.product = self.difference = self.clipped = 0.0
        self.own: float | None = None
        self.outside = self.count = self.filled = 0
        self._varied: np.ndarray | None = None
        self._moved: np.ndarray | None = None
        self.by_channel: np.ndarray = np.zeros(1)

    def add(self, original: np.ndarray, file: np.ndarray, alone: np.ndarray | None) -> None:
        """Take in one picture."""
        exact = original.astype(np.float64)
        self.low, self.high = min(self.low, float(exact.min())), max(self.high, float(exact.max()))
        self.signal += float(np.square(exact).sum())
        self.noise += float(np.square(file.reshape(exact.shape) - exact).sum())
        self.count, self.filled = self.count + exact.size, self.filled + int(np.count_nonzero(exact))
        if self.stored is not None:
            low, high = self.stored.ends
            half = self.stored.scale / 2
            beyond = np.maximum(low - exact, exact - high)
            beyond = beyond[beyond > half]
            self.outside, self.clipped = self.outside + beyond.size, self.clipped + float(np.square(beyond).sum())
            self.rounding += float(np.square(self.stored.rounded(original) - exact).sum())
        if alone is not None:
            self._alone(exact, alone.reshape(exact.shape).astype(np.float64))

    def _alone(self, exact: np.ndarray, alone: np.ndarray) -> None:
        self.product += float((alone * exact).sum())
        self.difference += float((alone - exact).sum())
        axes = tuple(a for a in range(exact.ndim) if a != self.axis % exact.ndim)
        self.by_channel = self.by_channel + np.square(alone - exact).sum(axes)
        self.own = float(self.by_channel.sum())
        varied, moved = (value.max(axes) - value.min(axes) for value in (exact, alone))
        self._varied = varied if self._varied is None else np.maximum(self._varied, varied)
        self._moved = moved if self._moved is None else np.maximum(self._moved, moved)

    @property
    def needed(self) -> float:
        """Sum of squares that rounding costs at least."""
        step = max((self.high - self.low) / 255, self._least)
        return self.filled * step * step / 12

    @property
    def reach(self) -> float:
        """Width of the file's range over that of the values; 1 for a float tensor."""
        used = self.high - self.low
        return (self.stored.ends[1] - self.stored.ends[0]) / used if self.stored is not None and used else 1.0

    @property
    def missing(self) -> float:
        """Share of the width of the values that lies beyond the file's range."""
        used = self.high - self.low
        if self.stored is None or not used:
            return 0.0
        low, high = self.stored.ends
        return (max(low - self.low, 0.0) + max(self.high - high, 0.0)) / used

    @property
    def excess(self) -> float | None:
        """Decibels by which the operator's own noise lies above what 8 bits cost; None before it is known.

        Rare values that a calibration has cut off to spend its steps on the others are no fault.
        """
        if self.own is None:
            return None
        noise = self.own - self.clipped if self.missing <= CUT else self.own
        return decibels(max(noise, 0.0), self.needed) if noise > 0 else -CLEAN

    @property
    def gain(self) -> float:
        """Factor by which the values come out too large."""
        return self.product / self.signal if self.signal else 1.0

    @property
    def shift(self) -> float:
        """Mean by which the values come out too large."""
        return self.difference / self.count if self.count else 0.0

    @property
    def dead(self) -> tuple[int, int]:
        """(channels that never vary although the original's do, channels)."""
        if self._varied is None:
            return 0, 0
        return int(((self._moved == 0) & (self._varied > 0)).sum()), len(self._varied)


def decibels(signal: float, noise: float | None) -> float:
    """Signal-to-noise ratio; `CLEAN` where nothing differs."""
    if not noise:
        return CLEAN
    return float(np.clip(10 * np.log10(signal / noise), -CLEAN, CLEAN)) if signal > 0 else -CLEAN
