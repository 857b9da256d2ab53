"""The pictures of a set as a table on the disk, one row a picture: of a million pictures nothing more than some pages of it is in memory."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgecnn.data import SPLITS

# A file of this process alone that nobody opens again: neither locks, which some network file systems lack, nor a journal, nor a commit.
SETUP = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -2048;
CREATE TABLE found (number INTEGER PRIMARY KEY, member BLOB UNIQUE, sha256 BLOB, row INTEGER);
CREATE TABLE entry (split INTEGER, label BLOB, name BLOB, sha256 BLOB, number INTEGER, drawn INTEGER, PRIMARY KEY (split, label, name)) WITHOUT ROWID;
CREATE TABLE pixels (row INTEGER PRIMARY KEY, hash BLOB);
BEGIN;
"""
# That of the key, so that SQLite reads `entry` as it lies and needs no room to sort.
ORDER = "ORDER BY split, label, name"


class Found(NamedTuple):
    """A picture as its source has it: its place in the order of the source, its name there, and the SHA-256 of its file."""

    number: int
    member: str
    sha256: bytes


class Entry(NamedTuple):
    """A picture that belongs to a split: its class, its name below the root folder, the SHA-256 of its file, and whether the split was drawn by it."""

    split: str
    label: str
    name: str
    sha256: bytes
    drawn: bool = False


class Catalogue:
    """Made by `opened`. First `add` what a source holds, then `place` it; from then on every entry has a row, in the order of split, class and name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def add(self, members: Iterable[tuple[str, bytes]]) -> None:
        """Take in (name, SHA-256) in the order of the source; of equal names the first counts."""
        rows = ((raw(member), sha256) for member, sha256 in members)
        self.connection.executemany("INSERT OR IGNORE INTO found (member, sha256) VALUES (?, ?)", rows)

    def found(self) -> Iterator[Found]:
        """All pictures, in the order of the source."""
        for number, member, sha256 in self.connection.execute("SELECT number, member, sha256 FROM found ORDER BY number"):
            yield Found(number, text(member), sha256)

    def members(self) -> Iterator[str]:
        """The names of all pictures, in the order of the source."""
        return (text(member) for (member,) in self.connection.execute("SELECT member FROM found ORDER BY number"))

    def place(self, entries: Iterable[tuple[int, Entry]]) -> None:
        """Take in where pictures belong, each with its number; those that are left out belong nowhere."""
        rows = ((SPLITS.index(e.split), raw(e.label), raw(e.name), e.sha256, number, e.drawn) for number, e in entries)
        self.connection.executemany("INSERT INTO entry (split, label, name, sha256, number, drawn) VALUES (?, ?, ?, ?, ?, ?)", rows)

    def last_to_val(self, count: int) -> None:
        """Move the last `count` training pictures of each class, by name, to val; those that are there return to train first."""
        train, val = SPLITS.index("train"), SPLITS.index("val")
        self.connection.execute("UPDATE entry SET split = ? WHERE split = ?", (train, val))
        self.connection.execute("UPDATE entry SET drawn = 0")
        last = "SELECT name FROM entry WHERE split = ? AND label = ? ORDER BY name DESC LIMIT ?"
        for (label,) in self.connection.execute("SELECT DISTINCT label FROM entry").fetchall():
            self.connection.execute(f"UPDATE entry SET split = ? WHERE split = ? AND label = ? AND name IN ({last})", (val, train, label, train, label, count))

    def number_rows(self) -> int:
        """Give every entry its row, and return how many there are."""
        numbers = self.connection.execute(f"SELECT number FROM entry {ORDER}")
        self.connection.executemany("UPDATE found SET row = ? WHERE number = ?", ((row, number) for row, (number,) in enumerate(numbers)))
        return self._one("SELECT count(*) FROM entry")

    def rows(self) -> Iterator[tuple[str, int]]:
        """(name in the source, row) of every entry, in the order of the source."""
        found = self.connection.execute("SELECT member, row FROM found WHERE row IS NOT NULL ORDER BY number")
        return ((text(member), row) for member, row in found)

    def strays(self) -> Iterator[str]:
        """The names in the source of the pictures that belong nowhere."""
        return (text(member) for (member,) in self.connection.execute("SELECT member FROM found WHERE row IS NULL ORDER BY number"))

    def remove(self, rows: Collection[int]) -> dict[int, str]:
        """Take entries out again; row -> name of those. The rows of the others stay as they are until all is told."""
        gone = {row: entry for row, entry in enumerate(self.entries()) if row in rows} if rows else {}
        keys = ((SPLITS.index(e.split), raw(e.label), raw(e.name)) for e in gone.values())
        self.connection.executemany("DELETE FROM entry WHERE split = ? AND label = ? AND name = ?", keys)
        return {row: entry.name for row, entry in gone.items()}

    def entries(self) -> Iterator[Entry]:
        """All entries, in the order of their rows."""
        for split, label, name, sha256 in self.connection.execute(f"SELECT split, label, name, sha256 FROM entry {ORDER}"):
            yield Entry(SPLITS[split], text(label), text(name), sha256)

    def names(self) -> Iterator[str]:
        """The name of every entry, in the order of their rows."""
        return (text(name) for (name,) in self.connection.execute(f"SELECT name FROM entry {ORDER}"))

    def totals(self) -> dict[tuple[str, str], int]:
        """(split, class) -> entries, in the order of their rows."""
        found = self.connection.execute("SELECT split, label, count(*) FROM entry GROUP BY split, label ORDER BY split, label")
        return {(SPLITS[split], text(label)): count for split, label, count in found}

    def add_pixels(self, hashes: Iterable[tuple[int, bytes]]) -> None:
        """Take in (row, hash of the decoded image)."""
        self.connection.executemany("INSERT INTO pixels (row, hash) VALUES (?, ?)", hashes)

    def old_rows(self) -> Iterator[int]:
        """The row that `number_rows` gave each entry, in the order that the entries have now."""
        return (row for (row,) in self.connection.execute(f"SELECT found.row FROM entry JOIN found USING (number) {ORDER}"))

    def _one(self, question: str, *values: object) -> int:
        return self.connection.execute(question, values).fetchone()[0]


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[Catalogue]:
    """An empty catalogue in a new file, which is removed in the end; in memory where `path` is None.

    Raises:
        OSError: the file cannot be written, or its disk is full: now or at any later call.
    """
    place = f"{path.resolve().as_uri()}?nolock=1" if path else ":memory:"
    try:
        with contextlib.closing(sqlite3.connect(place, uri=True, isolation_level=None)) as connection:
            connection.executescript(SETUP)
            yield Catalogue(connection)
    except sqlite3.OperationalError as error:
        raise OSError(str(error)) from error
    finally:
        if path:
            path.unlink(missing_ok=True)


def raw(text: str) -> bytes:
    """Bytes that sort as the strings do, also those with surrogates, which stand for bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")
