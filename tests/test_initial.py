"""Fresh weights come from NumPy, so that every backend has the same; their distributions are Keras' own."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from edgecnn import arch
from edgecnn.catalog import CATALOG
from edgecnn.train import initial


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform", "lecun_normal", "he_uniform", "glorot_normal", "lecun_uniform"])
def test_values_have_the_spread_of_keras_own(name):
    shape = (3, 3, 48, 64)
    initializer = keras.initializers.get(name)
    ours = initial._values(shape, initializer, np.random.default_rng(0))
    theirs = keras.ops.convert_to_numpy(initializer(shape))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert abs(ours.mean()) < 0.02 * ours.std()
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.02)


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet_v3_small", "squeezenet", "xception", "resnet20", "densenet121"])
def test_nothing_random_is_left_to_the_backend(name):
    nets = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)  # what Keras draws differs
        nets.append(arch.build(name, classes=4, image_size=CATALOG[name].smallest))
        initial.draw(nets[-1], 7)
    for one, other in zip(nets[0].weights, nets[1].weights, strict=True):
        assert "seed" in one.path or np.array_equal(one, other), one.path


def test_another_seed_gives_other_weights():
    net = arch.build("lenet", image_size=32)
    initial.draw(net, 0)
    before = net.get_weights()
    initial.draw(net, 1)
    assert not np.array_equal(net.get_weights()[0], before[0])
