"""Reads the bytecode of a lambda without running it, far enough to prove that it only multiplies and adds numbers.

A Lambda layer stores marshalled bytecode of its author's Python. `marshal` can crash on hostile bytes, so they are parsed here, and only the types that a
small function has. Sources: Python/marshal.c and Lib/opcode.py of CPython 3.6 to 3.13.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 1 << 16
MAX_DEPTH = 10
# Code objects by Python version: i an integer, o an object.
LAYOUTS = {"3.6": "iiiii" + "o" * 8 + "io", "3.8": "iiiiii" + "o" * 8 + "io", "3.11": "iiiii" + "o" * 8 + "ioo"}
# Instructions that a proof may contain. BINARY_OP has its operation as argument since 3.11; before, each has a code of its own.
OLD = {124: "load", 100: "const", 83: "return", 20: "*", 23: "+", 24: "-", 27: "/"}
NEW = {124: "load", 100: "const", 83: "return", 122: "binary", 151: "resume"}
NEWEST = {85: "load", 83: "const", 36: "return", 45: "binary", 149: "resume"}
# Flags of code that takes *args or **kwargs, or is a generator or a coroutine.
GENERAL = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
BINARY = {0: "+", 5: "*", 10: "-", 11: "/"}


class NotProven(Exception):
    """The bytecode is not one of the few forms that can be proven."""


@dataclass(frozen=True)
class Affine:
    """x -> scale x + offset."""

    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Code:
    """What decides what a function without names does: its instructions, constants and how it takes its argument."""

    instructions: tuple[tuple[str, int], ...]
    constants: tuple[Any, ...]


def prove_affine(marshalled: bytes) -> Affine:
    """The affine function that a marshalled `lambda x: ...` computes.

    Raises:
        NotProven: it does anything else, or it cannot be read.
    """
    code = _read_code(marshalled)
    stack: list[Affine | float] = []
    for place, (name, argument) in enumerate(code.instructions):
        if name == "load" and argument == 0:
            stack.append(Affine())
        elif name == "const" and argument < len(code.constants):
            stack.append(_number(code.constants[argument]))
        elif name in "+-*/" and len(stack) >= 2:
            right, left = stack.pop(), stack.pop()
            stack.append(_combine(name, left, right))
        elif name == "return" and place == len(code.instructions) - 1 and len(stack) == 1 and isinstance(stack[0], Affine):
            return _finite(stack[0])
        else:
            raise NotProven
    raise NotProven


def _combine(sign: str, left: Affine | float, right: Affine | float) -> Affine | float:
    if isinstance(left, Affine) and isinstance(right, Affine):
        raise NotProven
    if isinstance(left, Affine):
        return _on_right(sign, left, right)
    if isinstance(right, Affine):
        if sign == "/":
            raise NotProven
        start = Affine(-right.scale, -right.offset) if sign == "-" else right
        return _on_right("*" if sign == "*" else "+", start, left)
    if sign == "/" and right == 0:
        raise NotProven
    return {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "/" else left / right


def _on_right(sign: str, x: Affine, number: float) -> Affine:
    if sign in "+-":
        return Affine(x.scale, x.offset + (number if sign == "+" else -number))
    if number == 0:
        raise NotProven
    factor = number if sign == "*" else 1 / number
    return Affine(x.scale * factor, x.offset * factor)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e30:
        raise NotProven
    return float(value)


def _finite(x: Affine) -> Affine:
    if not (abs(x.scale) < 1e30 and abs(x.offset) < 1e30) or x.scale == 0:
        raise NotProven
    return x


def _read_code(marshalled: bytes) -> Code:
    if len(marshalled) > MAX_BYTES:
        raise NotProven
    for version, layout in LAYOUTS.items():
        try:
            reader = _Reader(marshalled, layout)
            parts = reader.value(0)
            if isinstance(parts, list) and reader.place == len(marshalled):
                return _checked(version, parts)
        except (NotProven, struct.error, IndexError, UnicodeDecodeError):
            continue
    raise NotProven


def _checked(version: str, parts: list[Any]) -> Code:
    """One plain argument, no names, no closures, no exception handlers."""
    integers, objects = [p for p in parts if type(p) is int], [p for p in parts if type(p) is not int]
    code, constants, names, variables, third, fourth = objects[:6]
    positional_only, keyword_only = (0, integers[1]) if version == "3.6" else (integers[1], integers[2])
    flags = integers[4] if version != "3.8" else integers[5]
    plain = third == b"\x20" and objects[-1] == b"" if version == "3.11" else third == () and fourth == ()
    if not (isinstance(code, bytes) and isinstance(constants, tuple) and names == () and isinstance(variables, tuple) and len(variables) == 1 and plain):
        raise NotProven
    if integers[0] != 1 or positional_only or keyword_only or flags & GENERAL or len(code) % 2:
        raise NotProven
    return Code(tuple(_instructions(version, code)), constants)


def _instructions(version: str, code: bytes) -> list[tuple[str, int]]:
    pairs = list(zip(code[::2], code[1::2], strict=True))
    if version != "3.11":
        return [(_named(OLD, operation), argument) for operation, argument in pairs]
    names = NEWEST if pairs and pairs[0][0] in NEWEST and NEWEST[pairs[0][0]] == "resume" else NEW
    if not pairs or _named(names, pairs[0][0]) != "resume" or pairs[0][1] != 0:
        raise NotProven
    found, place = [], 1
    while place < len(pairs):
        name, argument = _named(names, pairs[place][0]), pairs[place][1]
        if name == "resume":
            raise NotProven
        if name == "binary":
            if argument not in BINARY or pairs[place + 1] != (0, 0):
                raise NotProven
            name, argument, place = BINARY[argument], 0, place + 1
        found.append((name, argument))
        place += 1
    return found


def _named(names: dict[int, str], operation: int) -> str:
    if operation not in names:
        raise NotProven
    return names[operation]


class _Reader:
    """Parses marshalled data; a code object becomes the list of its parts."""

    def __init__(self, content: bytes, layout: str) -> None:
        self.content, self.layout, self.place = content, layout, 0
        self.references: list[Any] = []

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise NotProven
        tag = self.take(1)[0]
        kind, kept = chr(tag & 0x7F), bool(tag & 0x80)
        slot = len(self.references)
        if kept:
            self.references.append(NotProven)
        result = self._of(kind, depth)
        if kept:
            self.references[slot] = result
        return result

    def _of(self, kind: str, depth: int) -> Any:
        if kind in "NFT":
            return {"N": None, "F": False, "T": True}[kind]
        if kind == "i":
            return self.integer()
        if kind == "g":
            return struct.unpack("<d", self.take(8))[0]
        if kind in "zZ":
            return self.take(self.take(1)[0]).decode("ascii")
        if kind in "aAut":
            return self.take(self.integer()).decode("utf-8")
        if kind == "s":
            return self.take(self.integer())
        if kind in ")(":
            count = self.take(1)[0] if kind == ")" else self.integer()
            return tuple(self.value(depth + 1) for _ in range(min(count, MAX_BYTES)))
        if kind == "r":
            found = self.references[self.integer()]
            if found is NotProven:
                raise NotProven
            return found
        if kind == "c" and depth == 0:
            return [self.integer() if part == "i" else self.value(depth + 1) for part in self.layout]
        raise NotProven

    def integer(self) -> int:
        return struct.unpack("<i", self.take(4))[0]

    def take(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self.content):
            raise NotProven
        self.place += count
        return self.content[self.place - count : self.place]
