"""Tables of labels: a CSV file beside the images that says which labels each of them has.

The first line names the columns. One is called `file` (or `filename`, `image`, `path`): an image's path below the table's folder, or the end of its path.
The others are

- `label` (or `class`): one class of each image; or
- `labels` (or `tags`): any number of labels, parted by `|`, `;`, `,` or blanks, whichever the column uses; or
- one column a label, with 1 where it holds and 0 where not;
- and `split`, where the table says it: train, val or test.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgecnn.data import layout
from edgecnn.errors import BadFile

FILE = ("file", "filename", "file_name", "image", "image_name", "filepath", "file_path", "image_path", "path")
SINGLE, MULTI, SPLIT = ("label", "class", "category", "class_name", "label_name"), ("labels", "tags", "classes", "categories"), ("split", "subset", "set")

# Between the labels of one image in the catalogue; no label holds it.
BETWEEN = "|"
MOST_LABELS = 100_000
_WAY = "expected file,label or file,labels or file and one column of 0 and 1 for each label, with or without split"


class Row(NamedTuple):
    """One line of a table: an image, its label or its labels with BETWEEN between them, and its split or ""."""

    line: int
    file: str
    label: str
    split: str


@dataclass(frozen=True)
class LabelTable:
    """A table whose header was understood; its rows are checked as they are read.

    Attributes:
        place: what errors call it.
        text: of the file.
        delimiter: between columns.
        columns: names in the first line.
        multi: a picture may have several labels or none.
        labels: in the order of the targets' columns; () where each picture has one class.
        separator: between labels in one field; "" for blanks, None where each label has a column.
    """

    place: str
    text: str
    delimiter: str
    columns: tuple[str, ...]
    multi: bool
    labels: tuple[str, ...]
    separator: str | None

    def rows(self) -> Iterator[Row]:
        """Every image of the table, in its order.

        Raises:
            BadFile: a line that has not as many fields as the first, no file, no label, a value other than 0 and 1, or no split where the table has splits.
        """
        keys = [column.lower() for column in self.columns]
        file, split = next(i for i, key in enumerate(keys) if key in FILE), next((i for i, key in enumerate(keys) if key in SPLIT), None)
        wanted = [i for i in range(len(keys)) if i not in (file, split)]
        for line, fields in _lines(self):
            if not fields[file].strip():
                raise BadFile(f"{self.place}, line {line}: no file; expected the path of an image")
            label = self._label([fields[i].strip() for i in wanted], line)
            yield Row(line, _path(fields[file]), label, "" if split is None else self._split(fields[split], line))

    def _label(self, values: list[str], line: int) -> str:
        if not self.multi:
            if not values[0]:
                raise BadFile(f"{self.place}, line {line}: no label; expected the name of a class")
            return layout.class_name([values[0]])
        if self.separator is not None:
            names = set(_parted(values[0], self.separator))
            return BETWEEN.join(name for name in self.labels if name in names)
        if wrong := next((value for value in values if value not in ("0", "1")), None):
            raise BadFile(f"{self.place}, line {line}: '{wrong}' as a label's value; expected 0 or 1 ({_WAY})")
        if "" in values:
            raise BadFile(f"{self.place}, line {line}: a label without a value; expected 0 or 1")
        return BETWEEN.join(name for name, value in zip(self.labels, values, strict=True) if value == "1")

    def _split(self, value: str, line: int) -> str:
        split = layout.split_of(value)
        if not split:
            raise BadFile(f"{self.place}, line {line}: split '{value}'; expected train, val or test")
        return "test" if split == "eval" else split


def has_files(content: bytes) -> bool:
    """Whether a CSV file's first line has a column of files: then it is meant as a table of labels."""
    first = content[:65536].decode("utf-8-sig", "replace").partition("\n")[0]
    return any(column.lower() in FILE for column in _columns(first, _delimiter(first)))


def read(content: bytes, place: str) -> LabelTable:
    """Understand a table's header.

    Raises:
        BadFile: no text in UTF-8, or columns that say nothing.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{place} is not text in UTF-8 ({error}); save it as CSV in UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = _delimiter(first)
    columns = _columns(first, delimiter)
    keys = [column.lower() for column in columns]
    files, splits = [key for key in keys if key in FILE], [key for key in keys if key in SPLIT]
    others = [column for column in columns if column.lower() not in (*FILE, *SPLIT)]
    if len(files) != 1 or len(splits) > 1 or not others or not all(others) or len(set(keys)) != len(keys):
        raise BadFile(f"{place} has the columns {', '.join(columns[:8]) or 'none'}; {_WAY}")
    named = [column for column in others if column.lower() in (*SINGLE, *MULTI)]
    if named and len(others) > 1:
        raise BadFile(f"{place} has the column {named[0]} beside {next(c for c in others if c != named[0])}; {_WAY}")
    single = bool(named) and named[0].lower() in SINGLE
    table = LabelTable(place, text, delimiter, columns, not single, () if named else tuple(map(_label_name, others)), None)
    return table if single else _with_labels(table, columns.index(named[0]) if named else None)


def targets(labels: tuple[str, ...], joined: str) -> np.ndarray:
    """The labels of one image as uint8 [labels]."""
    own = set(joined.split(BETWEEN))
    return np.array([name in own for name in labels], np.uint8)


def _with_labels(table: LabelTable, column: int | None) -> LabelTable:
    """A multi-label table with its labels; those of one column are all that occur there."""
    labels, separator = table.labels, None
    if column is not None:
        separator = next((mark for mark in "|;," if any(mark in fields[column] for _, fields in _lines(table))), "")
        labels = tuple(sorted({name for _, fields in _lines(table) for name in _parted(fields[column], separator)}))
    if len(labels) > MOST_LABELS or len(set(labels)) != len(labels) or any(BETWEEN in name for name in labels):
        raise BadFile(f"{table.place} has {len(labels):,} labels; expected up to {MOST_LABELS:,} different names without '{BETWEEN}'")
    if not labels:
        raise BadFile(f"{table.place} names no label at all; {_WAY}")
    return LabelTable(table.place, table.text, table.delimiter, table.columns, True, labels, separator)


def _lines(table: LabelTable) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) below the header, without empty lines."""
    reader = csv.reader(io.StringIO(table.text, newline=""), delimiter=table.delimiter, skipinitialspace=True)
    try:
        next(reader, None)
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(table.columns):
                raise BadFile(f"{table.place}, line {reader.line_num}: {len(fields)} fields; expected {len(table.columns)}, as in its first line")
            yield reader.line_num, fields
    except csv.Error as error:
        raise BadFile(f"{table.place}, line {reader.line_num}: {error}; expected a table with {len(table.columns)} columns") from error


def _columns(first: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(field.strip() for field in next(csv.reader([first.strip()], delimiter=delimiter, skipinitialspace=True), []))
    except csv.Error:
        return ()


def _delimiter(first: str) -> str:
    return max(",;\t", key=first.count)


def _parted(text: str, separator: str) -> list[str]:
    names = text.split(separator) if separator else text.split()
    return [named for name in names if (named := _label_name(name))]


def _label_name(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _path(text: str) -> str:
    """A path as images are named: forward slashes, composed, without a beginning that means nothing."""
    return re.sub(r"^(?:\./|/)+", "", unicodedata.normalize("NFC", text.strip()).replace("\\", "/"))
