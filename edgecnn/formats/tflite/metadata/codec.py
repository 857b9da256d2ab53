"""Metadata as a tree of dicts, and as the bytes of a FlatBuffer; which fields there are, `tables` says.

A table is a dict without the fields that are not there, a vector a list (of bytes: bytes), a union a pair of its table's name and its table.
"""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import numpy as np

from edgecnn.errors import BadFile
from edgecnn.formats.tflite.metadata.tables import IDENTIFIER, ROOT, TABLES

Tree = dict[str, Any]

# Kind -> its code in `struct`, and what a field has that is not there.
_SCALARS = {"byte": "b", "ubyte": "B", "int": "i", "uint": "I", "float": "f"}

# A file with more tables and strings is none of a person's making: vectors may point to one table many times.
_MOST = 1_000_000


def decode(content: bytes, origin: str = "metadata") -> Tree:
    """The tree in a FlatBuffer; `origin` names it in errors.

    Raises:
        BadFile: it does not begin as metadata does, is cut off or damaged.
    """
    if content[4:8] != IDENTIFIER:
        raise BadFile(f"{origin}: its TFLITE_METADATA begins with {content[:8]!r}; expected the identifier {IDENTIFIER.decode()}")
    try:
        reader = _Reader(content)
        return reader.table(reader.offset(0), ROOT)
    except (struct.error, IndexError, ValueError) as error:
        raise BadFile(f"{origin}: its TFLITE_METADATA is cut off or damaged; write it again with edgecnn check --repair") from error


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.left = content, _MOST

    def number(self, at: int, kind: str) -> Any:
        if at < 0:
            raise ValueError("an offset before the beginning")
        (found,) = struct.unpack_from("<" + _SCALARS[kind], self.content, at)
        # The shortest number that is this one in single precision: 0.1, not 0.10000000149011612.
        return float(str(np.float32(found))) if kind == "float" else found

    def offset(self, at: int) -> int:
        return at + self.number(at, "uint")

    def table(self, at: int, name: str) -> Tree:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many tables")
        slots = at - self.number(at, "int")
        size = self.number(slots, "ubyte") + 256 * self.number(slots + 1, "ubyte")
        places = struct.unpack_from(f"<{max(0, size - 4) // 2}H", self.content, slots + 4)
        found, slot = {}, 0
        for field, kind in TABLES[name]:
            union = "|" in kind
            place = [places[i] if i < len(places) else 0 for i in (slot, slot + 1)]
            slot += 2 if union else 1
            if union and all(place):
                number = self.number(at + place[0], "ubyte")
                members = kind.split("|")
                # One of a later version of the schema is left out.
                if 1 <= number <= len(members):
                    found[field] = members[number - 1], self.table(self.offset(at + place[1]), members[number - 1])
            elif not union and place[0]:
                found[field] = self.value(at + place[0], kind)
        return found

    def value(self, at: int, kind: str) -> Any:
        if kind in _SCALARS:
            return self.number(at, kind)
        target = self.offset(at)
        if kind == "string":
            return self.bytes(target).decode("utf-8", "replace")
        if not kind.startswith("["):
            return self.table(target, kind)
        return self.bytes(target) if kind == "[ubyte]" else self.vector(target, kind[1:-1])

    def vector(self, at: int, kind: str) -> list[Any]:
        count = self.number(at, "uint")
        if count * 4 > len(self.content) - at - 4:
            raise ValueError("a vector beyond the end")
        self.left -= count
        if self.left < 0:
            raise ValueError("too many elements")
        return [self.value(at + 4 + 4 * i, kind) for i in range(count)]

    def bytes(self, at: int) -> bytes:
        count = self.number(at, "uint")
        found = self.content[at + 4 : at + 4 + count]
        if len(found) < count:
            raise ValueError("a string beyond the end")
        return found


def encode(tree: Tree) -> bytes:
    """The FlatBuffer of a tree; the same tree gives the same bytes."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_table(builder, tree, ROOT), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, tree: Tree, name: str) -> int:
    """Writes a table and all below it; returns its offset."""
    fields, slot = [], 0
    for field, kind in TABLES[name]:
        if field in tree:
            fields.append((slot, kind, _part(builder, tree[field], kind)))
        slot += 2 if "|" in kind else 1
    builder.StartObject(slot)
    for at, kind, part in fields:
        if "|" in kind:
            number, table = part
            builder.PrependUint8Slot(at, number, 0)
            builder.PrependUOffsetTRelativeSlot(at + 1, table, 0)
        elif kind in _SCALARS:
            _SLOTS[kind](builder, at, part, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(at, part, 0)
    return builder.EndObject()


_SLOTS = {
    "byte": flatbuffers.Builder.PrependInt8Slot,
    "int": flatbuffers.Builder.PrependInt32Slot,
    "uint": flatbuffers.Builder.PrependUint32Slot,
    "float": flatbuffers.Builder.PrependFloat32Slot,
}


def _part(builder: flatbuffers.Builder, value: Any, kind: str) -> Any:
    """What stands in a table's slot: a scalar itself, of a union its number and offset, of everything else the offset of what was written."""
    if "|" in kind:
        member, table = value
        return kind.split("|").index(member) + 1, _table(builder, table, member)
    if kind in _SCALARS:
        return value
    if kind == "string":
        return builder.CreateString(value)
    return _vector(builder, value, kind[1:-1]) if kind.startswith("[") else _table(builder, value, kind)


def _vector(builder: flatbuffers.Builder, values: Any, kind: str) -> int:
    if kind == "ubyte":
        # force_align: 16
        builder.Prep(16, len(values))
        return builder.CreateByteVector(values)
    if kind in _SCALARS:
        return builder.CreateNumpyVector(np.asarray(values, {"float": np.float32, "uint": np.uint32, "int": np.int32}[kind]))
    parts = [_part(builder, value, kind) for value in values]
    builder.StartVector(4, len(parts), 4)
    for part in reversed(parts):
        builder.PrependUOffsetTRelative(part)
    return builder.EndVector()
