"""From a name or a path to a source, with what is known beside it: split lists, a table of labels."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edgecnn import files
from edgecnn.data import DATASETS, Named, cache, layout, tables
from edgecnn.data.passing import PassedOver
from edgecnn.data.sources import Digits, Folder, Source, open_source
from edgecnn.data.tables import LabelTable
from edgecnn.errors import BadData, unknown


@dataclass(frozen=True)
class Origin:
    """A source and what is known beside it: the table's row for a named set, the files of split lists and of labels where it has them."""

    source: Source
    row: Named | None = None
    lists: Path | None = None
    table: Path | None = None

    @property
    def name(self) -> str:
        """Of the data set."""
        return self.row.name if self.row else self.source.name

    def identity(self) -> list[str]:
        """What the decoded pictures depend on, besides size and resize rule."""
        beside = [files.sha256(path) if path else "" for path in (self.lists, self.table)]
        return [self.source.identity(), self.name, *beside, str(self.row and self.row.val_last)]

    def labels(self, passed: PassedOver, folders: Collection[str]) -> tuple[LabelTable, str] | None:
        """The table of labels and the folder that it speaks of, "" or with a slash at its end: the one that was named, else the one above all images.

        Args:
            passed: has seen all members of the source.
            folders: that hold images.
        """
        if self.row:
            return None
        if self.table:
            passed.forget(self.table.name)
            return tables.read(files.read_bytes(self.table, "table of labels (.csv)"), str(self.table)), ""
        for name, content in passed.tables.items():
            folder = name[: name.rfind("/") + 1]
            if tables.has_files(content) and all(f"{other}/".startswith(folder) for other in folders):
                passed.forget(name)
                return tables.read(content, f"{self.source.place}/{name}"), folder
        return None


def open_origin(source: str | os.PathLike[str]) -> Origin:
    """What a user means by a data set; errors as in `edgecnn.data.load`."""
    if isinstance(source, str) and (row := DATASETS.get(source)):
        if not row.archive:
            return Origin(Digits(), row)
        return Origin(open_source(_find(row, row.archive)), row, _find(row, row.splits) if row.splits else None)
    path = Path(source)
    if isinstance(source, str) and not path.exists() and not path.suffix and len(path.parts) == 1:
        raise unknown("data set", source, DATASETS)
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return Origin(Folder(files.check_file(path, "table of labels (.csv)").parent), table=path)
    return Origin(open_source(path))


def root_of(origin: Origin, passed: PassedOver, folders: Collection[str]) -> str:
    """What is cut off the names of members: the path that they share, or the folder of their table."""
    labels = origin.labels(passed, folders)
    return labels[1] if labels else layout.root(folders)


def _find(row: Named, file: str) -> Path:
    given = os.environ.get("EDGECNN_DATA")
    places = [*([Path(given)] if given else []), cache.folder()]
    for place in places:
        if (place / file).exists():
            return place / file
    looked = " and ".join(map(str, places))
    raise BadData(
        f"data set '{row.name}' needs the file {file}; looked in {looked}; set EDGECNN_DATA to the folder that holds it (--data digits needs no file)"
    )
