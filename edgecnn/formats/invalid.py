"""What the validators of all formats raise."""

from __future__ import annotations


class InvalidModelError(ValueError):
    """A file that can be parsed and holds what no runtime can use; the message says what and where, without the file's name."""


def require(holds: bool, problem: str) -> None:
    """Raise InvalidModelError with `problem` unless something holds."""
    if not holds:
        raise InvalidModelError(problem)
