"""Decoding a whole source into one array, on all cores, in memory or straight into a file."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.data import pictures
from edgecnn.data.image_formats import suffix_of
from edgecnn.errors import BadFile
from edgecnn.progress import Advance


class Rows(Protocol):
    """Where decoded pictures go, row by row."""

    def __setitem__(self, row: int, picture: np.ndarray) -> None: ...

    def __getitem__(self, row: int) -> np.ndarray: ...


class FileRows:
    """Rows of an .npy file, uint8 [count, height, width, 3].

    Written, not memory-mapped: on a full disk a write raises OSError, a mapped page kills the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int, int]) -> None:
        self._file, self._shape = path.open("w+b"), shape[1:]
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()

    def __setitem__(self, row: int, picture: np.ndarray) -> None:
        self._file.seek(self._start + row * picture.nbytes)
        self._file.write(picture.tobytes())

    def __getitem__(self, row: int) -> np.ndarray:
        size = math.prod(self._shape)
        self._file.seek(self._start + row * size)
        return np.frombuffer(self._file.read(size), np.uint8).reshape(self._shape)

    def close(self) -> None:
        """Write out what is buffered; an OSError says that the disk is full."""
        self._file.close()


# (row, name, bytes) of an image file.
Content = tuple[int, str, bytes]

# Told of (row, hash of the pixels), some at a time.
TakeHashes = Callable[[list[tuple[int, bytes]]], None]
_AT_ONCE = 1024


def decode_into(rows: Rows, contents: Iterable[Content], preprocessing: Preprocessing, advance: Advance, hashes: TakeHashes) -> dict[int, str]:
    """Decode picture files into their rows; a row that cannot be decoded stays black and is returned with the reason.

    Args:
        rows: uint8 [N, height, width, 3], or a file of that shape.
        contents: (row, name, bytes of a picture file).
        preprocessing: size and resize rule.
        advance: told of every picture.
        hashes: told of the hash of each picture's pixels, see `pictures.decode_and_hash`.
    """
    broken: dict[int, str] = {}
    pairs: list[tuple[int, bytes]] = []
    black = np.zeros((preprocessing.height, preprocessing.width, 3), np.uint8)
    with pictures.quiet():
        for row, decoded in _in_order(contents, preprocessing):
            if isinstance(decoded, BadFile):
                broken[row] = str(decoded)
                rows[row] = black
            else:
                rows[row] = decoded[0]
                pairs.append((row, decoded[1]))
            if len(pairs) >= _AT_ONCE:
                hashes(pairs)
                pairs.clear()
            advance(1, f"{len(broken)} skipped" if broken else "")
    hashes(pairs)
    return broken


def rearrange(rows: Rows, old: np.ndarray) -> None:
    """Move rows in place, so that row i holds what row old[i] held; each is moved once, and one is in memory.

    Args:
        rows: of any number.
        old: int64 [n], all different; it is used up.
    """
    count = len(old)
    waited_for = np.zeros(count, bool)
    waited_for[old[old < count]] = True
    # First the rows that nobody waits for, each with all that follow from it; what is left then goes round in circles.
    for start in np.flatnonzero(~waited_for):
        row = int(start)
        while row < count:
            source, old[row] = int(old[row]), row
            rows[row] = rows[source]
            row = source
    for start in np.flatnonzero(old != np.arange(count)):
        first, row = np.array(rows[start]), int(start)
        while (source := int(old[row])) != row:
            rows[row] = first if source == start else rows[source]
            old[row] = row
            row = source


def _in_order(contents: Iterable[Content], preprocessing: Preprocessing) -> Iterator[tuple[int, tuple[np.ndarray, bytes] | BadFile]]:
    """Decode on all cores with few pictures waiting: Pillow lets go of the interpreter lock."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[tuple[int, Future]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for row, name, content in contents:
            waiting.append((row, pool.submit(_try, content, preprocessing, suffix_of(name))))
            if len(waiting) >= 8 * workers:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())


def _try(content: bytes, preprocessing: Preprocessing, suffix: str) -> tuple[np.ndarray, bytes] | BadFile:
    try:
        return pictures.decode_and_hash(content, preprocessing, suffix)
    except BadFile as error:
        return error


def _done(item: tuple[int, Future]) -> tuple[int, tuple[np.ndarray, bytes] | BadFile]:
    return item[0], item[1].result()
