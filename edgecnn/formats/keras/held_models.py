"""Models that a caller holds as objects, by the path of their stored copy.

They are trusted: their code runs in this process already. See `model_objects.ModelStore`, which stores them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Ends the name of a model that is no file, wherever a report, a card or a message names it.
IN_MEMORY = " (in memory)"


@dataclass(frozen=True)
class HeldModel:
    """A `keras.Model` or `tf_keras.Model` of the caller, and the name by which it is called."""

    model: Any
    name: str


# Absolute path -> the object: of stored copies, and of files that were made from one.
_COPIES: dict[str, HeldModel] = {}
_DERIVED: dict[str, HeldModel] = {}


def hold(path: Path, held: HeldModel) -> None:
    """From now on `path` is the stored copy of a model object."""
    _COPIES[_key(path)] = held


def derive(path: Path, source: Path) -> None:
    """Trust a file that is made from `source` as that is trusted."""
    held = held_at(source)
    if held is not None:
        _DERIVED[_key(path)] = held


def release(held: HeldModel) -> None:
    """Forget every path of a model object."""
    for paths in (_COPIES, _DERIVED):
        for path in [path for path, other in paths.items() if other is held]:
            del paths[path]


def held_at(path: str | os.PathLike[str]) -> HeldModel | None:
    """The model object whose copy is at a path, or from which the file there was made; None for any other file."""
    return _COPIES.get(_key(path)) or _DERIVED.get(_key(path))


def is_copy(path: str | os.PathLike[str]) -> bool:
    """Whether the stored copy of a model object is at a path, which will not be there later."""
    return _key(path) in _COPIES


def source_name(path: Path) -> str:
    """What a card or a report says of where something comes from: the name of a file, or that of a model object."""
    return _COPIES[_key(path)].name + IN_MEMORY if is_copy(path) else path.name


def _key(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay as they are
