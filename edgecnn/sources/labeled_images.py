"""Labeled images on which a question about a model is measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn import data as datasets
from edgecnn.card import Preprocessing
from edgecnn.data import Dataset
from edgecnn.progress import SILENT, Progress
from edgecnn.sources.class_mapping import map_classes_to_outputs

# Enough to tell mappings apart, few enough for a minute.
COUNT = 2048
SEED = 0


@dataclass(frozen=True)
class LabeledImages:
    """Images and the right answer to each.

    Attributes:
        images: uint8 RGB [N, H, W, 3].
        answers: int64 [N], counted after the background outputs; uint8 [N, labels] where several labels may hold.
        text: what they are, such as `512 train images of trashnet`.
        names: of their files, inside of `source`.
        source: from which they can be read again; None where they cannot.
    """

    images: np.ndarray
    answers: np.ndarray
    text: str
    names: Sequence[str] = ()
    source: str | None = None

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> LabeledImages:
        """Some of them; they lie in random order."""
        return self.rows(slice(0, count))

    def rows(self, rows: slice) -> LabeledImages:
        """Those of some rows."""
        return LabeledImages(self.images[rows], self.answers[rows], self.text, self.names[rows], self.source)


def load_labeled_images(
    source: str | os.PathLike[str] | Dataset,
    preprocessing: Preprocessing,
    labels: Sequence[str],
    num_outputs: int,
    label_offset: int = 0,
    *,
    count: int = COUNT,
    progress: Progress = SILENT,
) -> LabeledImages | None:
    """Images of a data set whose classes the network knows, not of its test split where it has others; None where it does not know them.

    Args:
        source: a data set, or what `edgecnn.data.load` takes.
        preprocessing: the size and the resize rule count.
        labels, num_outputs, label_offset: see `map_classes_to_outputs`.
        count: images at most, drawn with a fixed seed.
    """
    dataset = source if isinstance(source, Dataset) else datasets.load(source, preprocessing, progress=progress, need_train=False)
    outputs = map_classes_to_outputs(dataset.classes, labels, num_outputs, label_offset)
    splits = [name for name in ("train", "val") if name in dataset.splits and len(dataset.splits[name])] or ["test"]
    parts = [dataset.splits[name] for name in splits if name in dataset.splits]
    if outputs is None or not parts or not sum(map(len, parts)):
        return None
    targets = [getattr(part, "targets", None) for part in parts]
    places = np.random.default_rng(SEED).permutation(sum(map(len, parts)))[:count]
    truth = np.concatenate([part.labels for part in parts] if targets[0] is None else targets)[places]
    answers = outputs[truth] if targets[0] is None else _reordered(truth, outputs, num_outputs - label_offset)
    found = [_row(parts, place) for place in places]
    images, names = np.stack([image for image, _ in found]), tuple(name for _, name in found)
    origin = None if isinstance(source, Dataset) else str(source)
    return LabeledImages(images, answers, f"{len(places):,} {' and '.join(splits)} images of {dataset.name}", names, origin)


def _reordered(targets: np.ndarray, outputs: np.ndarray, answers: int) -> np.ndarray:
    placed = np.zeros((len(targets), answers), np.uint8)
    placed[:, outputs] = targets
    return placed


def _row(parts: Sequence[datasets.Split], place: int) -> tuple[np.ndarray, str]:
    for part in parts:
        if place < len(part):
            return part.pictures[place], part.names[place]
        place -= len(part)
    raise IndexError(place)
