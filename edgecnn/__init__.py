"""edgecnn: from labelled photos to a model that an app can embed, with proof.

The public verbs are looked up when they are first used, so that `import edgecnn` loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# verb -> (door, its function)
_VERBS = {
    "build": ("edgecnn.arch", "build"),
    "load_data": ("edgecnn.data", "load"),
    "load": ("edgecnn.predict", "load"),
    "train": ("edgecnn.train", "train"),
    "compress": ("edgecnn.compress", "compress"),
    "export": ("edgecnn.export", "export"),
    "validate": ("edgecnn.validate", "validate"),
    "optimize": ("edgecnn.optimize", "optimize"),
    "bundle": ("edgecnn.bundle", "bundle"),
    "pack": ("edgecnn.packing", "pack"),
    "unpack": ("edgecnn.packing", "unpack"),
}

__all__ = ["__version__", *_VERBS]


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'edgecnn' has no attribute '{name}'")
    door, function = _VERBS[name]
    return getattr(importlib.import_module(door), function)
