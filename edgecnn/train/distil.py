"""A small model that learns from the answers of a large one: Hinton et al., 2015, https://arxiv.org/abs/1503.02531, by `keras.distillation`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from edgecnn import card as cards
from edgecnn.card import Preprocessing
from edgecnn.errors import BadSetting
from edgecnn.runtime.keras_model import load
from edgecnn.settings import Train
from edgecnn.train.learner import Learner, Preparation
from edgecnn.train.to_input import from_input, to_input

Tensor = Any

LEAST = 1e-7  # probability whose logarithm a teacher without logits gives at least


class Distilled(Learner, keras.distillation.Distiller):
    """A student that learns from labels and from its teacher, who sees the same changed pictures."""


class Adapted(layers.Layer):
    """The student's input as the teacher wants it: other size, other preprocessing."""

    def __init__(self, given: Preprocessing, wanted: Preprocessing) -> None:
        super().__init__(dtype="float32")
        self.given, self.wanted = given, wanted

    def call(self, inputs: Tensor) -> Tensor:
        """[N, H, W, C] -> [N, H', W', C']."""
        pictures = from_input(inputs, self.given)
        if (self.given.height, self.given.width) != (self.wanted.height, self.wanted.width):
            pictures = ops.image.resize(pictures, (self.wanted.height, self.wanted.width), antialias=True, data_format="channels_last")
        return to_input(pictures, self.wanted)


def teacher(path: Path, preprocessing: Preprocessing, labels: Sequence[str]) -> keras.Model:
    """The model of a file, from the student's input to logits, never to be trained.

    Args:
        path: a .keras or .h5 file; its card says which preprocessing it wants, and which labels it gives.
        preprocessing: of the student.
        labels: of the student.

    Raises:
        BadFile: no such file, or not a model. BadSetting: it gives other labels than the student shall.
    """
    model, card = load(path), cards.read(path)
    model.trainable = False
    classes = model.output.shape[-1]
    if (card and card.labels and tuple(card.labels) != tuple(labels)) or classes != len(labels):
        theirs = ", ".join(card.labels[:4]) if card and card.labels else f"{classes} of them"
        raise BadSetting(f"teacher {path.name} has other labels ({theirs} ...) than the data set ({', '.join(labels[:4])} ...): expected the same")
    wanted = card.preprocessing if card else preprocessing
    pictures = keras.Input((preprocessing.height, preprocessing.width, preprocessing.channels), name="image")
    x = pictures if wanted == preprocessing else Adapted(preprocessing, wanted)(pictures)
    return keras.Model(pictures, _logits(model)(x), name="teacher")


def _logits(model: keras.Model) -> keras.Model:
    if any(layer.name == "logits" for layer in model.layers):
        return keras.Model(model.input, model.get_layer("logits").output)
    return keras.Model(model.input, ops.log(ops.maximum(ops.cast(model.output, "float32"), LEAST)))


def distilled(net: keras.Model, taught_by: keras.Model, preparation: Preparation, settings: Train) -> Distilled:
    """A learner of `net`'s logits under its teacher; the loss is `teacher_share` of the teacher's and the rest of the labels'."""
    student = keras.Model(net.input, layers.Activation("linear", dtype="float32", name="student_logits")(net.get_layer("logits").output), name="student")
    # An instance: Keras 3.15 takes its default, the function of that name, to the logits themselves, and the divergence of those falls below zero.
    divergence = keras.losses.KLDivergence()
    loss = keras.distillation.LogitsDistillation(temperature=settings.temperature, loss=divergence)
    made = Distilled(taught_by, student, [loss], student_loss_weight=1 - settings.teacher_share, name="training")
    made.preparation = preparation
    return made
