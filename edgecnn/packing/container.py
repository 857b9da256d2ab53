"""The packed form of a file: numbers through an entropy coder, everything else through LZMA, and the digest of the whole.

"EDGEZ", version 1        6 bytes
SHA-256 of the file      32
its size, the size of the LZMA part, which of FILTERS it has   8 + 8 + 1, little-endian
LZMA: regions, forms, tables, the bytes outside of all regions
rANS: the streams of all regions, one after the other
"""

from __future__ import annotations

import hashlib
import lzma
import struct
from pathlib import Path

import numpy as np

from edgecnn.errors import BadFile
from edgecnn.packing import rans, regions, streams
from edgecnn.packing.regions import Region
from edgecnn.packing.streams import Form

MAGIC = b"EDGEZ\x01"
_HEAD = struct.Struct("<6s32sQQB")

# (literal context bits, literal position bits, position bits): text, and numbers of four bytes.
FILTERS = tuple(
    [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": lc, "lp": lp, "pb": pb}] for lc, lp, pb in ((3, 0, 2), (0, 2, 2), (1, 0, 0))
)

# A file larger than this is not one of ours, and would not fit a phone.
LARGEST = 1 << 31

# How many times smaller than its file a packed form is at most: LZMA packs zeros 7,000 times, and what is left to the entropy coder is reckoned with a byte
# for every 4,096 symbols. A form that claims more, beyond some megabytes, is a bomb, and is refused before memory is taken for it.
MOST_TIMES, ALWAYS, SYMBOLS_A_BYTE = 10_000, 16 << 20, 4096
# Bytes that the tables may take unpacked beside four times the file.
_TABLES = 64 << 20

# What a table takes, about: one byte for each of its symbols, half of which LZMA takes away.
_TABLE = 0.5

# What LZMA would make of a region is tried quickly.
_QUICK = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 20, "lc": 0, "lp": 2, "pb": 2}]


def pack(path: Path, content: bytes) -> bytes:
    """The packed form of a file's content; `path` says by its suffix what kind it is.

    Raises:
        BadFile: a damaged .tflite or .onnx.
    """
    chosen = _chosen(regions.find(path, content), content)
    groups, tables = _tables([stream for _, _, parts in chosen for stream in parts])
    rows = iter(groups)
    which = [[next(rows) for _ in parts] for _, _, parts in chosen]
    found = [region for region, _, _ in chosen]
    header = streams.write_forms(found, [form for _, form, _ in chosen], which)
    codes = b"".join(table.codes.tobytes() for table in tables)
    small = struct.pack("<I", len(tables)) + header + codes + _outside(content, found)
    coded = b""
    if tables:
        everything = [stream for _, _, parts in chosen for stream in parts]
        names = np.repeat(np.array(groups, np.uint16), [len(stream) for stream in everything])
        coded = rans.encode(np.concatenate(everything), names, tables)
    packed = min(((lzma.compress(small, lzma.FORMAT_RAW, filters=filters), number) for number, filters in enumerate(FILTERS)), key=lambda it: len(it[0]))
    return _HEAD.pack(MAGIC, hashlib.sha256(content).digest(), len(content), len(packed[0]), packed[1]) + packed[0] + coded


def digest(packed: bytes) -> str:
    """Hexadecimal SHA-256 of the file that was packed."""
    return _HEAD.unpack_from(packed)[1].hex()


def unpack(packed: bytes, origin: str) -> bytes:
    """The content that was packed, bit by bit.

    Raises:
        BadFile: not a packed file, one of a later version, cut off or damaged; `origin` names it.
    """
    if not packed.startswith(MAGIC[:5]):
        raise BadFile(f"{origin} is not a packed file (it begins with {packed[:6]!r}); expected one that edgecnn pack wrote")
    if packed[5:6] != MAGIC[5:]:
        raise BadFile(f"{origin} is a packed file of version {packed[5] if len(packed) > 5 else '?'}; this edgecnn reads version {MAGIC[5]}; update edgecnn")
    damaged = BadFile(f"{origin} is cut off or damaged ({len(packed):,} bytes); copy it again, or pack the file anew")
    try:
        _, wanted, size, length, number = _HEAD.unpack_from(packed)
        if size > min(LARGEST, max(ALWAYS, MOST_TIMES * len(packed))) or number >= len(FILTERS) or _HEAD.size + length > len(packed):
            raise damaged
        content = _unpacked(packed[_HEAD.size : _HEAD.size + length], packed[_HEAD.size + length :], size, number)
    except (BadFile, struct.error, lzma.LZMAError, EOFError, ValueError, IndexError, OverflowError, MemoryError) as error:
        raise damaged from error
    if hashlib.sha256(content).digest() != wanted:
        raise damaged
    return content


def _unpacked(small: bytes, coded: bytes, size: int, number: int) -> bytes:
    worker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS[number])
    # Tables and regions take far less than what they describe; a bomb is cut off here.
    plain = worker.decompress(small, max_length=2 * size + (1 << 20))
    if len(plain) < 4:
        raise BadFile("it ends too early")
    count = struct.unpack_from("<I", plain)[0]
    if count * rans.TOTAL > _TABLES + 4 * size:
        raise BadFile("more tables than streams")
    found, forms, groups, used = streams.read_forms(plain[4:])
    reader = streams.Reader(plain[4 + used :])
    tables = [rans.from_codes(reader.take("u1", 256)) for _ in range(count)]
    outside = plain[4 + used + reader.at :]
    if sum(region.size for region in found) + len(outside) != size or any(group >= count for row in groups for group in row):
        raise BadFile("sizes that do not fit")
    return _woven(found, _parts(found, forms, groups, tables, coded), outside)


def _parts(found: list[Region], forms: list[Form], groups: list[list[int]], tables: list[rans.Table], coded: bytes) -> list[bytes]:
    """The bytes of each region."""
    if not found:
        return []
    lengths = [region.size // region.width for region, row in zip(found, groups, strict=True) for _ in row]
    symbols = rans.decode(coded, np.repeat(np.array([group for row in groups for group in row], np.uint16), lengths), tables)
    parts = iter(np.split(symbols, np.cumsum(lengths)[:-1]))
    pieces = [
        None if form.mode == streams.PRODUCT else streams.join(form, [next(parts) for _ in row], region.width)
        for region, form, row in zip(found, forms, groups, strict=True)
    ]
    return [streams.times(form, pieces) if piece is None else piece for form, piece in zip(forms, pieces, strict=True)]


def _outside(content: bytes, found: list[Region]) -> bytes:
    """The bytes that lie in no region."""
    ends = [0, *(region.start + region.size for region in found)]
    return b"".join(content[end:start] for end, start in zip(ends, [*(region.start for region in found), len(content)], strict=True))


def _woven(found: list[Region], parts: list[bytes], outside: bytes) -> bytes:
    """Regions and what lies between them, in the order of the file."""
    pieces, at, end = [], 0, 0
    for region, part in zip(found, parts, strict=True):
        pieces += [outside[at : at + region.start - end], part]
        at, end = at + region.start - end, region.start + region.size
    return b"".join([*pieces, outside[at:]])


def _chosen(found: list[Region], content: bytes) -> list[tuple[Region, Form, list[np.ndarray]]]:
    """Regions for the entropy coder, each with its form and its streams."""
    raws = [content[region.start : region.start + region.size] for region in found]
    best = {index: _best(raw, region.width) for index, (raw, region) in enumerate(zip(raws, found, strict=True))}
    bases: dict[int, bytes] = {}
    named: dict[int, Form] = {}
    for index in (index for index, region in enumerate(found) if region.width == 4):
        form = streams.product(raws[index], bases)
        if form is None:
            bases[index] = raws[index]
        else:
            named[index] = form
    for base in {int(form.book[0]) for form in named.values()}:
        best[base] = best[base] or (Form(streams.PLAIN, False, np.frombuffer(raws[base], "<u4")), [])
    kept = [index for index in best if best[index] or index in named]
    places = {index: place for place, index in enumerate(kept)}
    for index, form in named.items():
        best[index] = Form(form.mode, False, np.array([places[int(form.book[0])], form.book[1]], "<u4")), []
    return [(found[index], *best[index]) for index in kept]


def _best(raw: bytes, width: int) -> tuple[Form, list[np.ndarray]] | None:
    """The form of a region in which it takes least, with its streams; None where LZMA does better."""

    def cost(parts: list[np.ndarray], form: Form) -> float:
        counts = [np.bincount(part, minlength=256) for part in parts]
        least = sum(map(len, parts)) / SYMBOLS_A_BYTE
        return sum(rans.table(count).bits(count) / 8 + _TABLE * (count > 0).sum() / 2 for count in counts) + form.book.nbytes + least

    form, parts = min(streams.split(raw, width), key=lambda it: cost(it[1], it[0]))
    return (form, parts) if cost(parts, form) < len(lzma.compress(raw, lzma.FORMAT_RAW, filters=_QUICK)) else None


def _tables(parts: list[np.ndarray]) -> tuple[list[int], list[rans.Table]]:
    """The table of each stream, and the tables: streams that are alike share one, where that costs less than a table more."""
    sums: list[np.ndarray] = []
    groups = [0] * len(parts)
    for index in sorted(range(len(parts)), key=lambda index: -len(parts[index])):
        counts = np.bincount(parts[index], minlength=256)
        alone = rans.table(counts).bits(counts) / 8 + _TABLE * (counts > 0).sum()
        joined = [_joined(total, counts) for total in sums]
        best = min(range(len(sums)), key=joined.__getitem__, default=None)
        if best is None or joined[best] >= alone or len(sums) == 0:
            sums.append(counts)
            best = len(sums) - 1
        else:
            sums[best] = sums[best] + counts
        groups[index] = best
    return groups, [rans.table(total) for total in sums]


def _joined(total: np.ndarray, counts: np.ndarray) -> float:
    """Bytes that a stream adds to a group."""
    both = total + counts
    symbols = _TABLE * float(((counts > 0) & (total == 0)).sum())
    return (_bits(both) - _bits(total)) / 8 + symbols


def _bits(counts: np.ndarray) -> float:
    """Entropy times count."""
    some = counts[counts > 0]
    return float((some * (np.log2(some.sum()) - np.log2(some))).sum())
