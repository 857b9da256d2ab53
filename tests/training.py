"""What tests of training share: a few digits, settings of seconds, and a listener."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace

import keras
import numpy as np

from edgecnn import data
from edgecnn.data import Dataset, Split
from edgecnn.progress import Progress
from edgecnn.settings import Augment, Train
from edgecnn.train import preprocessing_for

# Every source of chance is on: order, dropout, augmentation.
QUICK = Train(epochs=3, warmup=1, learning_rate=2e-3, augment=Augment(rotation=10, shift=0.05, zoom=0.1, brightness=0.1, contrast=0.1))
DROPOUT = {"dropout": 0.2}


class Heard(Progress):
    """Remembers what was said, and can stop the work at a step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[str] = []
        self.stop_at, self.done = stop_at, 0

    def step(self, text):
        self.said.append(text)

    @contextlib.contextmanager
    def track(self, text, total):
        def advance(units, note=""):
            self.done += units
            if self.stop_at is not None and self.done >= self.stop_at:
                raise KeyboardInterrupt

        yield advance


@functools.cache
def few_digits() -> Dataset:
    """320 digits to train on, 100 each for val and test."""
    whole = data.load("digits", preprocessing_for("lenet"))
    counts = {"train": 320, "val": 100, "test": 100}
    return replace(whole, splits={name: some(whole.splits[name], count) for name, count in counts.items()}, digest="some of " + whole.digest)


def some(split: Split, count: int) -> Split:
    """Some of the pictures, of all classes."""
    chosen = np.random.default_rng(0).permutation(len(split))[:count]
    return Split(np.asarray(split.pictures)[chosen], split.labels[chosen], tuple(split.names[i] for i in chosen))


def weights_of(folder, name="lenet"):
    """Weights of a file."""
    return keras.saving.load_model(folder / f"{name}.keras", compile=False).get_weights()


def assert_same_weights(one, other):
    """Bit by bit."""
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
