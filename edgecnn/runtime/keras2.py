"""Models that Keras 2 wrote: what Keras 3 refuses in them, and tf_keras for what only Keras 2 can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Reads a depthwise convolution whose config has `groups`, which Keras 2 wrote and never used."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> keras.layers.DepthwiseConv2D:
        """A plain depthwise convolution."""
        return keras.layers.DepthwiseConv2D.from_config({key: value for key, value in config.items() if key != "groups"})


class BatchNormalization(keras.layers.BatchNormalization):
    """Reads a batch normalization whose axis is a list of one, as Keras 2 wrote it."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> keras.layers.BatchNormalization:
        """A plain batch normalization."""
        axis = config.get("axis", -1)
        return keras.layers.BatchNormalization.from_config({**config, "axis": axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis})


# Passed to Keras 3 as `custom_objects`; each gives back Keras' own layer, so that the loaded model is like any other.
READERS = {"DepthwiseConv2D": DepthwiseConv2D, "BatchNormalization": BatchNormalization}


def load(path: Path) -> Any | None:
    """The model as tf_keras loads it, for running only; None where tf_keras is not there, the backend is another one, or it cannot read the file either."""
    if keras.backend.backend() != "tensorflow":
        return None
    try:
        import tf_keras
    except ImportError:
        return None
    try:
        return tf_keras.models.load_model(path, compile=False)
    # tf_keras hands on whatever h5py, json and the layers raise; the caller has Keras 3's reason, which it tells.
    except Exception:
        return None
