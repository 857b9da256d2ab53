"""Optimizer, schedule and precision from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

import keras
from keras import ops, optimizers

from edgecnn.errors import BadSetting
from edgecnn.settings import Train

Tensor = Any


@dataclass(frozen=True)
class Span:
    """Epochs that one optimizer serves: the first, how many, and a factor on the learning rate."""

    start: int
    epochs: int
    factor: float = 1.0


class Rate(optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then what the settings say: half a cosine down to zero (SGDR, Loshchilov and Hutter, 2017, without restarts), steps, or no change."""

    def __init__(self, settings: Train, steps: int, span: Span) -> None:
        super().__init__()
        self.settings, self.steps, self.span = settings, steps, span
        self.total = max(1, span.epochs * steps)
        self.warmup = min(round(settings.warmup * steps), self.total - 1)

    def __call__(self, step: Tensor) -> Tensor:
        """The rate of the step of this number, counted from 0."""
        settings, top = self.settings, self.settings.learning_rate * self.span.factor
        step = ops.cast(step, "float32")
        if settings.schedule == "cosine":
            share = ops.clip((step - self.warmup) / (self.total - self.warmup), 0.0, 1.0)
            rate = top * 0.5 * (1 + ops.cos(pi * share))
        else:
            rate = top * ops.ones_like(step)
            for drop in settings.drops:
                rate = ops.where(step >= (drop - self.span.start) * self.steps, rate * settings.drop_factor, rate)
        # A first step at rate 0 would be lost, so the warm-up begins one step up.
        return ops.where(step < self.warmup, top * (step + 1) / (self.warmup + 1), rate)

    def get_config(self) -> dict[str, object]:
        """For Keras, which never saves a training of ours."""
        return {"settings": self.settings, "steps": self.steps, "span": self.span}


def build(settings: Train, steps: int, span: Span | None = None) -> optimizers.Optimizer:
    """The optimizer of the settings for some of their epochs, or all; weight decay leaves biases and batch norms alone."""
    rate = Rate(settings, steps, span or Span(0, settings.epochs))
    decay, ema = settings.weight_decay, {"use_ema": settings.ema > 0, "ema_momentum": settings.ema, "ema_overwrite_frequency": None}
    if settings.optimizer == "sgd":
        made = optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay or None, **ema)
    elif settings.optimizer == "adam":
        made = optimizers.Adam(rate, weight_decay=decay or None, **ema)
    else:
        made = optimizers.AdamW(rate, weight_decay=decay, **ema)
    # Keras' fit overwrites the weights with their averages whenever it ends, which here is after each epoch; `average.overwrite` does it when it is wanted.
    made.finalize_variable_values = _leave
    if decay:
        made.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return made


def _leave(trainable_variables: list) -> None:
    """Do nothing."""


def accelerated() -> bool:
    """Whether the backend computes on a GPU or TPU here."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.is_available()
    return bool(keras.distribution.list_devices()) and not keras.distribution.list_devices()[0].startswith("cpu")


def policy(settings: Train) -> str:
    """Keras dtype policy: float32, or mixed where the settings or the device want it.

    Raises:
        BadSetting: float16 on a device that has no fast float16.
    """
    if settings.precision == "auto":
        return "mixed_bfloat16" if accelerated() else "float32"
    if settings.precision == "float16" and not accelerated():
        raise BadSetting("precision float16 needs a GPU and there is none here; use --precision float32 or auto")
    return "float32" if settings.precision == "float32" else f"mixed_{settings.precision}"


def jit() -> bool | str:
    """Compile with XLA where that is faster: always on JAX, on an accelerator elsewhere. On CPU XLA's convolutions are slower than TensorFlow's own."""
    if keras.backend.backend() == "jax":
        return True
    return "auto" if keras.backend.backend() == "tensorflow" and accelerated() else False
