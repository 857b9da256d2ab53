"""Which layers learn when: all of them, or first those alone that found nothing in the weights that were taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import keras
import numpy as np

from edgecnn.data import Split
from edgecnn.settings import Train
from edgecnn.train.optimizer import Span
from edgecnn.train.weights import layers_with_weights


@dataclass(frozen=True)
class Phase:
    """Epochs in which the same layers learn.

    Attributes:
        span: its epochs and the factor on the learning rate.
        frozen: whether the layers that took weights rest. Their batch norms then use the statistics that they have.
    """

    span: Span
    frozen: bool = False


def phases(settings: Train) -> list[Phase]:
    """The phases of a training, in order; without `freeze` there is one."""
    frozen, rest = settings.freeze, settings.epochs - settings.freeze
    found = [Phase(Span(0, frozen), frozen=True)] if frozen else []
    return [*found, Phase(Span(frozen, rest, settings.thaw_rate))] if rest else found


def freeze(net: keras.Model, fresh: Collection[str], frozen: bool) -> None:
    """Let only the `fresh` layers of `net` learn, the last layer with weights where none is fresh; or, where not `frozen`, all."""
    layers = list(layers_with_weights(net))
    awake = set(fresh) or {layers[-1].name}
    for layer in layers:
        layer.trainable = not frozen or layer.name in awake


def class_weights(split: Split, classes: int, kind: str) -> np.ndarray | None:
    """Weight of a picture of each class, float32 [classes], 1 on average over the pictures; None where all classes count by their number.

    Args:
        split: training pictures; each class has some.
        classes: how many there are.
        kind: one of CLASS_WEIGHTS.
    """
    if kind == "equal":
        return None
    counts = np.bincount(split.labels, minlength=classes)
    return (len(split) / (classes * np.maximum(counts, 1))).astype("float32")
