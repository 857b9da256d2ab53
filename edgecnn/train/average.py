"""Weights as they are judged and kept: averaged over the last steps, batch norms measured on them afresh, where the settings ask for either."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from edgecnn.settings import Train
from edgecnn.train.feed import Feed
from edgecnn.train.learner import Learner


@contextlib.contextmanager
def judged(model: Learner, net: keras.Model, settings: Train, feed: Feed, epoch: int) -> Iterator[None]:
    """Inside, `model` and `net`, which share weights, have those that are judged; afterwards, those that go on learning.

    Args:
        model: compiled by `optimizer.build`.
        net: from input to probabilities.
        settings: whose `ema` and `norm_batches` say what is done.
        feed: of training batches.
        epoch: whose pictures the batch norms are measured on.
    """
    if not settings.ema and not settings.norm_batches:
        yield
        return
    before = [keras.ops.convert_to_numpy(variable.value).copy() for variable in model.variables]
    if settings.ema:
        overwrite(model)
    if settings.norm_batches:
        measure_norms(net, (_inputs(model, feed, epoch, step) for step in range(min(settings.norm_batches, feed.steps))))
    yield
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)


def overwrite(model: keras.Model) -> None:
    """Put the optimizer's averages in place of the weights."""
    type(model.optimizer).finalize_variable_values(model.optimizer, model.trainable_variables)


def measure_norms(net: keras.Model, batches: Iterator[np.ndarray]) -> None:
    """Give the batch norms of `net` the mean and variance over `batches`, as the network computes them in training (Wu and Johnson, 2021, arXiv:2105.07576).

    Args:
        net: changed in place; frozen batch norms keep theirs.
        batches: network inputs [N, H, W, C].
    """
    norms = [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]
    momenta = [norm.momentum for norm in norms]
    found: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in norms]
    for norm in norms:
        norm.momentum = 0.0  # then the moving statistics are those of the last batch
    for inputs in batches:
        net(inputs, training=True)
        for seen, norm in zip(found, norms, strict=True):
            seen.append(tuple(np.array(keras.ops.convert_to_numpy(value)) for value in (norm.moving_mean, norm.moving_variance)))
    for norm, momentum, seen in zip(norms, momenta, found, strict=True):
        norm.momentum = momentum
        means, variances = (np.stack(values) for values in zip(*seen, strict=True))
        norm.moving_mean.assign(means.mean(axis=0))
        norm.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))


def _inputs(model: Learner, feed: Feed, epoch: int, step: int) -> np.ndarray:
    """The network inputs of one training step."""
    chosen = feed.order(epoch)[step]
    given = {"pictures": keras.ops.convert_to_tensor(np.asarray(feed.split.pictures[chosen]))}
    if feed.changes.columns:
        given["draws"] = keras.ops.convert_to_tensor(feed.draws(epoch, step))
    labels = keras.ops.convert_to_tensor(np.eye(model.classes, dtype="float32")[feed.split.labels[chosen]])
    return model.preparation((given, labels), True)[0]
