"""Reads a report back from its JSON: the types of the dataclasses say what is expected where, and an error names the place."""

from __future__ import annotations

import dataclasses
import json
import os
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from edgecnn import files, untrusted
from edgecnn.errors import BadFile
from edgecnn.validate.report import SCHEMA, Report

WRITER = "edgecnn validate --json"


class _Wrong(ValueError):
    """A value that is not what its field expects."""


def read(path: str | os.PathLike[str]) -> Report:
    """Read what `edgecnn validate --json` wrote.

    Raises:
        BadFile: it is missing, no JSON, no report, or one of another version.
    """
    return from_dict(load(path, WRITER), str(path))


def load(path: str | os.PathLike[str], writer: str) -> Any:
    """What a JSON file holds; `writer` is the command that writes such a file, for errors. BadFile where it is missing or no JSON."""
    return untrusted.loads_json(files.read_bytes(path, "report in JSON", untrusted.LARGEST_JSON), path, f"what {writer} writes")


def from_dict(content: Any, name: str = "this") -> Report:
    """The report that `Report.to_dict` was made from; pictures are not in the JSON, so `Suffered.png` is empty.

    Fields that are not known here are left out, because later releases may add some under the same version.

    Args:
        content: plain dicts, lists, numbers and strings.
        name: of the file, for errors.

    Raises:
        BadFile: it is no report, one of another version, or a field is missing or of another type.
    """
    version = content.get("schema") if isinstance(content, Mapping) else None
    if version is None:
        raise BadFile(f"{name} is no report of edgecnn: it names no schema; expected what edgecnn validate --json writes")
    if version != SCHEMA:
        raise BadFile(f"{name} has the schema {str(version)[:60]!r}, and this edgecnn reads {SCHEMA!r}; measure again, or use the edgecnn that wrote it")
    return of_kind(Report, content, f"{name} is a damaged report", WRITER)


def of_kind(kind: type, content: Any, complaint: str, writer: str) -> Any:
    """A dataclass from plain JSON; where a field does not fit, BadFile begins with `complaint`."""
    try:
        return _value(kind, content, "")
    except _Wrong as wrong:
        raise BadFile(f"{complaint}: {wrong}; measure again with {writer}") from None


@cache
def types_of(kind: type) -> dict[str, Any]:
    """Field name -> type of a dataclass, in order, without what stays out of the JSON."""
    return {field: hint for field, hint in get_type_hints(kind).items() if field in kind.__dataclass_fields__ and hint is not bytes}


def required(kind: type, field: str) -> bool:
    """Whether a dataclass cannot be made without this field."""
    found = kind.__dataclass_fields__[field]
    return found.default is dataclasses.MISSING and found.default_factory is dataclasses.MISSING


def _value(kind: Any, value: Any, place: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _value(next(k for k in get_args(kind) if k is not type(None)), value, place)
    if origin is tuple:
        return tuple(_value(get_args(kind)[0], item, f"{place}[{i}]") for i, item in enumerate(_expect(value, list, "a list", place)))
    if origin is dict:
        return {key: _value(get_args(kind)[1], item, f"{place}.{key}") for key, item in _expect(value, dict, "an object", place).items()}
    if hasattr(kind, "__dataclass_fields__"):
        return _object(kind, _expect(value, dict, "an object", place), place)
    if issubclass(kind, Enum):
        return _choice(kind, value, place)
    return _plain(kind, value, place)


def _object(kind: type, content: Mapping[str, Any], place: str) -> Any:
    found = {}
    for field, hint in types_of(kind).items():
        here = f"{place}.{field}".lstrip(".")
        if field in content:
            found[field] = _value(hint, content[field], here)
        elif required(kind, field):
            raise _Wrong(f"{here} is missing")
    return kind(**found)


def _choice(kind: type[Enum], value: Any, place: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise _Wrong(f"{place} is {str(value)[:40]!r}, expected {' or '.join(repr(choice.value) for choice in kind)}") from None


def _plain(kind: type, value: Any, place: str) -> Any:
    if kind is float and value is None:
        return float("nan")  # JSON has no such number; see Report.to_dict
    accepted: Sequence[type] = (int, float) if kind is float else (kind,)
    if not isinstance(value, tuple(accepted)) or (isinstance(value, bool) and kind is not bool):
        words = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
        raise _Wrong(f"{place} is {json.dumps(value)[:40]}, expected {words[kind]}")
    return float(value) if kind is float else value


def _expect(value: Any, kind: type, words: str, place: str) -> Any:
    if not isinstance(value, kind):
        raise _Wrong(f"{place or 'the whole'} is {json.dumps(value)[:40]}, expected {words}")
    return value
