"""How long work tells of itself: the library speaks to this contract, the command line draws it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property

Advance = Callable[[int, str], None]


class Progress:
    """Says nothing. The command line's subclass draws bars on a terminal and plain lines elsewhere."""

    def step(self, text: str) -> None:
        """A step begins, or a measured fact is worth a line."""

    def note(self, text: str) -> None:
        """A step that is said once, however often the run comes by it: a data set is loaded once for each question about a model."""
        if text not in self._noted:
            self._noted.add(text)
            self.step(text)

    @cached_property
    def _noted(self) -> set[str]:
        return set()

    @contextlib.contextmanager
    def track(self, text: str, total: int) -> Iterator[Advance]:
        """Yield `advance(units, note)` for work of `total` units called `text`; a note replaces the one before it."""
        yield lambda units, note="": None


SILENT = Progress()
