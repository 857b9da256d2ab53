"""The epochs: train, look at val, keep the best, write down where we stand."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import keras
import numpy as np

from edgecnn.arch import heads
from edgecnn.card import Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import CheckFailed
from edgecnn.progress import Advance, Progress
from edgecnn.settings import Train
from edgecnn.train import augment, batches, optimizer
from edgecnn.train.checkpoint import Checkpoint, Epoch, State


class Watch(keras.callbacks.Callback):
    """Moves the progress bar, and stops a training whose loss is no longer a number."""

    def __init__(self, advance: Advance, epoch: int, steps: int, before: str) -> None:
        super().__init__()
        self.advance, self.epoch, self.steps, self.before = advance, epoch, steps, before

    def on_train_batch_end(self, batch: int, logs: Epoch | None = None) -> None:
        """After each step."""
        loss, accuracy = float(logs["loss"]), float(logs["accuracy"])
        if not isfinite(loss):
            step = self.epoch * self.steps + batch + 1
            raise CheckFailed(f"loss is {loss} at step {step} (epoch {self.epoch + 1}); lower the learning rate or lengthen the warm-up")
        self.advance(1, f"loss {loss:.3f} accuracy {100 * accuracy:.1f} %{self.before}")


def compiled(net: keras.Model, preprocessing: Preprocessing, settings: Train, steps: int, auxiliary: str = "") -> keras.Model:
    """The model that is trained: pictures in, logits out, with its loss and optimizer, and with auxiliary classifiers on the layers named."""
    outputs = [net.get_layer("logits").output, *heads.attach(net, auxiliary)]
    model = augment.from_pixels(net, outputs, preprocessing, settings.augment, settings.seed)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing)
    model.compile(optimizer.build(settings, steps), loss, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")], jit_compile=optimizer.jit())
    model.optimizer.build(model.trainable_variables)
    return model


def state_of(model: keras.Model) -> list[keras.Variable]:
    """Every variable that decides the next step: weights, random seeds, moments of the optimizer."""
    return [*model.variables, *model.optimizer.variables]


def read(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Copies of their values."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def score(epoch: Epoch) -> tuple[float, float]:
    """Higher is better: val accuracy, then the lower val loss."""
    return epoch["val_accuracy"], -epoch["val_loss"]


def fit(
    net: keras.Model,
    data: Dataset,
    preprocessing: Preprocessing,
    settings: Train,
    checkpoint: Checkpoint,
    progress: Progress,
    *,
    auxiliary: str = "",
) -> State:
    """Train `net` until the last epoch, from the checkpoint where there is one. Auxiliary classifiers stand on the layers named, and are gone afterwards.

    Returns:
        History and best weights, in the order of `net.weights`.

    Raises:
        CheckFailed: the loss is no longer a number. BadFile: the checkpoint cannot be written.
    """
    steps = batches.steps(data.splits["train"], settings.batch_size)
    model = compiled(net, preprocessing, settings, steps, auxiliary)
    state = checkpoint.load()
    if state is None:
        state = State()
        checkpoint.save(state)  # a folder that cannot be written is found out now, not after the first epoch
    if state.history:
        for variable, value in zip(state_of(model), state.variables, strict=True):
            variable.assign(value)
        progress.step(f"resumed after epoch {len(state.history)} of {settings.epochs}")
    with progress.track(f"training {net.name}", settings.epochs * steps) as advance:
        advance(len(state.history) * steps, "")
        while len(state.history) < settings.epochs and not stalled(state, settings):
            epoch = _epoch(model, data, settings, state, steps, advance)
            values = read(net.weights)
            check_sound(epoch, values, len(state.history))
            state.history.append(epoch)
            if state.best_epoch < 0 or score(epoch) > score(state.history[state.best_epoch]):
                state.best_epoch, state.best = len(state.history) - 1, values
            state.variables = read(state_of(model))
            checkpoint.save(state)
    return state


def check_sound(epoch: Epoch, values: Sequence[np.ndarray], number: int) -> None:
    """Refuse what a training must not keep: ReLU and max pooling can turn NaN into 0 on the way to the loss.

    Raises:
        CheckFailed: val loss or a weight is not a number after the epoch of index `number`.
    """
    if not isfinite(epoch["val_loss"]):
        raise CheckFailed(f"val loss is {epoch['val_loss']} after epoch {number + 1}; lower the learning rate or lengthen the warm-up")
    if not all(np.isfinite(value).all() for value in values):
        raise CheckFailed(f"weights are no longer numbers after epoch {number + 1}; lower the learning rate or lengthen the warm-up")


def stalled(state: State, settings: Train) -> bool:
    """Whether the best epoch lies `patience` epochs back."""
    return settings.patience is not None and len(state.history) - 1 - state.best_epoch >= settings.patience


def _epoch(model: keras.Model, data: Dataset, settings: Train, state: State, steps: int, advance: Advance) -> Epoch:
    number, classes = len(state.history), len(data.classes)
    before = f", val {100 * state.history[-1]['val_accuracy']:.1f} %" if state.history else ""
    history = model.fit(
        batches.shuffled(data.splits["train"], classes, settings.batch_size, seed=settings.seed, epoch=number),
        validation_data=batches.in_order(data.splits["val"], classes, settings.batch_size),
        callbacks=[Watch(advance, number, steps, before)],
        shuffle=False,
        verbose=0,
    ).history
    return {key: float(values[-1]) for key, values in history.items()}
