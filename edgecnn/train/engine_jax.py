"""Epochs on JAX: pictures on the device or fetched ahead, many steps in one compiled call, and no waiting for results in between."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from edgecnn.data import Split
from edgecnn.settings import Machine
from edgecnn.train import parallel
from edgecnn.train.engine import Watch
from edgecnn.train.feed import Feed, Step, slices
from edgecnn.train.learner import Learner
from edgecnn.train.meter import Meter
from edgecnn.train.optimizer import accelerated

State = tuple[list[jax.Array], ...]

DISPATCH = 50  # steps at once on an accelerator at most: milliseconds of Python apart, and a bar that still moves
SHARE = 0.25  # of the device's memory that training pictures may take
AHEAD = 2  # calls whose pictures are fetched before the device wants them


class Engine:
    """See `engine.Engine`."""

    def __init__(self, model: Learner, feed: Feed, classes: int, machine: Machine, meter: Meter) -> None:
        self.model, self.feed, self.classes, self.meter, self.mesh = model, feed, classes, meter, parallel.mesh()
        at_once = min(feed.steps, machine.dispatch or (DISPATCH if accelerated() else 1))
        self.dispatch = feed.steps // -(-feed.steps // at_once)  # of equal length, with a short rest of single steps
        self.resident = () if not _on_device(feed.split, machine) else (self._put(feed.split.pictures), self._put(feed.split.labels.astype("int32")))
        self.many = jax.jit(self._many, donate_argnums=0)
        self.one = jax.jit(self._one, donate_argnums=0)
        self.judge = jax.jit(self._judge, donate_argnums=0)

    def train(self, epoch: int, watch: Watch) -> dict[str, float]:
        """See `engine.Engine.train`."""
        self.model.reset_metrics()
        state, told = self._state(), None
        with self.meter.epoch(self.feed.steps * self.feed.size):
            for first, count, given in self._parts(epoch):
                state, logs = (self.many if count > 1 else self.one)(state, self.resident, given)
                if told:
                    _tell(watch, *told)  # of the call before: the device is at work on this one meanwhile
                told = first, logs
            losses, accuracies = _tell(watch, *told)
        self._keep(state)
        return {"loss": float(losses[-1]), "accuracy": float(accuracies[-1])}

    def evaluate(self, split: Split) -> dict[str, float]:
        """See `engine.Engine.evaluate`."""
        self.model.reset_metrics()
        trainable, others, _, metrics = self._state()
        for part in slices(len(split), self.feed.batch_size):
            given = {"pictures": self._put(np.asarray(split.pictures[part]), 0), "labels": self._put(split.labels[part].astype("int32"), 0)}
            logs, metrics = self.judge(metrics, trainable, others, given)
        return {key: float(logs[key]) for key in ("loss", "accuracy")}

    def _state(self) -> State:
        model = self.model
        groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables if model.optimizer else [], model.metrics_variables)
        return tuple([variable.value for variable in group] for group in groups)

    def _keep(self, state: State) -> None:
        model = self.model
        for group, values in zip((model.trainable_variables, model.non_trainable_variables, model.optimizer.variables), state, strict=False):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _step(self, state: State, resident: tuple[jax.Array, ...], given: dict[str, jax.Array]) -> tuple[State, dict[str, jax.Array]]:
        """One training step, traced."""
        pictures, labels = (array[given["chosen"]] for array in resident) if resident else (given["pictures"], given["labels"])
        data = {"pictures": pictures} | ({"draws": given["draws"]} if "draws" in given else {})
        logs, state = self.model.train_step(state, (data, jax.nn.one_hot(labels, self.classes)))
        return state, {key: logs[key] for key in ("loss", "accuracy")}

    def _many(self, state: State, resident: tuple[jax.Array, ...], given: dict[str, jax.Array]) -> tuple[State, dict[str, jax.Array]]:
        return jax.lax.scan(lambda state, one: self._step(state, resident, one), state, given)

    def _one(self, state: State, resident: tuple[jax.Array, ...], given: dict[str, jax.Array]) -> tuple[State, dict[str, jax.Array]]:
        state, logs = self._step(state, resident, {key: values[0] for key, values in given.items()})
        return state, {key: value[None] for key, value in logs.items()}

    def _judge(self, metrics: list, trainable: list, others: list, given: dict[str, jax.Array]) -> tuple[dict[str, jax.Array], list]:
        logs, (_, _, metrics) = self.model.test_step((trainable, others, metrics), (given, jax.nn.one_hot(given.pop("labels"), self.classes)))
        return logs, metrics

    def _parts(self, epoch: int) -> Iterator[tuple[int, int, dict[str, jax.Array]]]:
        """(number of the first step, how many, what their call is given) for each call, made by a thread that stays ahead of the device."""
        order, whole = self.feed.order(epoch), self.feed.steps // self.dispatch * self.dispatch
        spans = [(first, first + self.dispatch) for first in range(0, whole, self.dispatch)] + [(first, first + 1) for first in range(whole, self.feed.steps)]
        made = (partial(self._given, order, epoch, *span) for span in spans)
        for (first, last), given in zip(spans, _ahead(made, self.meter), strict=True):
            yield first, last - first, given

    def _given(self, order: np.ndarray, epoch: int, first: int, last: int) -> dict[str, jax.Array]:
        chosen = order[first:last]
        given: Step = {"chosen": chosen}
        if not self.resident:
            split = self.feed.split
            given = {"pictures": np.stack([split.pictures[some] for some in chosen]), "labels": split.labels[chosen].astype("int32")}
        if self.feed.changes.columns:
            given["draws"] = np.stack([self.feed.draws(epoch, step) for step in range(first, last)])
        return {key: self._put(value, 1) for key, value in given.items()}

    def _put(self, array: np.ndarray, batch_axis: int | None = None) -> jax.Array:
        """On the device; under a distribution shared along the batch where that can be cut evenly, else the same everywhere."""
        if self.mesh is None:
            return jax.device_put(array)
        spec = PartitionSpec()
        if batch_axis is not None and array.shape[batch_axis] % self.mesh.size == 0:
            spec = PartitionSpec(*[None] * batch_axis, self.mesh.axis_names[0])
        return jax.make_array_from_callback(array.shape, NamedSharding(self.mesh, spec), lambda index: array[index])


def _ahead(makers: Iterator[Any], meter: Meter) -> Iterator[dict[str, jax.Array]]:
    """What the makers make, in order, `AHEAD` of them before it is asked for."""
    made: queue.Queue = queue.Queue(AHEAD)
    over = threading.Event()

    def work() -> None:
        try:
            for make in makers:
                made.put((make(), None))
                if over.is_set():
                    return
            made.put((None, None))
        except BaseException as error:  # raised again where it is waited for
            made.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            with meter.waiting():
                given, error = made.get()
            if error is not None:
                raise error
            if given is None:
                return
            yield given
    finally:
        over.set()
        while not made.empty():
            made.get_nowait()


def _tell(watch: Watch, first: int, logs: dict[str, jax.Array]) -> tuple[np.ndarray, np.ndarray]:
    losses, accuracies = np.asarray(logs["loss"]), np.asarray(logs["accuracy"])
    watch(first, losses, accuracies)
    return losses, accuracies


def _on_device(split: Split, machine: Machine) -> bool:
    if machine.place != "auto":
        return machine.place == "device"
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)
    return accelerated() and split.pictures.nbytes < SHARE * limit
