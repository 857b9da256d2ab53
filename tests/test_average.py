"""Weights as they are judged: averaged, with batch norms measured afresh, and back to what learns."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from training import QUICK, Heard, assert_same_weights, few_digits, weights_of

from edgecnn import arch
from edgecnn.settings import Augment
from edgecnn.train import average, fit, preprocessing_for, train
from edgecnn.train.engine import engine
from edgecnn.train.meter import Meter


def task(name="lenet", **settings):
    net = arch.build(name, classes=10, image_size=32, **({"width": 0.25} if name == "mobilenet" else {}))
    return fit.Task(net, few_digits(), preprocessing_for(name, image_size=32), replace(QUICK, epochs=1, **settings))


def test_the_average_is_that_of_the_weights_after_each_step():
    work = task(ema=0.8)
    model = fit.compiled(work)
    seen = []

    def watch(first, losses, accuracies):
        seen.append(np.array(work.net.weights[0]))

    engine(model, work.feed, 10, work.machine, Meter()).train(0, watch)
    last = np.array(work.net.weights[0])
    expected = seen[0]  # the first average is the first weights
    for weights in seen[1:]:
        expected = 0.8 * expected + 0.2 * weights
    with average.judged(model, work.net, work.settings, work.feed, 0):
        np.testing.assert_allclose(np.array(work.net.weights[0]), expected, atol=1e-6)
    np.testing.assert_array_equal(np.array(work.net.weights[0]), last)


def test_averages_go_on_after_a_kill(tmp_path):
    settings = replace(QUICK, ema=0.9, norm_batches=2)
    train("lenet", few_digits(), settings=settings, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train("lenet", few_digits(), settings=settings, out=tmp_path / "cut", progress=Heard(stop_at=15))
    train("lenet", few_digits(), settings=settings, out=tmp_path / "cut")
    assert_same_weights(weights_of(tmp_path / "cut"), weights_of(tmp_path / "whole"))


def test_batch_norms_have_the_statistics_of_the_batches():
    work = task("mobilenet", norm_batches=10, augment=Augment())
    net = work.net
    inputs = [np.random.default_rng(i).normal(i, 2, (16, 32, 32, 3)).astype("float32") for i in range(4)]
    before = net.get_weights()
    average.measure_norms(net, iter(inputs))
    norm = net.get_layer("conv1_bn")
    seen = keras.ops.convert_to_numpy(keras.Model(net.input, norm.input)(np.concatenate(inputs))).astype("float64")
    np.testing.assert_allclose(np.array(norm.moving_mean), seen.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.array(norm.moving_variance), seen.var(axis=(0, 1, 2)), rtol=1e-2)
    assert norm.momentum == 0.95
    kernels = [i for i, weight in enumerate(net.weights) if "kernel" in weight.path]
    assert all(np.array_equal(before[i], net.get_weights()[i]) for i in kernels)
