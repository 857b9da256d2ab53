"""Images to the rows of a table: by their path below the table's folder, else by the end of it."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Iterator

from edgecnn.data.catalogue import Catalogue, Entry, raw, text
from edgecnn.data.splitting import choose
from edgecnn.data.tables import LabelTable, Row
from edgecnn.errors import BadData, BadFile

_SETUP = "CREATE TABLE listed (file BLOB PRIMARY KEY, line INTEGER, label BLOB, split TEXT, number INTEGER) WITHOUT ROWID"


def place(catalogue: Catalogue, table: LabelTable, folder: str) -> int:
    """Give the images of a table their entries.

    Args:
        catalogue: of all images.
        table: of labels.
        folder: that the table lies in: "", or with a slash at its end.

    Returns:
        The number of entries.

    Raises:
        BadFile: the table names a file twice or has a wrong line. BadData: an image of it is not there, or its name fits several.
    """
    _list(catalogue, table)
    _match(catalogue, table, folder, whole=True)
    _match(catalogue, table, folder, whole=False)
    lost = catalogue.connection.execute("SELECT count(*), min(line) FROM listed WHERE number IS NULL").fetchone()
    if lost[0]:
        name = text(catalogue.connection.execute("SELECT file FROM listed WHERE line = ? AND number IS NULL", (lost[1],)).fetchone()[0])
        raise BadData(f"{table.place}, line {lost[1]}: no image {name} beside the table ({lost[0]} of its images are missing); add them or remove their lines")
    catalogue.place(_entries(catalogue, folder))
    return catalogue.number_rows()


def _list(catalogue: Catalogue, table: LabelTable) -> None:
    """Take in the rows; of the pairs in the error the second is the later one."""
    catalogue.connection.execute(_SETUP)
    insert = "INSERT OR IGNORE INTO listed (file, line, label, split) VALUES (?, ?, ?, ?)"
    rows, taken = table.rows(), 0
    while some := list(itertools.islice(rows, 1024)):
        catalogue.connection.executemany(insert, ((raw(row.file), row.line, raw(row.label), row.split) for row in some))
        taken += len(some)
        if catalogue.connection.execute("SELECT count(*) FROM listed").fetchone()[0] != taken:
            raise BadFile(_twice(catalogue, table, some))
    if not taken:
        raise BadFile(f"{table.place} has no line below its first; expected one for each image")


def _twice(catalogue: Catalogue, table: LabelTable, some: Iterable[Row]) -> str:
    first = {row.file: catalogue.connection.execute("SELECT line FROM listed WHERE file = ?", (raw(row.file),)).fetchone()[0] for row in some}
    row = next(row for row in some if first[row.file] != row.line)
    return f"{table.place}, line {row.line}: {row.file} is in line {first[row.file]} already; give each image one line"


def _match(catalogue: Catalogue, table: LabelTable, folder: str, *, whole: bool) -> None:
    """Note the number of the image that each row means, for rows that have none yet."""
    taken: dict[int, str] = {}
    for found in catalogue.found():
        if not found.member.startswith(folder):
            continue
        name = unicodedata.normalize("NFC", found.member[len(folder) :])
        if not whole and _number(catalogue, name) == found.number:
            continue
        for file in [name] if whole else _ends(name):
            row = catalogue.connection.execute("SELECT line, number FROM listed WHERE file = ?", (raw(file),)).fetchone()
            if row is None:
                continue
            if row[1] is None:
                catalogue.connection.execute("UPDATE listed SET number = ? WHERE file = ?", (found.number, raw(file)))
                if not whole:
                    taken[row[0]] = found.member
            elif row[0] in taken:
                raise BadData(f"{table.place}, line {row[0]}: {file} may be {taken[row[0]]} or {found.member}; write the path below the table's folder")
            break


def _number(catalogue: Catalogue, file: str) -> int | None:
    row = catalogue.connection.execute("SELECT number FROM listed WHERE file = ?", (raw(file),)).fetchone()
    return row and row[0]


def _entries(catalogue: Catalogue, folder: str) -> Iterator[tuple[int, Entry]]:
    listed = "SELECT found.number, member, sha256, label, split FROM listed JOIN found USING (number) ORDER BY found.number"
    for number, member, sha256, label, split in catalogue.connection.execute(listed):
        name = text(member)[len(folder) :]
        yield number, Entry(split or choose("", set(), sha256), text(label), name, sha256, drawn=not split)


def _ends(name: str) -> Iterator[str]:
    """What is left of a path below each of its folders."""
    while name := name.partition("/")[2]:
        yield name
