"""How long work tells of itself: the library speaks to this contract, the command line draws it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Advance = Callable[[int, str], None]


class Progress:
    """Says nothing. The command line's subclass draws bars on a terminal and plain lines elsewhere."""

    def step(self, text: str) -> None:
        """A step begins, or a measured fact is worth a line."""

    @contextlib.contextmanager
    def track(self, text: str, total: int) -> Iterator[Advance]:
        """Yield `advance(units, note)` for work of `total` units called `text`; a note replaces the one before it."""
        yield lambda units, note="": None


SILENT = Progress()
