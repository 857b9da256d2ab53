"""One export from end to end: load, gather pictures, write each file, run it, compare it, name it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from edgecnn import card as cards
from edgecnn import files, zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import BadFile
from edgecnn.export import Exported, pictures
from edgecnn.export.calibration import measure
from edgecnn.export.formats import FORMATS
from edgecnn.export.source import is_float_file, settle_formats
from edgecnn.export.workshop import Workshop, card_of, open_model
from edgecnn.progress import Progress
from edgecnn.schemes import scheme
from edgecnn.settings import Export, PostTraining
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.imported_card import open_with_card


def run(
    model: str | os.PathLike[str],
    settings: Export,
    *,
    data: str | os.PathLike[str] | Dataset | None,
    preprocessing: Preprocessing | GivenInput | None,
    labels: tuple[str, ...],
    label_offset: int | None,
    out: str | os.PathLike[str] | None,
    name: str | None,
    strict: bool,
    progress: Progress,
) -> list[Exported]:
    """See `edgecnn.export.export`."""
    path = zoo.find(model)
    settings = settle_formats(path, settings)
    folder = Path(out) if out is not None else path.parent
    files.check_writable(folder, name)
    opened = open_model(
        path, settings, data=data, preprocessing=preprocessing, labels=labels, label_offset=label_offset, name=name, strict=strict, progress=progress
    )
    written = []
    for suffix in settings.formats:
        names = [name for name, fmt in settings.files() if fmt == suffix]
        if names:
            written += _written(Workshop(suffix, opened, progress), names, folder)
    return written


def _written(workshop: Workshop, names: list[str], folder: Path) -> list[Exported]:
    """The files of one format; what they are calibrated on, and operators that are not there, come to light before the first is written."""
    quantized = [scheme(name) for name in names if scheme(name).weights == "int8"]
    if quantized:
        workshop.wide(workshop.settings.int8)
        workshop.calibrate(workshop.settings.int8, quantized[0].name, with_ranges=any(row.calibrated for row in quantized))
    return [workshop.write(name, folder) for name in names]


def record(model: str | os.PathLike[str], data: str | os.PathLike[str] | Dataset, *, count: int, progress: Progress) -> Card:
    """See `edgecnn.export.record_ranges`."""
    path = zoo.find(model)
    if is_float_file(path):
        raise BadFile(f"{path} is a finished file, in which no activation ranges are recorded; expected a .keras model; export it with --data FOLDER")
    cards.check_place(path)
    original = open_with_card(path, data=data, progress=progress).runner
    card = card_of(original, None, ())
    material = pictures.gather(card, data, Export(calibration=count), strict=False, progress=progress)
    all_ranges, all_means = {}, {}
    for suffix, make in FORMATS.items():
        progress.step(f"recording activations for {suffix}")
        writer = make()
        means, _, ranges = measure(
            writer, writer.for_integers(writer.convert(original.model)), card, material, PostTraining(), with_ranges=True, progress=progress
        )
        all_ranges[suffix] = {name: (_short(r.low), _short(r.high), _short(r.clip)) for name, r in ranges.items()}
        all_means[suffix] = {name: tuple(_short(v, 4) for v in values) for name, values in means.items()}
    card = replace(card, ranges=all_ranges, means=all_means, calibration=material.manifest)
    cards.write(path, card)
    return card


def _short(value: float, digits: int = 7) -> float:
    return float(f"{value:.{digits}g}")
