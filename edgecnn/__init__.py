"""edgecnn: from labelled photos to a model that an app can embed, with proof.

The public verbs are looked up when they are first used, so that `import edgecnn` loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_VERBS = {
    "build": "edgecnn.arch",
    "load_data": "edgecnn.data",
    "load": "edgecnn.predict",
    "train": "edgecnn.train",
    "export": "edgecnn.export",
    "validate": "edgecnn.validate",
}

__all__ = ["__version__", *_VERBS]


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'edgecnn' has no attribute '{name}'")
    return getattr(importlib.import_module(_VERBS[name]), name)
