"""One export from end to end: load, gather pictures, write each file, run it, compare it, name it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import card as cards
from edgecnn import files, zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import BadData, NoCalibration, unknown
from edgecnn.export import Exported, check, memory, pictures
from edgecnn.export.calibration import calibrate, measure
from edgecnn.export.formats import FORMATS, Format
from edgecnn.export.pictures import Material
from edgecnn.progress import Progress
from edgecnn.runtime.keras_model import KerasRunner
from edgecnn.runtime.pool import evaluate
from edgecnn.runtime.preprocess import prepare
from edgecnn.schemes import scheme
from edgecnn.settings import Export, PostTraining

# Pictures on which the float file is compared with the Keras model itself; every derived file is then compared with the float file on all of them.
ANCHORED = 16

# Pictures on which the ranges of channels are measured to make them even.
FOR_EVEN = 64

# 16-bit activations have no fast kernels on a desktop processor: a second a picture for a large network.
COMPARED = {"int16x8": 8}


def run(
    model: str | os.PathLike[str],
    settings: Export,
    *,
    data: str | os.PathLike[str] | Dataset | None,
    preprocessing: Preprocessing | None,
    labels: tuple[str, ...],
    out: str | os.PathLike[str] | None,
    name: str | None,
    strict: bool,
    progress: Progress,
) -> list[Exported]:
    """See `edgecnn.export.export`."""
    path = zoo.find(model)
    folder = Path(out) if out is not None else path.parent
    files.check_writable(folder)
    progress.step(f"loading {path}")
    original = KerasRunner(path, preprocessing=preprocessing)
    card = card_of(original, name, labels)
    material = pictures.gather(card, data, settings, strict=strict, progress=progress)
    anchor = original(material.pictures[:ANCHORED])
    check.must_vary(anchor, str(path))
    written = []
    for suffix in settings.formats:
        names = [name for name, fmt in settings.files() if fmt == suffix]
        if names:
            writer = _Writer(suffix, original, anchor, card, material, settings)
            writer.prepare(names, progress)
            written += [writer.write(name, folder, progress) for name in names]
    return written


def record(model: str | os.PathLike[str], data: str | os.PathLike[str] | Dataset, *, count: int, progress: Progress) -> Card:
    """See `edgecnn.export.record_ranges`."""
    path = zoo.find(model)
    original = KerasRunner(path)
    card = card_of(original, None, ())
    material = pictures.gather(card, data, Export(calibration=count), strict=False, progress=progress)
    all_ranges, all_means = {}, {}
    for suffix, make in FORMATS.items():
        progress.step(f"recording activations for {suffix}")
        writer = make()
        means, _, ranges = measure(writer, writer.convert(original.model), card, material, PostTraining(), with_ranges=True, progress=progress)
        all_ranges[suffix] = {name: (_short(r.low), _short(r.high), _short(r.clip)) for name, r in ranges.items()}
        all_means[suffix] = {name: tuple(_short(v, 4) for v in values) for name, values in means.items()}
    card = replace(card, ranges=all_ranges, means=all_means, calibration=material.manifest)
    cards.write(path, card)
    return card


def _short(value: float, digits: int = 7) -> float:
    return float(f"{value:.{digits}g}")


def card_of(original: KerasRunner, name: str | None, labels: tuple[str, ...]) -> Card:
    """The model's card with what was given laid over it, or a new one for an imported model.

    Raises:
        BadData: the number of labels is not the number of outputs.
    """
    card = original.card or Card(name=original.path.stem, preprocessing=original.preprocessing, weights_sha256=files.sha256(original.path))
    if card.preprocessing != original.preprocessing:
        # What was recorded flows through the network only when it is fed as it was then.
        card = replace(card, preprocessing=original.preprocessing, ranges={}, means={}, calibration={})
    card = replace(card, name=name or card.name, labels=labels or card.labels)
    if card.labels and len(card.labels) + card.label_offset != original.classes:
        raise BadData(f"{len(card.labels)} labels for the {original.classes} outputs of {original.path}; expected one label an output, in their order")
    return card


def _wide(writer: Format, content: Any, how: PostTraining) -> tuple[str, ...]:
    """Names of the operators whose activations stay in float.

    Raises:
        UnknownName: one that the network does not have.
    """
    known = writer.operators(content)
    for name in how.wide:
        if name not in known:
            raise unknown("operator", name, known)
    head = writer.head(content) if how.head == "float" else ()
    return tuple(name for name in known if name in {*how.wide, *head})


class _Writer:
    """Writes the files of one format. The float file is made once, held against the Keras model, and everything else is derived from it and held against it."""

    def __init__(self, suffix: str, original: KerasRunner, anchor: np.ndarray, card: Card, material: Material, settings: Export) -> None:
        self.format, self.card, self.material, self.settings = FORMATS[suffix](), card, material, settings
        self.original, self.anchor = original, anchor

    def prepare(self, names: list[str], progress: Progress) -> None:
        """Convert to float, make sure that the float form does what the Keras model does, and calibrate where a scheme in `names` wants it."""
        progress.step(f"converting {self.original.path} to {self.format.suffix}")
        self.content = self.format.convert(self.original.model)
        memory.release(self.original.model.count_params())
        self.answers = self._float_answers()
        found = check.compare(self.answers[:ANCHORED], self.anchor)
        check.must_agree(found, "float32", Path(f"{self.card.name}.{self.format.suffix}"), self.settings.min_agreement)
        schemes = [scheme(name) for name in names]
        if any(row.weights == "int8" for row in schemes):
            with_ranges = any(row.calibrated for row in schemes)
            how, content = self.settings.int8, self._even() if self.settings.int8.equalize else self.content
            self.calibrated = calibrate(self.format, content, self.card, self.material, how, with_ranges=with_ranges, progress=progress)
            self.wide = _wide(self.format, content, how)

    def write(self, name: str, folder: Path, progress: Progress) -> Exported:
        """Write one scheme: derive, embed the card, run, compare, and only then give it its name."""
        target = folder / scheme(name).file_name(self.card.name, self.format.suffix)
        progress.step(f"writing {target}, running it and comparing it")
        derived, manifest, note = self._derive(name)
        content = self.format.finish(derived, self.card.for_export(name, manifest))
        with files.replacing(target) as staged:
            staged.write_bytes(content)
            expected = self.anchor if name == "float32" else self.answers[: COMPARED.get(name)]
            found = check.compare(evaluate(staged, self.material.pictures[: len(expected)]).probabilities, expected)
            check.must_agree(found, name, target, self.settings.min_agreement)
        return Exported(target, name, len(content), found.agreement, found.difference, found.pictures, f"{found.pictures} {note}")

    def _derive(self, name: str) -> tuple[Any, Mapping[str, object], str]:
        """The form of one scheme, the manifest of its calibration pictures, and what was compared and calibrated in words."""
        if name == "float32":
            return self.content, {}, self.material.note
        if scheme(name).weights != "int8":
            return self.format.quantize(name, self.content, None, self.settings.io), {}, self.material.note
        found = self.calibrated
        note = "; ".join(part for part in (self.material.note, found.source) if part)
        wide = self.wide if name == "int8" else ()
        return self.format.quantize(name, found.content, found.ranges, self.settings.io, wide), found.manifest, note

    def _even(self) -> Any:
        """The float form of the network with even channels.

        Raises:
            NoCalibration: there are no pictures to measure channels on.
        """
        from edgecnn.export.equalize import equalized

        if not self.material.real:
            raise NoCalibration(f"even channels need pictures, and there are none for {self.card.name}; give labelled photos with --data FOLDER")
        inputs = prepare(self.material.pictures[:FOR_EVEN], self.card.preprocessing)
        return self.format.convert(equalized(self.original.model, inputs))

    def _float_answers(self) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"float32.{self.format.suffix}")
            path.write_bytes(self.format.finish(self.content, self.card.for_export("float32")))
            return evaluate(path, self.material.pictures).probabilities
