"""Numbers of the TFLite schema as words."""

from __future__ import annotations

from functools import cache
from typing import Any

from ai_edge_litert import schema_py_generated as schema


def operator_name(code: Any) -> str:
    """The name of an operator code: CONV_2D, or what a custom operator is called."""
    # Old writers fill the one-byte field only, which ends at 127.
    return text(code.customCode) if code.customCode else _kinds().get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")


def element_type(number: int) -> str:
    """Numpy's name of an element type, such as float32, or the schema's for one that numpy does not have, such as int4."""
    return _dtypes().get(number, "unknown")


def is_numeric(number: int) -> bool:
    """Whether tensors of an element type are arrays of numbers, rather than variables or strings."""
    return element_type(number) not in ("resource", "variant", "string", "unknown")


def text(raw: bytes | None) -> str:
    """A string of the file."""
    return (raw or b"").decode("utf-8", "replace")


@cache
def _kinds() -> dict[int, str]:
    return {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}


@cache
def _dtypes() -> dict[int, str]:
    return {value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()}
