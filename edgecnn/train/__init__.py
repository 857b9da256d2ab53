"""DOOR to training: an architecture and a data set become a model, its card and its learning curves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import card as cards
from edgecnn.card import Card, Preprocessing
from edgecnn.catalog import Architecture
from edgecnn.catalog import architecture as row_of
from edgecnn.door import open_door
from edgecnn.formats.keras.model_objects import refuse_object
from edgecnn.progress import SILENT, Progress
from edgecnn.settings import Machine, Train
from edgecnn.train import twins

if TYPE_CHECKING:
    from edgecnn.data import Dataset


def preprocessing_for(
    architecture: str,
    *,
    image_size: int | tuple[int, int] | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> Preprocessing:
    """The preprocessing that `train` would choose: load the data set with it.

    It is (pixel - 128) / 128 in the architecture's channels, unless `weights` has a card that says otherwise, or is "imagenet".

    Args:
        architecture: a row of the catalog.
        image_size: pixels of both sides, or (height, width); that of the weights' card, then the paper's, when left out.
        weights: file to start from, or "imagenet" for those of keras.applications.

    Raises:
        UnknownName: no such row. BadSetting: "imagenet" for a row that keras.applications does not have.
    """
    row = row_of(architecture)
    known = _preprocessing(row, weights)
    if image_size is None:
        return known
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    return replace(known, height=height, width=width)


def _preprocessing(row: Architecture, weights: str | os.PathLike[str] | None) -> Preprocessing:
    if weights == twins.IMAGENET:
        return twins.preprocessing(row)
    card = cards.read(weights) if weights else None
    return card.preprocessing if card else Preprocessing(row.image_size, row.image_size, "grey" if row.channels == 1 else "rgb", (128.0,), (128.0,))


def train(
    architecture: str,
    data: Dataset,
    *,
    preprocessing: Preprocessing | None = None,
    settings: Train | None = None,
    arguments: Mapping[str, float | int | str | bool] | None = None,
    weights: str | os.PathLike[str] | None = None,
    teacher: str | os.PathLike[str] | None = None,
    machine: Machine | None = None,
    out: str | os.PathLike[str] = "models",
    name: str | None = None,
    progress: Progress = SILENT,
    fresh: bool = False,
) -> Card:
    """Train on `data` and write OUT/NAME.keras, its card OUT/NAME.json, its learning curves OUT/NAME.png and the table of its epochs OUT/NAME.csv.

    The weights kept are those of the epoch with the best val accuracy. A training that was cut off goes on after its last whole epoch when the same
    call is made again, to the same weights as if it had not been cut off. The test split is read once, at the end.

    Args:
        architecture: a row of the catalog.
        data: pictures at the size of the network's input.
        preprocessing: how pixels become the input; that of `preprocessing_for` at the size of the pictures when left out.
        settings: how to train; the defaults of `Train` when left out.
        arguments: of the catalog row, such as {"width": 0.5}.
        weights: a .keras or .h5 file to start from, ours or anyone's, or "imagenet" for those of keras.applications, which Keras downloads; what fits
            is taken, and `progress` is told what.
        teacher: a .keras or .h5 file with the same labels, whose answers the network learns beside the labels; its card says what input it wants.
        machine: on which devices, and how; one device and what suits it when left out.
        out: folder to write to.
        name: of the model; the architecture's when left out.
        fresh: start over although a training was cut off.

    Returns:
        The card that was written.

    Raises:
        UnknownName, BadSetting, BadFile, BadData: what was asked for cannot work. CheckFailed: the loss is no longer a number; the message
            says at which step, and where the last good weights are.
    """
    from edgecnn.train import run

    refuse_object(weights, "weights are taken from a file; save it and name the file, or train the object with Keras")
    refuse_object(teacher, "a teacher is a file with a card that says what its input wants; save it and name the file")
    if preprocessing is None:
        height, width = data.splits["train"].pictures.shape[1:3]
        preprocessing = preprocessing_for(architecture, image_size=(height, width), weights=weights)
    job = run.Job(
        name=name or architecture,
        architecture=architecture,
        arguments=row_of(architecture).with_defaults(arguments or {}),
        preprocessing=preprocessing,
        settings=settings or Train(),
        weights=Path(weights) if weights and weights != twins.IMAGENET else weights,
        out=Path(out),
        teacher=Path(teacher) if teacher else None,
        machine=machine or Machine(),
    )
    return run.run(job, data, progress=progress, fresh=fresh)


open_door(__name__)
