"""Which pictures an export is calibrated on and compared with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn import data as datasets
from edgecnn.card import Card
from edgecnn.data import Dataset
from edgecnn.errors import BadData, NoCalibration, UnknownName, UnlabelledError
from edgecnn.export import check
from edgecnn.progress import Progress
from edgecnn.schemes import scheme
from edgecnn.settings import Export

GENERATED = 64


@dataclass(frozen=True)
class Material:
    """Pictures for calibration and comparison.

    Attributes:
        pictures: uint8 RGB [N, H, W, 3].
        manifest: of the calibration set, for the file; empty where the pictures are generated.
        note: what they are, in words that follow their number.
        recorded_serve: ranges recorded in the card may stand in for measuring: nobody asked for pictures of their own choice.
    """

    pictures: np.ndarray
    manifest: Mapping[str, object]
    note: str
    recorded_serve: bool

    @property
    def real(self) -> bool:
        """Whether activation ranges may be taken from them."""
        return bool(self.manifest)


def gather(card: Card, data: str | os.PathLike[str] | Dataset | None, settings: Export, *, strict: bool, progress: Progress) -> Material:
    """Training pictures of the data set given, else of the model's own, else generated ones.

    Raises:
        NoCalibration: an integer scheme is asked for, and there are neither pictures nor recorded ranges.
    """
    source = data if data is not None else (card.data.name if card.data else None)
    missing = "the model's card names no data set"
    if source is not None:
        try:
            return _drawn(source, card, settings, strict=strict, recorded_serve=data is None, progress=progress)
        except (BadData, UnknownName):
            if data is not None:
                raise
            missing = f"the model's data set, {source}, is not at hand"
    integer = [name for name in settings.schemes if scheme(name).calibrated]
    if integer and not card.ranges:
        raise NoCalibration(f"{', '.join(integer)} needs pictures to take activation ranges from, and {missing}; give labelled photos with --data FOLDER")
    return Material(check.generated(card.preprocessing, GENERATED), {}, f"generated pictures, as {missing}", True)


def _drawn(source: str | os.PathLike[str] | Dataset, card: Card, settings: Export, *, strict: bool, recorded_serve: bool, progress: Progress) -> Material:
    try:
        dataset = source if isinstance(source, Dataset) else datasets.load(source, card.preprocessing, strict=strict, progress=progress)
    except UnlabelledError:
        drawn = datasets.load_unlabelled(source, card.preprocessing, settings.calibration, settings.seed, strict=strict)
        progress.step(f"{source} has no classes: {len(drawn.pictures)} of its pictures serve for calibration, whatever they show")
        return Material(drawn.pictures, drawn.manifest, f"unlabelled pictures of {drawn.manifest['dataset']}", recorded_serve)
    if dataset is source and dataset.skipped:  # else loading has said so
        progress.step(f"{len(dataset.skipped)} damaged pictures skipped in {dataset.name}, the first {dataset.skipped[0][0]}")
    drawn = datasets.calibration(dataset, settings.calibration, settings.seed)
    return Material(drawn.pictures, drawn.manifest, f"training pictures of {dataset.name}", recorded_serve)
