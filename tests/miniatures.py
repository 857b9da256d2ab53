"""Every row as small as it can be while all of its layers are there."""

from __future__ import annotations

import keras

from edgecnn.arch import build
from edgecnn.catalog import CATALOG

WIDTH = 0.125


def size(name: str) -> int:
    """Pixels of both sides: the smallest that the row takes, at least 32."""
    return max(CATALOG[name].smallest, 32)


def arguments(name: str) -> dict[str, float]:
    """An eighth of the width, where the row has one; no dropout, so that every weight gets a gradient."""
    small = {"width": WIDTH, "dropout": 0.0}
    return {key: value for key, value in small.items() if key in CATALOG[name].arguments}


def miniature(name: str, seed: int = 0) -> keras.Model:
    """The row with fresh weights, seven classes and few filters; a module as it is."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    if name not in CATALOG:
        return build(name)
    return build(name, classes=7, image_size=size(name), **arguments(name))
