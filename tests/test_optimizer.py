"""Schedules and weight decay."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from edgecnn import arch
from edgecnn.errors import BadSetting
from edgecnn.settings import Train
from edgecnn.train import optimizer
from edgecnn.train.optimizer import Span


def rate_of(settings, span=None, steps=50):
    return optimizer.Rate(settings, steps, span or Span(0, settings.epochs))


def test_cosine_rises_to_the_rate_and_falls_to_nothing():
    rate = rate_of(Train(epochs=10, warmup=2, learning_rate=0.1))
    values = np.array([float(rate(step)) for step in range(501)])
    assert 0 < values[0] < 0.002
    assert values.argmax() == 100
    assert values.max() == pytest.approx(0.1, rel=1e-5)
    assert values[300] == pytest.approx(0.05, rel=1e-4)
    assert values[500] == pytest.approx(0, abs=1e-9)
    assert (np.diff(values[:100]) > 0).all()
    assert (np.diff(values[101:]) < 0).all()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_shrinks_kernels_and_leaves_biases_and_batch_norms(name):
    net = arch.build("mobilenet", image_size=32, classes=3, width=0.25, bias=True)
    net.set_weights([np.ones_like(w) for w in net.get_weights()])
    made = optimizer.build(Train(optimizer=name, weight_decay=0.1, warmup=0, learning_rate=0.5), steps=10)
    made.apply([keras.ops.zeros_like(w) for w in net.trainable_variables], net.trainable_variables)
    for weight in net.trainable_variables:
        assert float(keras.ops.min(weight)) == pytest.approx(0.95 if "kernel" in weight.path else 1), weight.path


def test_steps_drop_after_the_epochs_named():
    rate = rate_of(Train(epochs=250, warmup=0, schedule="steps", drops=(150, 225), learning_rate=0.0125), steps=10)
    found = [float(rate(step)) for step in (0, 1499, 1500, 2249, 2250, 2499)]
    assert found == pytest.approx([0.0125, 0.0125, 0.00125, 0.00125, 0.000125, 0.000125])


def test_a_later_span_has_its_own_warm_up_and_factor_and_drops_by_the_epochs_of_all():
    settings = Train(epochs=10, warmup=1, schedule="steps", drops=(6,), learning_rate=0.1, freeze=4, thaw_rate=0.5)
    rate = rate_of(settings, Span(4, 6, 0.5), steps=10)
    assert [float(rate(step)) for step in (0, 10, 19, 20)] == pytest.approx([0.05 / 11, 0.05, 0.05, 0.005])


def test_constant_stays():
    rate = rate_of(Train(epochs=3, warmup=0, schedule="constant", learning_rate=0.3))
    assert [float(rate(step)) for step in (0, 149)] == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"schedule": "steps"}, "expected drops with steps"),
        ({"drops": (3,)}, "expected drops with steps"),
        ({"schedule": "steps", "drops": (5, 3)}, "expected rising epochs"),
        ({"schedule": "line"}, "expected one of cosine, steps, constant"),
        ({"thaw_rate": 0.1}, "thaw rate 0.1 without freeze"),
    ],
    ids=str,
)
def test_schedules_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(BadSetting, match=message):
        Train(**wrong)
