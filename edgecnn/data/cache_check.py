"""Whether decoded pictures in the cache are whole: types and sizes of everything that is read, and checksums of the content.

Labels, names and targets are summed each time (some 40 MB for a million pictures: 0.03 s). Pictures are summed in blocks: all of them where they are few or
where the file was touched since it was written; else a sample, so that a large set opens at once. CRC-32 takes 0.3 to 1 s for each GB.
"""

from __future__ import annotations

import json
import os
import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.data import SPLITS, Finding

BLOCK = 4 * 1024 * 1024
# Blocks of untouched pictures that are summed: 256 MB, 0.1 to 0.3 s.
SAMPLE = 64


class DamagedCache(ValueError):
    """A part of the cache that is not what was written; it is made again."""


@dataclass(frozen=True)
class Seal:
    """What a file was when it was written: its size, its times and number, and the CRC-32 of each of its blocks."""

    size: int
    stamp: tuple[int, ...]
    sums: tuple[int, ...]


def seal(path: Path) -> Seal:
    """Write a file out to the disk and take its measure."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
        sums = []
        while block := stream.read(BLOCK):
            sums.append(zlib.crc32(block))
        status = os.fstat(stream.fileno())
    return Seal(status.st_size, _stamp(status), tuple(sums))


def check(path: Path, sealed: Seal, *, whole: bool) -> None:
    """Compare a file with its seal.

    Args:
        path: of the file.
        sealed: when it was written.
        whole: sum all blocks, though the file was not touched since.

    Raises:
        DamagedCache: another size or another content. OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if status.st_size != sealed.size or len(sealed.sums) != -(-sealed.size // BLOCK):
            raise DamagedCache(f"{path.name} has another size")
        blocks: Iterable[int] = range(len(sealed.sums))
        if not whole and len(sealed.sums) > SAMPLE and _stamp(status) == sealed.stamp:
            blocks = sorted(random.sample(range(len(sealed.sums)), SAMPLE))
        for block in blocks:
            stream.seek(block * BLOCK)
            if zlib.crc32(stream.read(BLOCK)) != sealed.sums[block]:
                raise DamagedCache(f"{path.name} has other content")


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def signed(raw: dict[str, Any]) -> str:
    """The JSON of a manifest with its own checksum."""
    return json.dumps({**raw, "crc32": _sum(raw)})  # a name that is no UTF-8 has no other form than ASCII's escapes


def _sum(raw: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(raw).encode())


def manifest(content: bytes) -> dict[str, Any]:
    """The JSON of a manifest with everything of the type that it must have, and its own checksum.

    Raises:
        DamagedCache: no JSON, nested too deeply, or a value of another type.
    """
    try:
        raw = json.loads(content)
        whole = isinstance(raw, dict) and raw.pop("crc32", None) == _sum(raw)
    except (ValueError, RecursionError) as error:
        raise DamagedCache(f"no manifest ({type(error).__name__})") from error
    if not whole:
        raise DamagedCache("manifest with other content")
    checked = {
        "classes": _texts(raw, "classes"),
        "counts": _counts(raw),
        "digest": _of(raw, "digest", str),
        "skipped": tuple((name, why) for name, why in (_pair(item) for item in _of(raw, "skipped", list))),
        "findings": tuple(_finding(item) for item in _of(raw, "findings", list)),
        "multi_label": _of(raw, "multi_label", bool),
        "totals": tuple(_total(item) for item in _of(raw, "totals", list)),
        "seals": {name: _seal(item) for name, item in _of(raw, "seals", dict).items()},
    }
    if sum(count for *_, count in checked["totals"]) != sum(checked["counts"].values()):
        raise DamagedCache("manifest: totals that do not fit")
    return checked


def _of(raw: object, key: str, kind: type) -> Any:
    value = raw.get(key) if isinstance(raw, dict) else None
    if type(value) is not kind:
        raise DamagedCache(f"manifest: no {key}")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise DamagedCache("manifest: no number")
    return value


def _texts(raw: object, key: str) -> tuple[str, ...]:
    values = _of(raw, key, list)
    if not all(isinstance(value, str) for value in values):
        raise DamagedCache(f"manifest: {key} that are no texts")
    return tuple(values)


def _counts(raw: object) -> dict[str, int]:
    counts = _of(raw, "counts", dict)
    if set(counts) != set(SPLITS):
        raise DamagedCache("manifest: other splits")
    return {split: _number(counts[split]) for split in SPLITS}


def _pair(item: object) -> tuple[str, str]:
    if not isinstance(item, list) or len(item) != 2 or not all(isinstance(text, str) for text in item):
        raise DamagedCache("manifest: no pair")
    return item[0], item[1]


def _total(item: object) -> tuple[str, str, int]:
    if not isinstance(item, list) or len(item) != 3 or item[0] not in SPLITS or not isinstance(item[1], str):
        raise DamagedCache("manifest: no total")
    return item[0], item[1], _number(item[2])


def _finding(item: object) -> Finding:
    names = _texts(item, "names")
    return Finding(_of(item, "kind", str), _number(_of(item, "count", int)), names, _of(item, "text", str), _of(item, "strict", bool))


def _seal(item: object) -> Seal:
    numbers = [tuple(map(_number, _of(item, key, list))) for key in ("stamp", "sums")]
    return Seal(_number(_of(item, "size", int)), *numbers)
