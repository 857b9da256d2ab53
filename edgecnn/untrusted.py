"""What comes from a stranger's file: JSON that is bounded before it is parsed, values held against declared types, text that cannot command a terminal."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from edgecnn.errors import BadFile

# Bytes of a JSON text; the largest that edgecnn writes, a card with all recorded means of a wide network, has a few million.
LARGEST_JSON = 64 << 20
# Levels of lists and objects within one another; edgecnn writes ten at most.
DEEPEST_JSON = 64
# Whole numbers beyond this are no count, size or index, and do not fit what numbers are turned into later.
LARGEST_INT, LONGEST_INT = 1 << 63, 20

# C0 without newline and tab, DEL, C1, surrogates that stand for bytes of C1, Unicode's ends of lines, and marks that turn the direction of writing.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\udc80-\udc9f]")
# A string that does not end reaches to the end of the text: the search stays linear.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
_BRACKETS = re.compile(rb'"(?:[^"\\]+|\\.)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def printable(text: str) -> str:
    r"""Text with its control characters spelled out, such as \x1b for the escape character; newline and tab stay.

    Example:
        >>> printable("cat\x1b[2J")
        'cat\\x1b[2J'
    """
    return _UNPRINTABLE.sub(_spelled_out, text)


def _spelled_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def loads_json(content: str | bytes, origin: str | os.PathLike[str], expected: str) -> Any:
    """Parse JSON that may be anyone's.

    Args:
        content: UTF-8 bytes, or text.
        origin: names the file in errors.
        expected: ends the errors, such as "what edgecnn train writes".

    Raises:
        BadFile: larger than LARGEST_JSON, nested deeper than DEEPEST_JSON, no UTF-8, or no JSON.
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > LARGEST_JSON:
        raise BadFile(f"{origin} has {len(raw):,} bytes of JSON; expected {expected}, {LARGEST_JSON:,} bytes at most")
    if _depth(raw) > DEEPEST_JSON:
        raise BadFile(f"{origin} is nested too deeply; expected {expected}")
    try:
        value = json.loads(raw.decode("utf-8-sig") if isinstance(content, bytes) else content, parse_int=_whole)
        check_text(raw, value)
        return value
    except UnicodeError as error:
        raise BadFile(f"{origin} is not text in UTF-8; expected {expected}") from error
    except json.JSONDecodeError as error:
        raise BadFile(f"{origin} is not JSON ({error.msg}, line {error.lineno}); expected {expected}") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{origin} is not JSON ({error}); expected {expected}") from error


def check_text(raw: bytes, value: Any) -> None:
    r"""Refuse halves of surrogate pairs, which JSON can name by \\ud800 and no file can hold; UnicodeEncodeError.

    Args:
        raw: the JSON.
        value: what it says.
    """
    if _SURROGATE.search(raw):
        json.dumps(value, ensure_ascii=False).encode()


def _whole(text: str) -> int:
    if len(text) > LONGEST_INT:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _depth(content: bytes) -> int:
    deepest = depth = 0
    for match in _BRACKETS.finditer(content):
        mark = match[0]
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        deepest = max(deepest, depth)
        if deepest > DEEPEST_JSON:
            break
    return deepest


def check_fields(kind: type, value: Any, place: str = "") -> None:
    """Hold parsed JSON against the declared fields of a dataclass, before it is made from them. Fields that are not declared are left alone.

    Args:
        kind: a dataclass; its fields are str, int, float, bool, object, another dataclass, or tuples, mappings and `| None` of these.
        value: what JSON gave for it.
        place: of the value in the whole, for errors.

    Raises:
        ValueError: a field of another type, a number that is not finite or too large, or text that is no text.
    """
    _expect(value, Mapping, "an object", place)
    hints = _hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in value:
            _check(hints[field.name], value[field.name], f"{place}.{field.name}".lstrip("."))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{place}.{field.name}".lstrip(".") + " is missing")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _check(kind: Any, value: Any, place: str) -> None:
    origin = get_origin(kind) or kind
    if origin in (Union, types.UnionType):
        if value is not None:
            _check_any([one for one in get_args(kind) if one is not type(None)], value, place)
    elif dataclasses.is_dataclass(origin):
        check_fields(origin, value, place)
    elif origin in (tuple, list, Sequence):
        _check_items(kind, value, place)
    elif origin in (dict, Mapping):
        _expect(value, Mapping, "an object", place)
        for key, item in value.items():
            _check((get_args(kind) or (str, object))[1], item, f"{place}.{key}")
    else:
        _check_plain(origin, value, place)


def _check_any(kinds: list[Any], value: Any, place: str) -> None:
    """Accept a value that fits one of several types; a dataclass that was made already fits its own."""
    errors = []
    for kind in kinds:
        try:
            return _check(kind, value, place)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


def _check_items(kind: Any, value: Any, place: str) -> None:
    _expect(value, (list, tuple), "a list", place)
    parts = get_args(kind) or (object, ...)
    fixed = len(parts) > 1 and parts[-1] is not Ellipsis
    if fixed and len(value) != len(parts):
        raise ValueError(f"{place} has {len(value)} values, expected {len(parts)}")
    for number, item in enumerate(value):
        _check(parts[number] if fixed else parts[0], item, f"{place}[{number}]")


_WORDS = {str: "text", int: "a whole number", float: "a finite number", bool: "true or false"}


def _check_plain(kind: Any, value: Any, place: str) -> None:
    if isinstance(value, str):
        value.encode("utf-8", "surrogateescape")  # half of a pair of surrogates is no text: UnicodeEncodeError is a ValueError
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise ValueError(f"{place} is a number of {len(str(abs(value)))} digits, expected a smaller one")
    if kind is object or kind is Any:
        return _check_plain_inside(value, place)
    right = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not right or (kind is float and not math.isfinite(value)):
        raise ValueError(f"{place} is {_shown(value)}, expected {_WORDS.get(kind, kind.__name__)}")
    return None


def _check_plain_inside(value: Any, place: str) -> None:
    """Of values that no type is declared for, only that numbers and texts are such."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(object, item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            _check_plain(object, item, f"{place}[{number}]")


def _expect(value: Any, kind: Any, words: str, place: str) -> None:
    if not isinstance(value, kind):
        raise ValueError(f"{place or 'the whole'} is {_shown(value)}, expected {words}")


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:40]}..."
