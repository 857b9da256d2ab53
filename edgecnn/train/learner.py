"""The models that learn: pictures become inputs inside the compiled step, on the device, the random changes included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from edgecnn.arch import heads
from edgecnn.card import Preprocessing
from edgecnn.train.changes import Changes
from edgecnn.train.to_input import to_input

Tensor = Any
Data = tuple[Any, ...]


@dataclass(frozen=True)
class Preparation:
    """From what lies in memory to what the network takes.

    Attributes:
        preprocessing: of the card.
        changes: random changes to training pictures and labels.
        class_weights: weight of a picture by its class [classes], or None where all count the same.
    """

    preprocessing: Preprocessing
    changes: Changes
    class_weights: np.ndarray | None = None

    def __call__(self, data: Data, training: bool) -> Data:
        """({"pictures": uint8 [N, H, W, 3], "draws": [N, columns]}, one-hot [N, classes]) -> (input, labels) or (input, labels, weights [N])."""
        given, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        pictures = ops.cast(given["pictures"], "float32")
        if training and self.changes.columns:
            pictures, labels = self.changes(pictures, labels, given["draws"])
        if training and self.class_weights is not None:
            weights = ops.matmul(labels, ops.convert_to_tensor(self.class_weights, "float32"))
        return keras.utils.pack_x_y_sample_weight(to_input(pictures, self.preprocessing), labels, weights)


class Learner:
    """Mixed into a Keras model: its steps prepare their data first. `train_step` and `test_step` have a state before the data on JAX, and none elsewhere."""

    preparation: Preparation
    classes: int

    def train_step(self, *args: Any) -> Any:  # Keras' own signature, which depends on the backend
        """One step on changed pictures."""
        *state, data = args
        return super().train_step(*state, self.preparation(data, True))

    def test_step(self, *args: Any) -> Any:  # as above
        """Loss and metrics on pictures as they are."""
        *state, data = args
        return super().test_step(*state, self.preparation(data, False))

    def build_all(self, classes: int) -> None:
        """Make the variables of loss, metrics and optimizer, so that Keras need not look at a batch, which it would misread."""
        self.classes = classes
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)
        wanted = self.preparation.preprocessing
        inputs = np.zeros((1, wanted.height, wanted.width, wanted.channels), "float32")
        self._symbolic_build(data_batch=(inputs, np.zeros((1, classes), "float32")))


class Plain(Learner, keras.Model):
    """One output, one loss."""


class Supervised(Learner, heads.Supervised):
    """Auxiliary classifiers beside the output."""


def learner(net: keras.Model, preparation: Preparation, outputs: Sequence[Tensor]) -> Learner:
    """A model from network input to `outputs`, tensors of `net`, that learns from pictures; weights are shared with `net`."""
    made = Plain(net.input, outputs[0], name="training") if len(outputs) == 1 else Supervised(net.input, list(outputs), name="training")
    made.preparation = preparation
    return made
