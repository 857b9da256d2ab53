"""The pictures that files are measured on, and how their classes map onto a network's outputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn import data as datasets
from edgecnn.card import Card, Preprocessing
from edgecnn.data import DATASETS, Dataset
from edgecnn.errors import BadData
from edgecnn.progress import Progress
from edgecnn.sources.class_mapping import map_classes_to_outputs
from edgecnn.validate.report import Pictures

# Seed of the draw when fewer pictures are asked for than there are.
SEED = 0


@dataclass(frozen=True)
class Sample:
    """Pictures of one split at one size.

    Attributes:
        pictures: slices into uint8 RGB [n, H, W, 3].
        labels: int64 [N], indices into `classes`.
        names: of the picture files inside the source, [N].
        classes: the data set's class names.
        about: what the report says of them.
        targets: 1 where a class holds, uint8 [N, classes]; None where each image is of one class.
    """

    pictures: np.ndarray | Drawn
    labels: np.ndarray
    names: Sequence[str]
    classes: tuple[str, ...]
    about: Pictures
    targets: np.ndarray | None = None


@dataclass(frozen=True)
class Drawn:
    """Some pictures of a split, read when they are asked for: there may be more than fit into memory.

    Attributes:
        pictures: of the whole split, uint8 RGB [N, H, W, 3].
        rows: which of them, [n].
    """

    pictures: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: slice) -> np.ndarray:
        return self.pictures[self.rows[index]]

    @property
    def _mmap(self) -> object:
        """For `pool.stream`, which gives the pages of a memory-mapped array back."""
        return getattr(self.pictures, "_mmap", None)


def source(asked: str | os.PathLike[str] | None, card: Card | None, path: Path) -> str:
    """Name or path of the data set: the one asked for, else the one that the file was trained on.

    Raises:
        BadData: neither is known, or the card's data set can be found by its user only.
    """
    if asked is not None:
        return str(asked)
    if card is None or card.data is None:
        raise BadData(f"{path} does not say which pictures it was trained on; name labelled pictures with --data (a folder, an archive or a data set's name)")
    if card.data.name not in DATASETS:
        raise BadData(f"{path} was trained on '{card.data.name}', which is no data set known by name; say where it lies with --data")
    return card.data.name


def load(name: str, preprocessing: Preprocessing, split: str, count: int | None, progress: Progress) -> Sample:
    """Read one split at the size of `preprocessing`; BadData when it is empty or unknown."""
    dataset = datasets.load(name, preprocessing, progress=progress, need_train=False)
    if split not in dataset.splits or not len(dataset.splits[split]):
        have = ", ".join(f"{key} ({len(value)})" for key, value in dataset.splits.items())
        raise BadData(f"{dataset.name} has no pictures in split '{split}'; it has: {have}")
    part = dataset.splits[split]
    targets = getattr(part, "targets", None)
    about = _about(dataset, split, min(count or len(part), len(part)), preprocessing)
    if count is None or count >= len(part):
        return Sample(part.pictures, part.labels, part.names, dataset.classes, about, targets)
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(part))[:count])
    names, targets = [part.names[i] for i in chosen], None if targets is None else targets[chosen]
    return Sample(Drawn(part.pictures, chosen), part.labels[chosen], names, dataset.classes, about, targets)


def output_of(classes: tuple[str, ...], labels: tuple[str, ...], answers: int) -> np.ndarray | None:
    """Which output each class of the data means, int32 [classes]; None where the network knows other classes than the data has.

    Args:
        classes: of the data set.
        labels: names of the outputs; empty when not known: then classes and outputs are in the same order, if they are as many.
        answers: outputs after the background ones.
    """
    return map_classes_to_outputs(classes, labels, answers)


def _about(dataset: Dataset, split: str, count: int, preprocessing: Preprocessing) -> Pictures:
    available = len(dataset.splits[split])
    return Pictures(dataset.name, dataset.digest, split, count, available, len(dataset.classes), preprocessing.height, preprocessing.width)
