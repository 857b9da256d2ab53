"""Batches of pictures in an order that seed and epoch decide, so that a resumed training sees what it would have seen."""

from __future__ import annotations

import keras
import numpy as np

from edgecnn.data import Split


class Batches(keras.utils.PyDataset):
    """(pictures [B, H, W, 3] uint8, one-hot labels [B, classes] float32), batch after batch."""

    def __init__(self, split: Split, classes: int, batch_size: int, order: np.ndarray) -> None:
        super().__init__()
        self.split, self.batch_size, self.order = split, batch_size, order
        self.one_hot = np.eye(classes, dtype="float32")

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.split.pictures[chosen], self.one_hot[self.split.labels[chosen]]


def steps(split: Split, batch_size: int) -> int:
    """Batches in an epoch: whole ones only, because batch norm learns nothing good from a small rest; one where all is less than a batch."""
    return max(1, len(split) // batch_size)


def shuffled(split: Split, classes: int, batch_size: int, *, seed: int, epoch: int) -> Batches:
    """The batches of one training epoch; the pictures left over are others in each epoch."""
    order = np.random.default_rng((seed, epoch)).permutation(len(split))
    return Batches(split, classes, batch_size, order[: steps(split, batch_size) * batch_size])


def in_order(split: Split, classes: int, batch_size: int) -> Batches:
    """All pictures once, as they lie."""
    return Batches(split, classes, batch_size, np.arange(len(split)))
