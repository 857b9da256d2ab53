"""Loading Keras in half of the time, in processes that are edgecnn's own: the command line and the children that run originals."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator

# Keras imports these only to offer wrappers and galleries that edgecnn does not use; together they take a quarter of its loading time.
UNUSED = ("sklearn", "matplotlib")

# Allocations between rounds of the garbage collector, and rounds between deeper ones; Python's own are (700, 10, 10), made for small programs.
ROUNDS = (50_000, 20, 20)


def load_keras() -> None:
    """Import Keras and its backend, 2 seconds instead of 4 for TensorFlow on one core.

    Not for programs that import edgecnn: in this process Keras will do without its scikit-learn wrappers and its image gallery. Both
    packages can be imported afterwards as ever.
    """
    if "keras" in sys.modules:
        return
    with _without(UNUSED), _without_collecting():
        importlib.import_module("keras")


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keep Keras on another backend from loading TensorFlow, which it does to save a model wherever TensorFlow is installed: seconds, and memory of the GPU.

    Keras will do without TensorFlow in this process from then on; `import tensorflow` works afterwards as ever.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    with _without(("tensorflow",)):
        yield


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Make `import name` fail for packages that are not loaded yet, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # None under a name means "cannot be imported"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Let the garbage collector rest while a million objects come in that all stay; leave them out of its rounds afterwards, and have fewer rounds."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*ROUNDS)
        if was_on:
            gc.enable()
