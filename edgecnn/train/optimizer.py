"""Optimizer, schedule and precision from the settings."""

from __future__ import annotations

import keras
from keras import optimizers

from edgecnn.errors import BadSetting
from edgecnn.settings import Train


def schedule(settings: Train, steps: int) -> optimizers.schedules.LearningRateSchedule:
    """Linear warm-up, then half a cosine down to zero, for `steps` steps an epoch (SGDR, Loshchilov and Hutter, 2017, without restarts)."""
    total = max(1, settings.epochs * steps)
    warmup = min(round(settings.warmup * steps), total - 1)
    if warmup == 0:
        return optimizers.schedules.CosineDecay(settings.learning_rate, total)
    # A first step at rate 0 would be lost, so the warm-up begins one step up.
    first = settings.learning_rate / (warmup + 1)
    return optimizers.schedules.CosineDecay(first, total - warmup, warmup_target=settings.learning_rate, warmup_steps=warmup)


def build(settings: Train, steps: int) -> optimizers.Optimizer:
    """The optimizer of the settings; weight decay leaves biases and batch norms alone."""
    rate = schedule(settings, steps)
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        made = optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay or None)
    elif settings.optimizer == "adam":
        made = optimizers.Adam(rate, weight_decay=decay or None)
    else:
        made = optimizers.AdamW(rate, weight_decay=decay)
    if decay:
        made.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return made


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
