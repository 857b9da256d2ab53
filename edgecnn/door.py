"""Packages that are verbs: `edgecnn.export` is the package with the writers, and `edgecnn.export("mobilenet")` exports.

Python binds a subpackage's name in its parent as soon as it is imported, so a function of that name would be gone after its first use.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class Door(types.ModuleType):
    """A package that, when called, calls its function of the same name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the verb: `edgecnn.train(...)` is `edgecnn.train.train(...)`."""
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **options)


def open_door(name: str) -> None:
    """Make the module called `name` callable; the last line of a package whose name is a verb."""
    sys.modules[name].__class__ = Door
