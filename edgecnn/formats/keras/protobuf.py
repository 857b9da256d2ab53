"""Reads the wire format of protocol buffers: enough to look into a SavedModel without TensorFlow.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.errors import BadFile

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message, in the order of the file.

    Raises:
        BadFile: cut off, or not a message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
            value, place = message[place : place + length], place + length
        elif wire == BYTES:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        else:
            raise BadFile(f"field {number} has the unknown wire type {wire}")
        if place > len(message) or not number:
            raise BadFile("the message ends inside a field")
        yield number, value


def chunks(message: bytes, *path: int) -> Iterator[bytes]:
    """Every submessage at a path of field numbers, such as (2, 1): field 1 of each field 2."""
    if not path:
        yield message
        return
    for number, value in fields(message):
        if number == path[0] and isinstance(value, bytes):
            yield from chunks(value, *path[1:])


def text(message: bytes, number: int) -> str:
    """A string field, "" where it is absent."""
    last = b""
    for field, value in fields(message):
        if field == number and isinstance(value, bytes):
            last = value
    return last.decode("utf-8", "replace")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    result = shift = 0
    while shift < 70:
        if place >= len(message):
            raise BadFile("the message ends inside a number")
        byte = message[place]
        place += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return result, place
        shift += 7
    raise BadFile("a number is longer than 64 bits")
