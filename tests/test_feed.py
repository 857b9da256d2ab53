"""Batches: decided by seed and epoch, and brought into the form of the input as the runners do it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from training import few_digits

from edgecnn.card import Preprocessing
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Augment
from edgecnn.train.changes import Changes
from edgecnn.train.feed import Feed, slices
from edgecnn.train.to_input import from_input, to_input

PREPROCESSINGS = [Preprocessing(8, 9), Preprocessing(8, 9, "bgr", (104, 117, 123), (1, 1, 1)), Preprocessing(8, 9, "grey", (10,), (50,))]


def feed(size=48, seed=0, augment=None):
    return Feed(few_digits().splits["train"], size, seed, Changes(augment or Augment(shift=0.1)))


def test_order_is_decided_by_seed_and_epoch():
    np.testing.assert_array_equal(feed().order(1), feed().order(1))
    assert not np.array_equal(feed().order(1), feed().order(2))
    assert not np.array_equal(feed().order(1), feed(seed=1).order(1))


def test_batches_are_whole_and_no_picture_comes_twice():
    order = feed().order(0)
    assert order.shape == (6, 48)
    assert len(set(order.ravel())) == 6 * 48
    assert feed(size=1000).order(0).shape == (1, 320)


def test_draws_are_decided_by_seed_epoch_and_step():
    np.testing.assert_array_equal(feed().draws(1, 2), feed().draws(1, 2))
    others = [feed().draws(1, 3), feed().draws(2, 2), feed(seed=1).draws(1, 2)]
    assert not any(np.array_equal(feed().draws(1, 2), other) for other in others)


def test_all_pictures_of_a_split_are_judged_once():
    assert [len(range(100)[part]) for part in slices(100, 48)] == [48, 48, 4]


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS, ids=lambda p: p.order)
def test_input_in_training_is_that_of_the_runners(preprocessing):
    pictures = np.random.default_rng(0).integers(0, 256, (64, 8, 9, 3), "uint8")
    ours = to_input(keras.ops.cast(pictures, "float32"), preprocessing)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), prepare(pictures, preprocessing), atol=1e-6)


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS[:2], ids=lambda p: p.order)
def test_an_input_gives_its_picture_back(preprocessing):
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3)).astype("float32")
    back = from_input(to_input(keras.ops.convert_to_tensor(pictures), preprocessing), preprocessing)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(back), pictures, atol=1e-3)
