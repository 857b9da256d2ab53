"""Which pictures make up which step: decided by seed, epoch and step alone, so that a resumed training sees what it would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.data import Split
from edgecnn.train.changes import Changes

Step = dict[str, np.ndarray]


@dataclass(frozen=True)
class Feed:
    """The training split, batch after batch.

    Attributes:
        split: pictures and labels.
        batch_size: pictures a step.
        seed: of the training.
        changes: which says how many random numbers each picture needs.
    """

    split: Split
    batch_size: int
    seed: int
    changes: Changes

    @property
    def size(self) -> int:
        """Pictures a step: fewer than `batch_size` where all are fewer."""
        return min(self.batch_size, len(self.split))

    @property
    def steps(self) -> int:
        """Batches in an epoch: whole ones only, because batch norm learns nothing good from a small rest."""
        return max(1, len(self.split) // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Indices of the pictures of each step, int32 [steps, size]; the pictures left over are others in each epoch."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.split))
        return order[: self.steps * self.size].reshape(self.steps, self.size).astype("int32")

    def draws(self, epoch: int, step: int) -> np.ndarray:
        """Random numbers of one step, float32 [size, columns]."""
        return self.changes.draw(np.random.default_rng((self.seed, epoch, step)), self.size)


def slices(count: int, size: int) -> list[slice]:
    """All of `count` pictures, `size` at a time; the last slice has the rest."""
    return [slice(start, min(count, start + size)) for start in range(0, count, size)]
