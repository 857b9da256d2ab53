"""Mixing two training pictures and their labels."""

import numpy as np
import pytest
from keras import ops

from edgecnn.settings import Augment
from edgecnn.train.changes import Changes


def mixed(count, height=20, width=30, **settings):
    """Share of each partner's pixels in each picture, of pictures that are plain, and the labels: each picture is a class of its own."""
    pictures = np.zeros((count, height, width, 3), "float32") + np.arange(count).reshape(-1, 1, 1, 1)
    changes = Changes(Augment(**settings))
    given = pictures, np.eye(count, dtype="float32"), changes.draw(np.random.default_rng(0), count)
    found, labels = (ops.convert_to_numpy(made) for made in changes(*map(ops.convert_to_tensor, given)))
    own, partner = pictures[:, :1, :1], pictures[::-1, :1, :1]
    return (found - partner) / (own - partner), labels


def check_labels(own, labels):
    """Pictures are mixed with the one at the other end of the batch, and labels by the pixels that are counted."""
    count = len(labels)
    np.testing.assert_allclose(labels[range(count), range(count)], own.mean(axis=(1, 2, 3)), atol=1e-4)
    np.testing.assert_allclose(labels[range(count), range(count)[::-1]], 1 - own.mean(axis=(1, 2, 3)), atol=1e-4)
    assert (np.count_nonzero(labels, axis=1) <= 2).all()


def test_mixup_blends_with_the_partner_and_labels_follow():
    own, labels = mixed(200, mixup=0.4)
    check_labels(own, labels)
    assert np.ptp(own, axis=(1, 2, 3)).max() < 1e-3
    share = own[:, 0, 0, 0]
    assert share.std() == pytest.approx(np.sqrt(1 / (4 * 1.8)), abs=0.05)


def test_cutmix_pastes_one_rectangle_and_labels_count_its_pixels():
    own, labels = mixed(200, cutmix=1.0)
    check_labels(own, labels)
    theirs = own[..., 0] < 0.5
    assert (np.isclose(own, 0, atol=1e-4) | np.isclose(own, 1, atol=1e-4)).all()
    rows, columns = theirs.any(axis=2).sum(axis=1), theirs.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(theirs.sum(axis=(1, 2)), rows * columns)
    share = rows * columns / 600
    assert share.min() < 0.05
    assert 0.6 < share.max() <= 1
    assert 0.25 < theirs[:, 10, 15].mean() > theirs[:, 0, 0].mean()


def test_each_picture_gets_mixup_or_cutmix_at_even_odds():
    own, labels = mixed(250, mixup=1.0, cutmix=1.0)
    check_labels(own, labels)
    blended = ((own > 1e-3) & (own < 1 - 1e-3)).any(axis=(1, 2, 3))
    assert np.ptp(own[blended], axis=(1, 2, 3)).max() < 1e-3
    assert 95 < blended.sum() < 155


def test_a_batch_of_one_is_mixed_with_itself():
    changes = Changes(Augment(mixup=0.4, cutmix=1.0))
    picture, label = np.full((1, 4, 4, 3), 7, "float32"), np.array([[0, 1]], "float32")
    found, labels = changes(*map(ops.convert_to_tensor, (picture, label, changes.draw(np.random.default_rng(0), 1))))
    np.testing.assert_allclose(ops.convert_to_numpy(found), picture, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(labels), label, atol=1e-6)
