"""Keras model files: read without running them, checked, and only then loaded.

`inspect_config` and `check_config` need neither TensorFlow nor Keras. `load_keras_model` imports Keras when it is called.
"""

from __future__ import annotations

from edgecnn.formats.keras.check import check_config
from edgecnn.formats.keras.inspection import KerasFile, inspect_config
from edgecnn.formats.keras.trust import LoadingOptions

__all__ = ["KerasFile", "LoadingOptions", "check_config", "inspect_config"]
