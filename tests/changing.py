"""What tests of random changes share."""

import numpy as np
from keras import ops

from edgecnn.settings import Augment
from edgecnn.train.changes import Changes

FILLS = {"nearest": {"mode": "edge"}, "grey": {"mode": "constant", "constant_values": 128}, "reflect": {"mode": "reflect"}}
EVERYTHING = {
    "rotation": 20,
    "shift": 0.1,
    "zoom": 0.2,
    "brightness": 0.1,
    "contrast": 0.2,
    "colour": 0.3,
    "flip": True,
    "crop": 0.1,
    "area": 0.5,
    "operations": 2,
    "strength": 0.6,
    "erase": 0.5,
    "mixup": 0.3,
    "cutmix": 1.0,
}


def tensors(*arrays):
    return [ops.convert_to_tensor(np.asarray(array, "float32")) for array in arrays]


def run(changes, pictures, draws, labels=None):
    labels = np.eye(4)[np.arange(len(pictures)) % 4] if labels is None else labels
    return [ops.convert_to_numpy(made) for made in changes(*tensors(pictures, labels, draws))]


def changed(pictures, **settings):
    changes = Changes(Augment(**settings))
    return run(changes, pictures, changes.draw(np.random.default_rng(0), len(pictures)))[0]
