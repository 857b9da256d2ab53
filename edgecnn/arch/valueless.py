"""Networks whose weights have shapes and no values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

# Keras' name for the variables that wait for their values, in a list of the whole process.
_WAITING = "uninitialized_variables"


@contextlib.contextmanager
def valueless() -> Iterator[None]:
    """Variables that are made inside never get values.

    Keras notes them down and gives values to all that it knows of when the next training begins: after many sketches in one process that is many gigabytes.
    Its list has no public name. Where a later Keras has another, the sketches are as they were, and only the memory is not saved.
    """
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        global_state = None
    before = len(global_state.get_global_attribute(_WAITING) or ()) if global_state else 0
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        waiting = global_state.get_global_attribute(_WAITING) if global_state else None
        if waiting:
            del waiting[before:]
