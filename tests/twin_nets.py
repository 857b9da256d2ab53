"""Networks of keras.applications with random weights: what their twins in the catalog are held against, with no network at hand."""

from __future__ import annotations

from math import prod

import keras
import numpy as np

from edgecnn.catalog import CATALOG
from edgecnn.train import imagenet


def random_twin(name: str, size: int | tuple[int, int], classes: int = 5, seed: int = 0, **arguments: float) -> keras.Model:
    """The twin of a row, from pictures to logits; batch-norm statistics are random, too, and all is scaled so that pictures make a difference at the end."""
    row = CATALOG[name]
    twin = imagenet.twin(row, row.with_defaults(arguments), (size, size) if isinstance(size, int) else size, classes)
    rng = np.random.default_rng(seed)

    def value(weight: keras.Variable) -> np.ndarray:
        if "kernel" not in weight.path:
            around = 1 if "gamma" in weight.path or "variance" in weight.path else 0
            return around + rng.uniform(-0.3, 0.3, weight.shape)
        inputs = prod(weight.shape[:2]) if "depthwise" in weight.path or "conv_dw" in weight.path else prod(weight.shape[:-1])
        return rng.standard_normal(weight.shape, "float32") * (2 / inputs) ** 0.5

    twin.set_weights([value(weight) for weight in twin.weights])
    return twin


def check_equal(ours: keras.Model, twin: keras.Model) -> None:
    """Logits of the two agree to 1e-4 of their spread, and they vary from picture to picture."""
    pictures = np.random.default_rng(1).normal(size=(4, *ours.input.shape[1:])).astype("float32")
    expected = np.asarray(twin(pictures, training=False))
    spread = np.ptp(expected, axis=0).max()
    assert spread > 1e-3 * np.abs(expected).max(), "answers that do not vary prove nothing"
    logits = keras.Model(ours.input, ours.get_layer("logits").output)
    assert np.abs(np.asarray(logits(pictures, training=False)) - expected).max() <= 1e-4 * spread
