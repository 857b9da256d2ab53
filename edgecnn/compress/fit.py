"""Fine-tuning in tf_keras, for TF-MOT: the steps, the schedule, the original as the teacher, and the same way of keeping and resuming as a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from edgecnn.card import Preprocessing
from edgecnn.compress import losses
from edgecnn.compress.answers import Answers
from edgecnn.compress.endings import operation_of
from edgecnn.compress.legacy_keras import Legacy
from edgecnn.data import Dataset, Split
from edgecnn.progress import Progress
from edgecnn.settings import Train
from edgecnn.train import optimizer
from edgecnn.train.changes import Changes
from edgecnn.train.checkpoint import Checkpoint, Epoch, State
from edgecnn.train.feed import Feed, slices
from edgecnn.train.fit import check_sound, score
from edgecnn.train.learner import Preparation
from edgecnn.train.log import Log

# Weight decay leaves these alone, as in a training.
UNDECAYED = ("bias", "beta", "gamma")


class Stage:
    """One kind of compression at work on a model.

    Attributes:
        legacy: the bridge; its variables are those of `model`, too.
        model: wrapped by TF-MOT, from the input to the logits.
        looks: at how many batches `observe` wants to look.
    """

    model: tf_keras.Model
    looks = 0

    def __init__(self, legacy: Legacy) -> None:
        self.legacy = legacy
        self.model = legacy.model

    def observe(self, batches: list[np.ndarray]) -> None:
        """Look at some batches of inputs before the first step."""

    def settle(self) -> None:
        """What must be done after the last step of an epoch, before the model is judged."""

    def ready(self, step: int) -> bool:
        """Whether the weights after so many steps may be kept at all."""
        return True

    def kept(self) -> list[np.ndarray]:
        """Weights for the Keras 3 model, as they would be kept now."""
        return self.legacy.weights()


@dataclass(frozen=True)
class Task:
    """A fine-tuning.

    Attributes:
        stage: what is done, on which model.
        data: pictures at the size of the input.
        preprocessing: how they become the input.
        settings: how to train; its `epochs`, rate, schedule, optimizer, changes, teacher's share and temperature count.
        teacher: from the same input to logits; never changes.
        answers: what is right, in the network's outputs.
    """

    stage: Stage
    data: Dataset
    preprocessing: Preprocessing
    settings: Train
    teacher: Callable[[tf.Tensor], tf.Tensor]
    answers: Answers

    @property
    def feed(self) -> Feed:
        """The training batches."""
        return Feed(self.data.splits["train"], self.settings.batch_size, self.settings.seed, Changes(self.settings.augment))


def fit(task: Task, checkpoint: Checkpoint, progress: Progress, what: str) -> State:
    """Train until the last epoch, from the checkpoint where there is one.

    Returns:
        History and best weights, in the order of the Keras 3 model's. Only epochs after which all of the compression is in place are candidates.

    Raises:
        CheckFailed: the loss is no longer a number. BadFile: the checkpoint cannot be written.
    """
    state = checkpoint.load() or State()
    checkpoint.save(state)
    epochs, feed, works = task.settings.epochs, task.feed, _Works(task)
    if state.history:
        progress.step(f"resumed after epoch {len(state.history)} of {epochs} of {what}")
        works.restore(state.variables)
    elif task.stage.looks:
        task.stage.observe([works.inputs(0, step) for step in range(min(task.stage.looks, feed.steps))])
    with Log(checkpoint.table, state.history) as log, progress.track(what, epochs * feed.steps) as advance:
        advance(len(state.history) * feed.steps, "")
        while len(state.history) < epochs:
            number = len(state.history)
            epoch = works.train(number, lambda loss, right: advance(1, f"loss {loss:.3f} accuracy {100 * right:.1f} %{_before(state)}"))
            task.stage.settle()
            values = task.stage.kept()
            epoch |= works.evaluate(task.data.splits["val"])
            check_sound(epoch, values, number)
            state.history.append(epoch)
            candidate = task.stage.ready((number + 1) * feed.steps) or number + 1 == epochs
            if candidate and (state.best_epoch < 0 or score(epoch) >= score(state.history[state.best_epoch])):
                state.best_epoch, state.best = number, values
            state.variables = works.read()
            checkpoint.save(state)
            log.epoch(epoch)
    return state


def _before(state: State) -> str:
    return f", val {100 * state.history[-1]['val_accuracy']:.1f} %" if state.history else ""


class _Works:
    """The compiled steps."""

    def __init__(self, task: Task) -> None:
        self.task, self.feed, self.model = task, task.feed, task.stage.model
        self.answers = task.answers
        self.preparation = Preparation(task.preprocessing, self.feed.changes)
        self.optimizer = _optimizer(task.settings)
        self.optimizer.build(self.model.trainable_variables)
        rate = optimizer.Rate(task.settings, self.feed.steps, optimizer.Span(0, max(1, task.settings.epochs)))
        self.rates = [float(rate(step)) for step in range(task.settings.epochs * self.feed.steps)]
        self.step = tf.function(self._step, autograph=False)
        self.judge = tf.function(self._judge, autograph=False, reduce_retracing=True)

    def train(self, epoch: int, watch: Callable[[float, float], None]) -> Epoch:
        """One epoch; mean loss and accuracy."""
        losses, rights = [], []
        for step, chosen in enumerate(self.feed.order(epoch)):
            self.optimizer.learning_rate.assign(self.rates[epoch * self.feed.steps + step])
            given, labels = self._batch(epoch, step, chosen)
            loss, right = self.step(given, labels)
            losses.append(float(loss))
            rights.append(float(right))
            watch(float(np.mean(losses)), float(np.mean(rights)))
        return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(rights)), "learning_rate": self.rates[epoch * self.feed.steps]}

    def evaluate(self, split: Split) -> Epoch:
        """Loss of the labels and accuracy over a split."""
        loss, right = 0.0, 0.0
        for part in slices(len(split), self.feed.batch_size):
            found = self.judge(tf.constant(np.asarray(split.pictures[part])), tf.constant(self.answers.targets(split, part)))
            loss, right = loss + float(found[0]), right + float(found[1])
        return {"val_loss": loss / len(split), "val_accuracy": right / len(split)}

    def inputs(self, epoch: int, step: int) -> np.ndarray:
        """Network inputs of one training step."""
        given, labels = self._batch(epoch, step, self.feed.order(epoch)[step])
        return self._prepare(given, labels, True)[0].numpy()

    def read(self) -> list[np.ndarray]:
        """Everything that decides the next step."""
        return [variable.numpy() for variable in self._state()]

    def restore(self, values: list[np.ndarray]) -> None:
        """Bring that back."""
        for variable, value in zip(self._state(), values, strict=True):
            variable.assign(value)

    def _state(self) -> list[tf.Variable]:
        own = {id(v): v for v in [*(v for layer in self.task.stage.legacy.variables.values() for v in layer), *self.model.variables]}
        return [*own.values(), *self.optimizer.variables]

    def _batch(self, epoch: int, step: int, chosen: np.ndarray) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        given = {"pictures": tf.constant(np.asarray(self.feed.split.pictures[chosen]))}
        if self.feed.changes.columns:
            given["draws"] = tf.constant(self.feed.draws(epoch, step))
        return given, tf.constant(self.answers.targets(self.feed.split, chosen))

    def _step(self, given: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        settings = self.task.settings
        x, labels = self._prepare(given, labels, True)
        # Without right answers the teacher's are all that there is to learn.
        share, warm = 1.0 if self.answers.rows is None else settings.teacher_share, settings.temperature
        independent = self.answers.independent
        with tf.GradientTape() as tape:
            logits = self._logits(self.model(x, training=True), labels)
            loss = (1 - share) * losses.entropy(labels, logits, settings.label_smoothing, independent)
            if share:
                taught = self._logits(self.task.teacher(x), labels)
                loss += share * warm**2 * losses.divergence(taught / warm, logits / warm, independent)
            if self.answers.rows is None:
                labels = self._best(taught)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return loss, tf.reduce_mean(losses.right(labels, logits, self.answers.one_by_one))

    def _judge(self, pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, labels = self._prepare({"pictures": pictures}, labels, False)
        logits = self._logits(self.model(x, training=False), labels)
        if self.answers.rows is None:
            labels = self._best(self._logits(self.task.teacher(x), labels))
        each = losses.each(labels, logits, self.answers.independent)
        return tf.reduce_sum(each), tf.reduce_sum(losses.right(labels, logits, self.answers.one_by_one))

    def _prepare(self, given: dict[str, tf.Tensor], labels: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Network inputs and targets; a gray input may have no axis of channels."""
        x, labels = self.preparation((given, labels), training)
        return (tf.squeeze(x, -1) if len(self.model.inputs[0].shape) == 3 else x), labels

    def _logits(self, scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Logits in the form of the targets [N, scores]."""
        return losses.logits_of(tf.reshape(scores, tf.shape(labels)), self.answers.scale, self.answers.independent)

    def _best(self, taught: tf.Tensor) -> tf.Tensor:
        """The teacher's own answers as targets."""
        if self.answers.one_by_one:
            return tf.cast(taught > 0, tf.float32)
        return tf.one_hot(tf.argmax(taught, -1), self.answers.width)


def _optimizer(settings: Train) -> tf_keras.optimizers.Optimizer:
    """That of the settings; weight decay leaves biases and batch norms alone."""
    decay = settings.weight_decay or None
    if settings.optimizer == "sgd":
        made = tf_keras.optimizers.SGD(0.0, momentum=0.9, nesterov=True, weight_decay=decay, jit_compile=False)
    else:
        made = tf_keras.optimizers.Adam(0.0, weight_decay=decay, jit_compile=False)
    if decay:
        made.exclude_from_weight_decay(var_names=list(UNDECAYED))
    return made


def teacher(net: keras.Model, output: str | None) -> Callable[[tf.Tensor], tf.Tensor]:
    """The Keras 3 model from its input to the layer `output`, in inference."""
    whole = keras.Model(net.input, operation_of(net, output).output if output else net.output)
    return lambda x: tf.stop_gradient(whole(x, training=False))
