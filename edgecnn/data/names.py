"""A million file names in little more than their letters."""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

# No file name holds it, in any file system or archive.
_END = b"\0"


def packed(names: Iterable[str], at_once: int = 1024) -> Iterator[tuple[bytes, np.ndarray]]:
    """The `letters` and `ends` of any number of names, some names at a time."""
    names, start = iter(names), 0
    while some := [name.encode("utf-8", "surrogateescape") + _END for name in itertools.islice(names, at_once)]:
        letters = b"".join(some)
        yield letters, start + _ends(letters)
        start += len(letters)


class Names(Sequence[str]):
    """Names that are made into strings when they are asked for; slices share the letters.

    Args:
        letters: the names in UTF-8, each with a zero byte behind it; may be memory-mapped.
        ends: int64 [N], where each name's zero byte stands; None finds them.
    """

    def __init__(self, letters: bytes | mmap.mmap, ends: np.ndarray | None = None, start: int = 0) -> None:
        self._letters, self._start = letters, start
        self._ends = _ends(letters) if ends is None else ends

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Pack names; surrogates, which stand for bytes that are no UTF-8, come back as they were."""
        return cls(b"".join(letters for letters, _ in packed(names)))

    @property
    def ends(self) -> np.ndarray:
        """Where each name's zero byte stands in `letters`, int64 [N]."""
        return self._ends - self._start

    @property
    def letters(self) -> bytes:
        """The names as they are stored."""
        return self._letters[self._start : int(self._ends[-1]) + 1] if len(self._ends) else b""

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Names: ...

    def __getitem__(self, index: int | slice) -> str | Names:
        if isinstance(index, slice):
            first, end, step = index.indices(len(self))
            if step != 1:
                return Names.of(self[i] for i in range(first, end, step))
            return Names(self._letters, self._ends[first : max(first, end)], self._begin(first))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self._letters[self._begin(index) : int(self._ends[index])].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None

    def _begin(self, index: int) -> int:
        return self._start if index == 0 else int(self._ends[index - 1]) + 1


def _ends(letters: bytes | mmap.mmap) -> np.ndarray:
    return np.flatnonzero(np.frombuffer(letters, np.uint8) == 0)
