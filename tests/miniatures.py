"""Every row as small as it can be while all of its layers are there."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import pytest

from edgecnn.arch import build
from edgecnn.catalog import CATALOG

WIDTH = 0.125

# Rows that are as another one of their family, only deeper: what takes long is run for them by `tools/test.sh --all` alone.
DEEP = {
    *("resnet56", "resnet101", "resnet152", "resnet101_keras", "resnet152_keras", "resnet110", "plain56", "resnext101_32x8d", "senet154"),
    *("inception_resnet_v2", "densenet121", "densenet169", "densenet201", "densenet121_handbook", "vgg19"),
}


def deep_ones_slow(names: Iterable[str]) -> list[object]:
    """Parameters of a test, DEEP rows marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow if name in DEEP else ()) for name in names]


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
