"""Which byte of a .tflite belongs to what: every table, vector and string of the flatbuffer, where it stands and how long it is.

Tables as in https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs; the binary layout as in
https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

STRING = "string"
# Tables of the schema: place of a field in the vtable -> what its offset leads to: a string, a vector of numbers of so many bytes, a table, or tables.
# Fields that are numbers lie in the table itself.
TABLES: dict[str, dict[int, object]] = {
    "Model": {6: ["OperatorCode"], 8: ["SubGraph"], 10: STRING, 12: ["Buffer"], 14: 4, 16: ["Metadata"], 18: ["SignatureDef"]},
    "OperatorCode": {6: STRING},
    "SubGraph": {4: ["Tensor"], 6: 4, 8: 4, 10: ["Operator"], 12: STRING},
    "Tensor": {4: 4, 10: STRING, 12: "QuantizationParameters", 16: "SparsityParameters", 18: 4},
    "QuantizationParameters": {4: 4, 6: 4, 8: 4, 10: 8, 14: "Details"},
    "Details": {},
    "SparsityParameters": {4: 4, 6: 4, 8: ["DimensionMetadata"]},
    # The place before the vector says how wide its numbers are: 1 is int32, 2 uint16, 3 uint8.
    "DimensionMetadata": {10: "Indices", 14: "Indices"},
    "Operator": {6: 4, 8: 4, 12: "Options", 14: 1, 18: 1, 20: 4},
    "Options": {},
    "Buffer": {4: 1},
    "Metadata": {4: STRING},
    "SignatureDef": {4: ["TensorMap"], 6: ["TensorMap"], 8: STRING},
    "TensorMap": {4: STRING},
}
_INDEX_BYTES = {1: 4, 2: 2, 3: 1}


@dataclass(frozen=True)
class Span:
    """A run of bytes.

    Attributes:
        start, end: of it in the file.
        table: that it belongs to.
        place: of the field that leads to it; 0 for the table itself.
        trail: numbers of the elements on the way there from the model, such as (0, 5) for tensor 5 of graph 0.
    """

    start: int
    end: int
    table: str
    place: int
    trail: tuple[int, ...]


def spans(content: bytes) -> list[Span]:
    """All of them by their start; what several tables share belongs to the first that leads there. `content` has been read without an error before."""
    found: dict[int, Span] = {0: Span(0, 8, "Model", 0, ())}
    for span in _table(content, struct.unpack_from("<I", content)[0], "Model", ()):
        # vtables are shared, too, by tables that look alike.
        if span.end > span.start:
            found.setdefault(span.start, span)
    return [found[start] for start in sorted(found)]


def _table(content: bytes, at: int, name: str, trail: tuple[int, ...]) -> Iterator[Span]:
    layout = at - struct.unpack_from("<i", content, at)[0]
    length, inline = struct.unpack_from("<HH", content, layout)
    yield Span(at, at + inline, name, 0, trail)
    yield Span(layout, layout + length, name, 0, trail)
    for place, what in (TABLES[name] if name != "Indices" else {}).items():
        field = struct.unpack_from("<H", content, layout + place)[0] if place < length else 0
        if not field:
            continue
        target = at + field + struct.unpack_from("<I", content, at + field)[0]
        if what == "Indices":
            kind = struct.unpack_from("<H", content, layout + place - 2)[0]
            yield from _indices(content, target, trail, _INDEX_BYTES.get(content[at + kind] if kind else 0, 1))
        elif isinstance(what, list):
            count = struct.unpack_from("<I", content, target)[0]
            yield Span(target, target + 4 + 4 * count, name, place, trail)
            for index in range(count):
                element = target + 4 + 4 * index
                yield from _table(content, element + struct.unpack_from("<I", content, element)[0], what[0], (*trail, index))
        elif isinstance(what, str) and what != STRING:
            yield from _table(content, target, what, trail)
        else:
            # A string ends in a zero that its length leaves out.
            size = 1 if what == STRING else int(what)
            yield Span(target, target + 4 + size * struct.unpack_from("<I", content, target)[0] + (what == STRING), name, place, trail)


def _indices(content: bytes, at: int, trail: tuple[int, ...], width: int) -> Iterator[Span]:
    """A table around one vector, of numbers that are `width` bytes wide."""
    layout = at - struct.unpack_from("<i", content, at)[0]
    length, inline = struct.unpack_from("<HH", content, layout)
    yield Span(at, at + inline, "Indices", 0, trail)
    yield Span(layout, layout + length, "Indices", 0, trail)
    if length > 4 and (field := struct.unpack_from("<H", content, layout + 4)[0]):
        target = at + field + struct.unpack_from("<I", content, at + field)[0]
        yield Span(target, target + 4 + width * struct.unpack_from("<I", content, target)[0], "Indices", 4, trail)
