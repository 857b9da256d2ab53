"""The classes of a data set with their images in each split, for the terminal."""

from __future__ import annotations

from edgecnn.cli.text import columns
from edgecnn.data import SPLITS, Dataset, class_counts

# Rows that are shown; of more classes the first ones.
SHOWN = 20


def class_table(data: Dataset) -> str:
    """One line a class: name, and images in train, val and test."""
    counts = class_counts(data)
    rows = [("class", *SPLITS)] + [(name, *(str(own[split]) for split in SPLITS)) for name, own in list(counts.items())[:SHOWN]]
    more = f"\n... and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    what = "labels" if data.multi_label else "classes"
    return f"{len(counts)} {what} in {data.name}\n{columns(rows, right=(1, 2, 3))}{more}"
