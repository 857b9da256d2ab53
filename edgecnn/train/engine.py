"""What runs an epoch: one contract, and one room for JAX, one for every other backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np

from edgecnn.data import Split
from edgecnn.settings import Machine
from edgecnn.train.feed import Feed
from edgecnn.train.learner import Learner
from edgecnn.train.meter import Meter

# Called with the number of the first step (from 0), and loss and accuracy after each of the steps that follow, as means since the epoch began: [steps].
Watch = Callable[[int, np.ndarray, np.ndarray], None]


class Engine(Protocol):
    """Runs a compiled learner. Whatever it keeps on the device in between, `train` leaves the model's variables as the last step made them."""

    def train(self, epoch: int, watch: Watch) -> dict[str, float]:
        """All steps of the epoch of this number; mean loss and accuracy over them. What `watch` raises ends it."""

    def evaluate(self, split: Split) -> dict[str, float]:
        """Mean loss and accuracy over all pictures of the split, unchanged, each counted once."""


def engine(model: Learner, feed: Feed, classes: int, machine: Machine, meter: Meter) -> Engine:
    """The engine of the backend that Keras computes with."""
    room: Any
    if keras.backend.backend() == "jax":
        from edgecnn.train import engine_jax as room
    else:
        from edgecnn.train import engine_keras as room
    return room.Engine(model, feed, classes, machine, meter)
