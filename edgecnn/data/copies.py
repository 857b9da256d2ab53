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
_MEMBERS = "SELECT hash, sha256, name, label, split, drawn FROM copies ORDER BY hash, sha256, name, label"


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
    moves = ((own.split, copy) for group in _groups(catalogue) for own, copy in _apart(group))
    moved = 0
    while some := list(itertools.islice(moves, 1024)):
        moved += len(some)
        for table in ("entry", "copies"):
            keys = ((split, copy.split, copy.label, copy.name) for split, copy in some)
            catalogue.connection.executemany(f"UPDATE {table} SET split = ? WHERE split = ? AND label = ? AND name = ?", keys)
    return moved


def _apart(group: list[Copy]) -> Iterator[tuple[Copy, Copy]]:
    """(the one that decides, another that lies in another split), of those whose split was drawn."""
    drawn = [copy for copy in group if copy.drawn]
    return ((drawn[0], copy) for copy in drawn[1:] if copy.split != drawn[0].split)


def findings(catalogue: Catalogue) -> list[Finding]:
    """Copies that lie in train and beside it, and copies that have different labels; `join` was called before."""
    leaks, labels = _Noted(), _Noted()
    train = SPLITS.index("train")
    for group in _groups(catalogue):
        first = min(group, key=lambda copy: copy.split)
        for copy in group:
            if copy.split != first.split:
                leaks.add(copy, first)
        if len({copy.label for copy in group}) > 1:
            other = next(copy for copy in group if copy.label != group[0].label)
            labels.add(group[0], other, len(group))
    found = []
    if leaks.count:
        where = "val or test pictures have the pixels of one in train too" if leaks.least == train else "test pictures have the pixels of one in val too"
        found.append(Finding("leak", leaks.count, tuple(leaks.names), f"{leaks.count} {where}, so that their figures flatter", strict=True))
    if labels.count:
        found.append(
            Finding("two labels", labels.count, tuple(labels.names), f"{labels.count} pictures have the pixels of one with another label", strict=True)
        )
    return found


class _Noted:
    """Counts pairs and keeps the first few in words."""

    def __init__(self) -> None:
        self.count, self.least, self.names = 0, len(SPLITS), []

    def add(self, copy: Copy, other: Copy, count: int = 1) -> None:
        self.count += count
        self.least = min(self.least, other.split)
        if len(self.names) < NAMES:
            self.names.append(f"{text(copy.name)} is {text(other.name)}")


def _groups(catalogue: Catalogue) -> Iterator[list[Copy]]:
    """The copies of each image, those with the smallest SHA-256 first."""
    rows = map(Copy._make, catalogue.connection.execute(_MEMBERS))
    for _, group in itertools.groupby(rows, key=lambda copy: copy.hash):
        yield list(group)
