"""Models that only Keras 2 (tf_keras) can run: what Keras 3 has no layer for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from edgecnn.errors import BadFile
from edgecnn.formats.keras import check_config, inspect_config, trust
from edgecnn.formats.keras.custom_objects import load_custom_objects
from edgecnn.formats.keras.held_models import held_at
from edgecnn.formats.keras.load import has_lambda


def load(path: Path) -> Any | None:
    """The model as tf_keras loads it, for running only; None where tf_keras is not there, the backend is another one, or it cannot read the file either.

    tf_keras runs the code of every Lambda in a .h5, also of one that was recognised: such a file is not handed to it unless its author is trusted.

    Raises:
        UnsafeModelError: it would run code of its author.
    """
    if held_at(path) is not None:  # stored so that Keras 3 loads it
        return None
    options = trust.current()
    try:
        file = inspect_config(path)
    except BadFile:
        return None
    custom = load_custom_objects(options.custom_objects) if options.custom_objects else {}
    if not options.trust_code:
        check_config(file, frozenset(custom))
    if keras.backend.backend() != "tensorflow" or file.kind == "saved_model" or not file.of_keras2 or (has_lambda(file.config) and not options.trust_code):
        return None
    try:
        import tf_keras
    except ImportError:
        return None
    try:
        return tf_keras.models.load_model(path, compile=False, custom_objects=custom, safe_mode=not options.trust_code)
    # tf_keras hands on whatever h5py, json and the layers raise; the caller has Keras 3's reason, which it tells.
    except Exception:
        return None
