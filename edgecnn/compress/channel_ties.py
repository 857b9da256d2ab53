"""Channels as numbers, and which of them can only go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The channel that is never cut. What is tied to it stays, too.
FIXED = 0


@dataclass(frozen=True)
class Labels:
    """Whose channels lie along one axis of a tensor; what lies along the others is whole.

    Attributes:
        axis: of the tensor; the batch is 0.
        channels: a number for each place on that axis [size]. The same number may come again: these places go together.
    """

    axis: int
    channels: np.ndarray

    @staticmethod
    def fixed(shape: tuple[int | None, ...]) -> Labels:
        """Of a tensor [batch, ...] that is never cut."""
        return Labels(len(shape) - 1, np.full(shape[-1] or 1, FIXED))


class Ties:
    """Sets of channels that go together: the classic forest of disjoint sets."""

    def __init__(self) -> None:
        self._parents = [FIXED]

    def fresh(self, count: int) -> np.ndarray:
        """Numbers of new channels, each on its own."""
        made = np.arange(len(self._parents), len(self._parents) + count)
        self._parents += made.tolist()
        return made

    def tie(self, one: np.ndarray, other: np.ndarray) -> None:
        """Each channel of `one` goes with the one of `other` at the same place."""
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted((self._root(a), self._root(b)))
            self._parents[high] = low  # so that FIXED is always a root

    def fix(self, channels: np.ndarray) -> None:
        """These stay."""
        self.tie(channels, np.full(channels.shape, FIXED))

    def roots(self) -> np.ndarray:
        """For each channel the one that stands for its set; FIXED for what is never cut."""
        return np.array([self._root(channel) for channel in range(len(self._parents))])

    def _root(self, channel: int) -> int:
        while self._parents[channel] != channel:
            self._parents[channel] = self._parents[self._parents[channel]]
            channel = self._parents[channel]
        return channel
