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
from edgecnn.errors import BadData
from edgecnn.export import Exported, check, memory, pictures, storage
from edgecnn.export.calibration import calibrate, measure
from edgecnn.export.formats import FORMATS
from edgecnn.export.pictures import Material
from edgecnn.progress import Progress
from edgecnn.runtime.keras_model import KerasRunner
from edgecnn.runtime.pool import evaluate
from edgecnn.schemes import scheme
from edgecnn.settings import Export

# Pictures on which the float file is compared with the Keras model itself; every derived file is then compared with the float file on all of them.
ANCHORED = 16

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
        means, _, ranges = measure(writer, writer.convert(original.model), card, material, with_ranges=True, progress=progress)
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
            self.calibrated = calibrate(self.format, self.content, self.card, self.material, with_ranges=with_ranges, progress=progress)

    def write(self, name: str, folder: Path, progress: Progress) -> Exported:
        """Write one scheme: derive, embed the card, run, compare, and only then give it its name."""
        target = folder / scheme(name).file_name(self.card.name, self.format.suffix)
        progress.step(f"writing {target}, running it and comparing it")
        derived, manifest, note = self._derive(name)
        content = self.format.finish(derived, self.card.for_export(name, manifest))
        with files.replacing(target) as staged:
            staged.write_bytes(content)
            expected = self.anchor if name == "float32" else self.answers[: COMPARED.get(name)]
            shown = self.material.pictures[: len(expected)]
            answers = evaluate(staged, shown).probabilities
            found = check.compare(answers, expected)
            check.must_agree(found, name, target, self.settings.min_agreement)
            stored = storage.choose(self.format, name, content, staged, shown, answers) if self.settings.sparse else storage.Storage(content)
        size, note = len(stored.content), f"{found.pictures} {note}"
        return Exported(target, name, size, found.agreement, found.difference, found.pictures, note, stored.dense, stored.note)

    def _derive(self, name: str) -> tuple[Any, Mapping[str, object], str]:
        """The form of one scheme, the manifest of its calibration pictures, and what was compared and calibrated in words."""
        if name == "float32":
            return self.content, {}, self.material.note
        if scheme(name).weights != "int8":
            return self.format.quantize(name, self.content, None, self.settings.io), {}, self.material.note
        found = self.calibrated
        note = "; ".join(part for part in (self.material.note, found.source) if part)
        return self.format.quantize(name, found.content, found.ranges, self.settings.io), found.manifest, note

    def _float_answers(self) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"float32.{self.format.suffix}")
            path.write_bytes(self.format.finish(self.content, self.card.for_export("float32")))
            return evaluate(path, self.material.pictures).probabilities
