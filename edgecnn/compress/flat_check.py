"""Whether a flat copy of a model gives the same scores as the model."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from edgecnn.errors import BadFile
from edgecnn.sources.keras_input import is_channels_first

# Largest difference of scores, as a share of their spread, that sums in another order may bring; and that half precision brings.
TOLERANCE, TOLERANCE_HALF = 1e-3, 0.05
IMAGES = 4


def check_same_scores(model: keras.Model, flat: keras.Model, path: Path) -> None:
    """Run both on random images: bytes, and values from -1 to 1 where the input is no integer.

    Raises:
        BadFile: they differ; says by how much.
    """
    tensor = model.inputs[0]
    dtype = np.dtype(tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name)
    images = np.rint(np.random.default_rng(0).uniform(0, 255, (IMAGES, *flat.inputs[0].shape[1:]))).astype(np.float32)
    if dtype.kind == "f":
        images[IMAGES // 2 :] = images[IMAGES // 2 :] / 127.5 - 1
    own = images.transpose(0, 3, 1, 2) if is_channels_first(tuple(tensor.shape)) else images
    expected = np.concatenate([_scores(model, image[None].astype(dtype), tensor.shape[0] or 1) for image in own])
    given = _scores(flat, images, IMAGES)
    half = any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())
    limit = TOLERANCE_HALF if half else TOLERANCE
    off = float(np.abs(given - expected).max()) / max(float(expected.std()), 1e-3) if given.shape == expected.shape else np.inf
    if not off <= limit:
        raise BadFile(
            f"{path} cannot be compressed: a flat copy of its layers gives scores that differ by {off:.2g} of their spread, expected {limit:g} at most; "
            "does a layer look at other images of the batch?"
        )


def _scores(model: keras.Model, images: np.ndarray, batch: int) -> np.ndarray:
    """Scores [n, scores] of images [n, ...], the last one repeated up to the batch."""
    whole = np.concatenate([images, np.repeat(images[-1:], batch - len(images), axis=0)])
    scores = keras.ops.convert_to_numpy(keras.tree.flatten(model(whole, training=False))[0])
    return np.asarray(scores, np.float32).reshape(batch, -1)[: len(images)]
