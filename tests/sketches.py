"""Every row of the catalog as a tree, made once for all test files that look at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import keras

from edgecnn.arch import sketch, structure
from edgecnn.arch.tree import Chain


@dataclass(frozen=True)
class Sketched:
    """A tree, and what Keras itself says of the model: names of all calls of layers, and parameters."""

    chain: Chain
    names: tuple[str, ...]
    parameters: int


@cache
def sketched(name: str) -> Sketched:
    """The row in its full size; the model is let go."""
    keras.backend.clear_session()
    model = sketch(name)
    return Sketched(structure.of(model), tuple(operation.name for operation in model.operations), model.count_params())
