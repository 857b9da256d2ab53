"""Images that have the same pixels: kept in one split where the split is drawn, and told of where they leak or have two labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from edgecnn.data import SPLITS, Finding
from edgecnn.data.catalogue import Catalogue, text

NAMES = 3

# One pass over the table; what is sorted is sorted on the disk, and only copies are written down again.
_COPIES = (
    "CREATE TABLE repeated (hash BLOB PRIMARY KEY) WITHOUT ROWID",
    "INSERT INTO repeated SELECT hash FROM pixels GROUP BY hash HAVING count(*) > 1",
    """CREATE TABLE copies (
        hash BLOB, sha256 BLOB, name BLOB, label BLOB, split INTEGER, drawn INTEGER, PRIMARY KEY (hash, sha256, name, label)
    ) WITHOUT ROWID""",
    """INSERT INTO copies SELECT pixels.hash, entry.sha256, entry.name, entry.label, entry.split, entry.drawn
        FROM entry CROSS JOIN found ON found.number = entry.number CROSS JOIN pixels ON pixels.row = found.row
        WHERE EXISTS (SELECT 1 FROM repeated WHERE repeated.hash = pixels.hash)""",
)
_MEMBERS = "SELECT hash, sha256, name, label, split, drawn FROM copies"
_BY_SHA256 = f"{_MEMBERS} ORDER BY hash, sha256, name, label"
_BY_SPLIT = f"{_MEMBERS} ORDER BY hash, split, sha256, name, label"
_TWO_LABELS = "SELECT hash, count(*), min(label), max(label) FROM copies GROUP BY hash HAVING min(label) <> max(label) ORDER BY hash"
_OF_LABEL = f"{_MEMBERS} WHERE hash = ? AND label = ? ORDER BY sha256, name LIMIT 1"
_AT_ONCE = 256


class Copy(NamedTuple):
    """One image of a group that has the same pixels."""

    hash: bytes
    sha256: bytes
    name: bytes
    label: bytes
    split: int
    drawn: int


def join(catalogue: Catalogue) -> int:
    """Find the copies among the entries, and move those whose split was drawn to that of the one with the smallest SHA-256; how many were moved."""
    for step in _COPIES:
        catalogue.connection.execute(step)
    moves, moved = _moves(catalogue), 0
    while some := list(itertools.islice(moves, _AT_ONCE)):
        moved += len(some)
        for table in ("entry", "copies"):
            keys = ((split, copy.split, copy.label, copy.name) for split, copy in some)
            catalogue.connection.executemany(f"UPDATE {table} SET split = ? WHERE split = ? AND label = ? AND name = ?", keys)
    return moved


def _moves(catalogue: Catalogue) -> Iterator[tuple[int, Copy]]:
    """(the split to go to, copy) of those whose split was drawn and is another than that of the first of them."""
    first = None
    for copy in _copies(catalogue, _BY_SHA256):
        if not copy.drawn:
            continue
        if first is None or copy.hash != first.hash:
            first = copy
        elif copy.split != first.split:
            yield first.split, copy


def findings(catalogue: Catalogue) -> list[Finding]:
    """Copies that lie in train and beside it, and copies that have different labels; `join` was called before."""
    found = []
    leaks, least, names = 0, len(SPLITS), []
    for copy, first in _leaks(catalogue):
        leaks, least = leaks + 1, min(least, first.split)
        if len(names) < NAMES:
            names.append(_pair(copy, first))
    if leaks:
        train = least == SPLITS.index("train")
        where = "val or test pictures have the pixels of one in train too" if train else "test pictures have the pixels of one in val too"
        found.append(Finding("leak", leaks, tuple(names), f"{leaks} {where}, so that their figures flatter", strict=True))
    labels, names = 0, []
    for hashed, count, one, other in catalogue.connection.execute(_TWO_LABELS):
        labels += count
        if len(names) < NAMES:
            names.append(_pair(*(Copy._make(catalogue.connection.execute(_OF_LABEL, (hashed, label)).fetchone()) for label in (one, other))))
    if labels:
        found.append(Finding("two labels", labels, tuple(names), f"{labels} pictures have the pixels of one with another label", strict=True))
    return found


def _leaks(catalogue: Catalogue) -> Iterator[tuple[Copy, Copy]]:
    """(a copy, the first of its group) for all that lie in a later split than the first."""
    first = None
    for copy in _copies(catalogue, _BY_SPLIT):
        if first is None or copy.hash != first.hash:
            first = copy
        elif copy.split != first.split:
            yield copy, first


def _copies(catalogue: Catalogue, question: str) -> Iterator[Copy]:
    return map(Copy._make, catalogue.connection.execute(question))


def _pair(copy: Copy, other: Copy) -> str:
    return f"{text(copy.name)} is {text(other.name)}"
