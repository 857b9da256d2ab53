"""Runs of bytes with a purpose, and what they add up to."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from edgecnn.validate.layer_figures import SizePart

# Below so many bytes a piece of advice is not worth its line.
WORTH = 256

# About what the scales and zero points of an int8 layer take for each of its channels, those of its bias among them.
TABLES = 12


@dataclass(frozen=True)
class Piece:
    """A run of bytes: what kind of content, of which layer ("" for none), and whether `data` is all of one vector."""

    kind: str
    layer: str
    data: bytes
    whole: bool = False


def sums(pieces: Iterable[Piece]) -> tuple[SizePart, ...]:
    """Parts by kind, largest first, and then each layer's share of each kind, largest first. The parts by kind add up to the file.

    Packed sizes are those of each layer's part of a kind by itself; together they are a little more than the packed file.
    """
    together: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for piece in pieces:
        together[piece.kind, piece.layer].append(piece.data)
    layers = [SizePart(kind, layer, sum(map(len, data)), _packed(b"".join(data))) for (kind, layer), data in together.items()]
    kinds: dict[str, list[SizePart]] = defaultdict(list)
    for part in layers:
        kinds[part.kind].append(part)
    totals = [SizePart(kind, "", sum(p.bytes for p in parts), sum(p.gzip_bytes for p in parts)) for kind, parts in kinds.items()]
    named = [part for part in layers if part.layer]
    return (*sorted(totals, key=lambda part: -part.bytes), *sorted(named, key=lambda part: -part.bytes))


def float_weights(floats: int, halves: int, channels: int) -> list[tuple[int, str]]:
    """What smaller weights would save: (bytes, in words). `floats` and `halves` are bytes of float32 and float16 weights, `channels` their scales."""
    found = []
    if (saved := floats - floats // 4 + halves - halves // 2 - TABLES * channels) >= WORTH:
        found.append((saved, f"int8 weights would save about {saved:,} bytes (edgecnn export --int8)"))
    if (saved := floats - floats // 2) >= WORTH:
        found.append((saved, f"float16 weights would save about {saved:,} bytes (edgecnn export --float16)"))
    return found


def repeated(pieces: Iterable[Piece]) -> list[tuple[int, str]]:
    """What is in the file more than once, and what is read by nothing: (bytes, in words)."""
    seen: set[bytes] = set()
    twice: dict[str, int] = defaultdict(int)
    unused = 0
    for piece in pieces:
        if piece.kind == "unused":
            unused += len(piece.data)
        elif piece.whole and len(piece.data) > 16 and piece.kind in ("weights", "biases", "constants", "quantization tables", "metadata"):
            twice[piece.kind] += len(piece.data) if piece.data in seen else 0
            seen.add(piece.data)
    found = [(size, f"equal {kind} are stored more than once: sharing them would save {size:,} bytes") for kind, size in twice.items() if size >= WORTH]
    return [*found, *([(unused, f"{unused:,} bytes of constants are read by nothing")] if unused >= WORTH else [])]


def _packed(data: bytes) -> int:
    return len(zlib.compress(data, 9))
