"""Epochs by Keras' own `fit`: for the TensorFlow and PyTorch backends."""

from __future__ import annotations

import keras
import numpy as np

from edgecnn.data import Split
from edgecnn.settings import Machine
from edgecnn.train.engine import Watch
from edgecnn.train.feed import Feed, Step, slices
from edgecnn.train.learner import Learner
from edgecnn.train.meter import Meter
from edgecnn.train.optimizer import accelerated

DISPATCH = 10  # steps at once on an accelerator, where nothing else is asked for


class Batches(keras.utils.PyDataset):
    """({"pictures", "draws"}, one-hot labels) of one epoch, or of a split in its order."""

    def __init__(self, split: Split, classes: int, chosen: list, meter: Meter, feed: Feed | None = None, epoch: int = 0) -> None:
        super().__init__()
        self.split, self.chosen, self.meter, self.feed, self.epoch = split, chosen, meter, feed, epoch
        self.one_hot = np.eye(classes, dtype="float32")

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> tuple[Step, np.ndarray]:
        with self.meter.waiting():
            chosen = self.chosen[index]
            given = {"pictures": np.asarray(self.split.pictures[chosen])}
            if self.feed is not None and self.feed.changes.columns:
                given["draws"] = self.feed.draws(self.epoch, index)
            return given, self.one_hot[self.split.labels[chosen]]


class Watching(keras.callbacks.Callback):
    """Hands the logs of each step on."""

    def __init__(self, watch: Watch, dispatch: int, steps: int) -> None:
        super().__init__()
        self.watch, self.dispatch, self.steps = watch, dispatch, steps
        self.done = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """After each step, or after several given at once, of which Keras tells the last."""
        first, self.done = self.done, batch + 1
        count = self.done - first
        self.watch(first, np.full(count, float(logs["loss"])), np.full(count, float(logs["accuracy"])))


class Engine:
    """See `engine.Engine`."""

    def __init__(self, model: Learner, feed: Feed, classes: int, machine: Machine, meter: Meter) -> None:
        self.model, self.feed, self.classes, self.meter = model, feed, classes, meter
        self.dispatch = min(feed.steps, machine.dispatch or (DISPATCH if accelerated() else 1))
        model.steps_per_execution = self.dispatch

    def train(self, epoch: int, watch: Watch) -> dict[str, float]:
        """See `engine.Engine.train`."""
        batches = Batches(self.feed.split, self.classes, list(self.feed.order(epoch)), self.meter, self.feed, epoch)
        watching = Watching(watch, self.dispatch, self.feed.steps)
        with self.meter.epoch(self.feed.steps * self.feed.size):
            history = self.model.fit(batches, callbacks=[watching], shuffle=False, verbose=0).history
        return {key: float(history[key][-1]) for key in ("loss", "accuracy")}

    def evaluate(self, split: Split) -> dict[str, float]:
        """See `engine.Engine.evaluate`."""
        unmeasured = Meter()
        found = self.model.evaluate(Batches(split, self.classes, slices(len(split), self.feed.batch_size), unmeasured), return_dict=True, verbose=0)
        return {key: float(found[key]) for key in ("loss", "accuracy")}
