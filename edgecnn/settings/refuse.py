"""Refusing nonsense in one line."""

from __future__ import annotations

from edgecnn.errors import BadSetting


def refuse(wrong: bool, message: str) -> None:
    """BadSetting with `message` where `wrong`."""
    if wrong:
        raise BadSetting(message)
