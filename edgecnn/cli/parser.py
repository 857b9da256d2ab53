"""argparse with errors of one line, and with the nearest option for a misspelt one."""

from __future__ import annotations

import argparse
import difflib
import shutil
from collections.abc import Sequence
from typing import Any, NoReturn

from edgecnn.errors import BadSetting


class Parser(argparse.ArgumentParser):
    """Raises BadSetting where argparse would print its usage and exit. Options are never abbreviated: a guess may be another format."""

    def __init__(self, *, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False, formatter_class=_Help)

    def error(self, message: str) -> NoReturn:
        """Refuse a command line in one line."""
        raise BadSetting(f"{message}; see: {self.prog} --help")

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:
        """Parse, or raise BadSetting for the first word that no option or argument takes, and for one that an unset variable of a script left empty."""
        parsed, extra = self.parse_known_args(args, namespace)
        if extra:
            self.error(self._unexpected(extra[0]))
        for action in self._actions:
            value = getattr(parsed, action.dest, None)
            if action.default != "" and "" in (value if isinstance(value, list) else [value]):
                name = action.option_strings[-1] if action.option_strings else action.metavar
                self.error(f"{name} came empty; expected {action.metavar}" + (", or leave the option out" if action.option_strings else ""))
        return parsed

    def _unexpected(self, word: str) -> str:
        if not word.startswith("-"):
            return f"unexpected '{word}'"
        name = word.split("=")[0]
        near = difflib.get_close_matches(name, self._option_string_actions, n=1, cutoff=0.6)
        return f"unknown option '{name}'" + (f": did you mean '{near[0]}'?" if near else "")


class _Help(argparse.HelpFormatter):
    """Option names in one column, their meaning in the next, never wider than the terminal or 100 columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(shutil.get_terminal_size().columns, 100) - 2)


def numbers(text: str) -> tuple[float, ...]:
    """`127.5` or `123.68,116.78,103.94`."""
    return _each(text, float, "numbers with commas between, such as 123.68,116.78,103.94")


def counts(text: str) -> tuple[int, ...]:
    """`1` or `1,2`."""
    found = _each(text, int, "whole numbers with commas between, such as 1,2")
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': expected 1 or more")
    return found


def size(text: str) -> int:
    """Bytes: `500000`, `500k`, `2M` (thousands and millions), `512Ki`, `2Mi` (powers of 1024)."""
    units = {"k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
    number = text.removesuffix("B")
    unit = next((u for u in sorted(units, key=len, reverse=True) if number.endswith(u)), "")
    try:
        return round(float(number.removesuffix(unit)) * units.get(unit, 1))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"'{text}': expected bytes, such as 500000, 500k or 2M") from None


def pair(text: str) -> tuple[str, str]:
    """`key=value`."""
    key, _, value = text.partition("=")
    if not (key and value):
        raise argparse.ArgumentTypeError(f"'{text}': expected KEY=VALUE, such as width=0.5")
    return key, value


def like(default: object, name: str, text: str) -> float | int | bool | str:
    """`text` as a value of the type of `default`; BadSetting, which calls it `name`, when it is none."""
    kind = type(default)
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise BadSetting(f"{name}={text}: expected {'true or false' if kind is bool else 'a number'}, such as {name}={str(default).lower()}") from None


def _each(text: str, kind: type, expected: str) -> tuple[Any, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}': expected {expected}") from None
