"""The epochs: train, look at val, keep the best, write down where we stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import keras
import numpy as np

from edgecnn import files
from edgecnn.arch import heads
from edgecnn.card import Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import CheckFailed
from edgecnn.progress import Advance, Progress
from edgecnn.settings import Machine, Train
from edgecnn.train import distil, optimizer, transfer
from edgecnn.train.average import judged
from edgecnn.train.changes import Changes
from edgecnn.train.checkpoint import Checkpoint, Epoch, State
from edgecnn.train.engine import Engine, Watch, engine
from edgecnn.train.feed import Feed
from edgecnn.train.learner import Learner, Preparation, learner
from edgecnn.train.log import Log
from edgecnn.train.meter import Meter
from edgecnn.train.parallel import agree, leads

ADVICE = "lower the learning rate or lengthen the warm-up"


@dataclass(frozen=True)
class Task:
    """What learns what, and how.

    Attributes:
        net: from input to probabilities, with a layer `logits`; its weights are changed.
        data: pictures at the size of the input.
        preprocessing: how pixels become the input.
        settings, machine: as asked for.
        auxiliary: layers that get a classifier of their own in training, which is gone afterwards.
        teacher: from the same input to logits; None where there are labels alone.
        fresh: layers that found nothing in the weights that were taken.
    """

    net: keras.Model
    data: Dataset
    preprocessing: Preprocessing
    settings: Train
    machine: Machine = field(default_factory=Machine)
    auxiliary: str = ""
    teacher: keras.Model | None = None
    fresh: tuple[str, ...] = ()

    @property
    def feed(self) -> Feed:
        """The training batches."""
        return Feed(self.data.splits["train"], self.settings.batch_size, self.settings.seed, Changes(self.settings.augment))


def compiled(task: Task, phase: transfer.Phase | None = None) -> Learner:
    """The model that is trained in a phase, or in all epochs: pictures in, logits out, with its loss and optimizer."""
    settings, net, classes = task.settings, task.net, len(task.data.classes)
    phase = phase or transfer.Phase(optimizer.Span(0, settings.epochs))
    transfer.freeze(net, task.fresh, phase.frozen)
    weights = transfer.class_weights(task.data.splits["train"], classes, settings.class_weights)
    preparation = Preparation(task.preprocessing, task.feed.changes, weights)
    if task.teacher:
        model = distil.distilled(net, task.teacher, preparation, settings)
    else:
        model = learner(net, preparation, [net.get_layer("logits").output, *heads.attach(net, task.auxiliary)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing)
    made = optimizer.build(settings, task.feed.steps, phase.span)
    model.compile(made, loss, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")], jit_compile=optimizer.jit())
    model.build_all(classes)
    return model


def state_of(model: Learner) -> list[keras.Variable]:
    """Every variable that decides the next step: weights, random seeds, moments of the optimizer. A teacher's never change."""
    taught_by = {id(variable) for variable in model.teacher.variables} if isinstance(model, distil.Distilled) else set()
    return [*(variable for variable in model.variables if id(variable) not in taught_by), *model.optimizer.variables]


def read(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Copies of their values."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def score(epoch: Epoch) -> tuple[float, float]:
    """Higher is better: val accuracy, then the lower val loss."""
    return epoch["val_accuracy"], -epoch["val_loss"]


def fit(task: Task, checkpoint: Checkpoint, progress: Progress) -> State:
    """Train until the last epoch, from the checkpoint where there is one.

    Returns:
        History and best weights, in the order of `task.net.weights`.

    Raises:
        CheckFailed: the loss is no longer a number; the checkpoint holds the last whole epoch. BadFile: the checkpoint cannot be written.
    """
    state = checkpoint.load() or State()
    agree(len(state.history), checkpoint.folder)
    if leads():
        checkpoint.save(state)  # a folder that cannot be written is found out now, not after the first epoch
    settings, steps, meter = task.settings, task.feed.steps, Meter()
    if state.history:
        progress.step(f"resumed after epoch {len(state.history)} of {settings.epochs}")
    log = Log(checkpoint.table, state.history, task.machine.tensorboard, checkpoint.name, writes=leads())
    with log, progress.track(f"training {task.net.name}", settings.epochs * steps) as advance:
        advance(len(state.history) * steps, "")
        for number, phase in enumerate(transfer.phases(settings)):
            if len(state.history) < phase.span.start + phase.span.epochs and not stalled(state, settings):
                _phase(task, number, phase, state, checkpoint, meter, advance, log)
    transfer.freeze(task.net, (), False)
    for line in meter.lines():
        progress.step(line)
    return state


def _phase(task: Task, number: int, phase: transfer.Phase, state: State, checkpoint: Checkpoint, meter: Meter, advance: Advance, log: Log) -> None:
    """The epochs of one phase that are still to come."""
    model = compiled(task, phase)
    _restore(model, state, number)
    works = engine(model, task.feed, len(task.data.classes), task.machine, meter)
    while len(state.history) < phase.span.start + phase.span.epochs and not stalled(state, task.settings):
        epoch, values = _epoch(task, model, works, state, meter, advance)
        check_sound(epoch, values, len(state.history))
        epoch["learning_rate"] = _rate(model)
        state.history.append(epoch)
        if state.best_epoch < 0 or score(epoch) > score(state.history[state.best_epoch]):
            state.best_epoch, state.best = len(state.history) - 1, values
        state.variables, state.phase = read(state_of(model)), number
        if leads():
            checkpoint.save(state)
        log.epoch(epoch)


def _restore(model: Learner, state: State, phase: int) -> None:
    """Bring the model where `state` stands: wholly within a phase, and without the optimizer, which begins anew, after another one."""
    if not state.history:
        return
    variables = state_of(model)
    if state.phase != phase:
        variables = variables[: len(variables) - len(model.optimizer.variables)]
    for variable, value in zip(variables, state.variables, strict=False):
        variable.assign(value)


def _epoch(task: Task, model: Learner, works: Engine, state: State, meter: Meter, advance: Advance) -> tuple[Epoch, list[np.ndarray]]:
    """Figures of the next epoch, and the weights of `task.net` that were judged at its end."""
    number = len(state.history)
    before = f", val {100 * state.history[-1]['val_accuracy']:.1f} %" if state.history else ""
    began = meter.total
    epoch = works.train(number, _watch(number, task.feed.steps, advance, before))
    with judged(model, task.net, task.settings, task.feed, number):
        found = works.evaluate(task.data.splits["val"])
        values = read(task.net.weights)
    timing = {"seconds": meter.total - began, "pictures_per_second": meter.rate}
    return {**epoch, "val_loss": found["loss"], "val_accuracy": found["accuracy"], **timing}, values


def _watch(epoch: int, steps: int, advance: Advance, before: str) -> Watch:
    """Moves the progress bar, and stops a training whose loss is no longer a number."""

    def watch(first: int, losses: np.ndarray, accuracies: np.ndarray) -> None:
        if not np.isfinite(losses).all():
            place = int(np.argmin(np.isfinite(losses)))
            raise CheckFailed(f"loss is {losses[place]} at step {epoch * steps + first + place + 1} (epoch {epoch + 1}); {ADVICE}")
        advance(len(losses), f"loss {losses[-1]:.3f} accuracy {100 * accuracies[-1]:.1f} %{before}")

    return watch


def _rate(model: Learner) -> float:
    """The learning rate of the step that comes next."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def check_sound(epoch: Epoch, values: Sequence[np.ndarray], number: int) -> None:
    """Refuse what a training must not keep: ReLU and max pooling can turn NaN into 0 on the way to the loss.

    Raises:
        CheckFailed: val loss or a weight is not a number after the epoch of index `number`.
    """
    if not isfinite(epoch["val_loss"]):
        raise CheckFailed(f"val loss is {epoch['val_loss']} after epoch {number + 1}; {ADVICE}")
    if not all(np.isfinite(value).all() for value in values):
        raise CheckFailed(f"weights are no longer numbers after epoch {number + 1}; {ADVICE}")


def stalled(state: State, settings: Train) -> bool:
    """Whether the best epoch lies `patience` epochs back."""
    return settings.patience is not None and len(state.history) - 1 - state.best_epoch >= settings.patience


def save_last_good(net: keras.Model, checkpoint: Checkpoint) -> str:
    """Write the best weights of a training that failed; says which they are, "" where there are none."""
    state = checkpoint.load()
    if state is None or state.best_epoch < 0:
        return ""
    net.set_weights(state.best)
    with files.replacing(checkpoint.last_good) as temporary:
        net.save(temporary)
    val = 100 * state.history[state.best_epoch]["val_accuracy"]
    return f"; the weights of epoch {state.best_epoch + 1} (val {val:.1f} %) are in {checkpoint.last_good}"
