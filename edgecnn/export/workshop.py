"""One model in one file format: converted to float once, held against the Keras model, and everything else is derived from that."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import files
from edgecnn.card import Card, Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import BadData, CheckFailed, NoCalibration, unknown
from edgecnn.export import Exported, check, pictures, storage
from edgecnn.export.calibration import Calibrated, calibrate
from edgecnn.export.formats import Format
from edgecnn.export.pictures import Material
from edgecnn.export.source import ExportSource, KerasSource, derived_card, is_float_file, source_of
from edgecnn.progress import Progress
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.oldest import SPARSE_SINCE, order
from edgecnn.runtime.pool import evaluate
from edgecnn.runtime.probe import PROBE
from edgecnn.runtime.scores import ScoreKind
from edgecnn.schemes import scheme
from edgecnn.settings import Export, PostTraining
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.imported_card import open_with_card

# Pictures on which the float file is compared with the Keras model itself; every derived file is then compared with the float file on all of them.
ANCHORED = 16

# Pictures on which the ranges of channels are measured to make them even.
FOR_EVEN = 64

# 16-bit activations have no fast kernels on a desktop processor: a second a picture for a large network.
COMPARED = {"int16x8": 8}


@dataclass(frozen=True)
class Opened:
    """A model that is to be exported, loaded and run once.

    Attributes:
        original: runs it.
        source: gives its float form in each format.
        card: that its files will carry.
        material: pictures for calibration and comparison.
        anchor: its answers to the first of them.
        settings: what is asked for.
    """

    original: Runner
    source: ExportSource
    card: Card
    material: Material
    anchor: np.ndarray
    settings: Export


def open_model(
    path: Path,
    settings: Export,
    *,
    data: str | os.PathLike[str] | Dataset | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    labels: tuple[str, ...] = (),
    label_offset: int | None = None,
    name: str | None = None,
    strict: bool = False,
    progress: Progress,
) -> Opened:
    """Load a model and what its export needs; see `edgecnn.export.export` for the arguments.

    Raises:
        CheckFailed: it gives one answer to all pictures. UnknownInputError, NoCalibration, BadFile, BadData: as `export`.
    """
    progress.step(f"loading {path}")
    original = open_with_card(path, preprocessing, labels=labels, label_offset=label_offset, data=data, progress=progress).runner
    source = source_of(original)
    if isinstance(source, KerasSource):
        from edgecnn.sources.keras_input import with_float_input

        original.model = with_float_input(original.model, original.preprocessing)
    card = card_of(original, name, labels)
    material = pictures.gather(card, data, settings, strict=strict, progress=progress)
    anchor = original(material.pictures[:ANCHORED])
    check.must_vary(anchor, str(path))
    return Opened(original, source, card, material, anchor, settings)


def card_of(original: Runner, name: str | None, labels: tuple[str, ...]) -> Card:
    """The card of a model that `open_with_card` opened, with what was given laid over it; of a float file it names the file as the source.

    Raises:
        BadData: the number of labels is not the number of outputs, or background outputs leave no two classes.
    """
    card = derived_card(original) if is_float_file(Path(original.path)) else original.card
    card = replace(card, name=name or card.name, labels=labels or card.labels)
    if not 0 <= card.label_offset <= original.classes - 2:
        raise BadData(f"a label offset of {card.label_offset} for the {original.classes} outputs of {original.path}; expected one that leaves two or more")
    if card.labels and len(card.labels) + card.label_offset != original.classes:
        hint = "; --label-offset 1 says that the first is a background class" if len(card.labels) + card.label_offset + 1 == original.classes else ""
        raise BadData(f"{len(card.labels)} labels for the {original.classes} outputs of {original.path}; expected one label an output, in their order{hint}")
    return card


class Workshop:
    """Makes the files of one format. The conversion is done when it is built; calibration when a way to int8 is first used, and kept until another is."""

    def __init__(self, suffix: str, opened: Opened, progress: Progress) -> None:
        """Bring the model into its float form, and make sure that this does what the model does.

        Raises:
            CheckFailed: it does not.
        """
        self.source = opened.source
        self.format: Format = self.source.writer(suffix)
        self.card, self.material, self.settings, self.anchor = opened.card, opened.material, opened.settings, opened.anchor
        self.progress = progress
        verb, link = ("reading", "as") if is_float_file(self.source.path) else ("converting", "to")
        progress.step(f"{verb} {self.source.path} {link} {suffix}")
        self.content = self.source.convert(self.format)
        self.answers = self._float_answers()
        self.multi_label = bool(self.card.score_kind) and ScoreKind(self.card.score_kind).is_multi_label
        found = check.compare(self.answers[:ANCHORED], self.anchor, multi_label=self.multi_label)
        check.must_agree(found, self.source.precision, Path(f"{self.card.name}.{suffix}"), self.settings.min_agreement)
        self._calibrated: tuple[tuple[object, ...], bool, Calibrated] | None = None
        self._forms: dict[tuple[bool, bool], Any] = {}

    def make(self, name: str, how: PostTraining | None = None, told: Mapping[str, object] | None = None) -> bytes:
        """The bytes of a file in one scheme, card inside.

        Args:
            name: of the scheme.
            how: int8 is reached; as the settings say when left out.
            told: what else the card says of the way there.

        Raises:
            UnknownName: an operator to keep wide that the network does not have. NoCalibration: as `export`.
        """
        how = how or self.settings.int8
        content, manifest = self._derived(name, how)
        quantization = {**asdict(how), **(told or {})} if name == "int8" else {}
        return self.format.finish(content, self.card.for_export(name, manifest, quantization), self.settings.about)

    def write(self, name: str, folder: Path, how: PostTraining | None = None, told: Mapping[str, object] | None = None) -> Exported:
        """Write one scheme: make it, run it, compare it, and only then give it its name; arguments as those of `make`.

        Raises:
            CheckFailed: it does not do what the model does.
        """
        target = self._target(name, folder)
        self.progress.step(f"writing {target}, running it and comparing it")
        content = self._old_enough(self.make(name, how, told), target)
        with files.replacing(target) as staged:
            staged.write_bytes(content)
            expected = self.anchor if name == "float32" else self.answers[: COMPARED.get(name)]
            shown = self.material.pictures[: len(expected)]
            PROBE.trust(staged)
            answers = evaluate(staged, shown).probabilities
            found = check.compare(answers, expected, multi_label=self.multi_label)
            check.must_agree(found, self.source.precision if name == "float32" else name, target, self.settings.min_agreement)
            stored = storage.choose(self.format, name, content, staged, shown, answers) if self._may_be_sparse() else storage.Storage(content)
        lost = self.format.input_note(self.content, content) if name == "int8" else ""
        size, note = len(stored.content), "; ".join(part for part in (f"{found.pictures} {self._note(name)}", lost) if part)
        return Exported(target, name, size, found.agreement, found.difference, found.pictures, note, stored.dense, stored.note)

    def _target(self, name: str, folder: Path) -> Path:
        """Where the file of a scheme goes; the float form of a file never takes the place of that file."""
        target = folder / scheme(name).file_name(self.card.name, self.format.suffix)
        same = target.resolve() == self.source.path.resolve()
        return target.with_name(f"{target.stem}_{name}{target.suffix}") if same else target

    def _old_enough(self, content: bytes, target: Path) -> bytes:
        release = self.settings.oldest(self.format.suffix)
        try:
            return self.format.older(content, release) if release else content
        except CheckFailed as error:
            raise CheckFailed(f"{target} was not written: {error}") from error

    def _may_be_sparse(self) -> bool:
        release = self.settings.oldest(self.format.suffix)
        return self.settings.sparse and not (release and order(release) < order(SPARSE_SINCE))

    def calibrate(self, how: PostTraining, name: str = "int8", *, with_ranges: bool) -> Calibrated:
        """What quantized files of a scheme are derived from; operators kept wide do not matter to it."""
        form = self._form(how, name)
        key = replace(how, head="int8", wide=()), id(form)
        if self._calibrated is None or self._calibrated[0] != key or (with_ranges and not self._calibrated[1]):
            found = calibrate(self.format, form, self.card, self.material, how, with_ranges=with_ranges, progress=self.progress)
            self._calibrated = key, with_ranges, found
        return self._calibrated[2]

    def operators(self, how: PostTraining) -> tuple[str, ...]:
        """Names of the operators from which this way to int8 starts, in the order of computation."""
        return self.format.operators(self._form(how))

    def wide(self, how: PostTraining) -> tuple[str, ...]:
        """Names of the operators whose activations stay in float, in the order of computation.

        Raises:
            UnknownName: one that the network does not have.
        """
        known = self.operators(how)
        for name in how.wide:
            if name not in known:
                raise unknown("operator", name, known)
        chosen = {*how.wide, *(self.format.head(self._form(how)) if how.head == "float" else ())}
        return tuple(name for name in known if name in chosen)

    def _form(self, how: PostTraining, name: str = "int8") -> Any:
        """The float form that a scheme is derived from: of the network with even channels where `how` wants them, and as integers compute it for int8.

        Raises:
            NoCalibration: there are no pictures to measure channels on.
        """
        key = how.equalize, name == "int8"
        if key not in self._forms:
            if key[1]:
                self._forms[key] = self.format.for_integers(self._form(how, "float32"))
            else:
                self._forms[key] = self._evened() if how.equalize else self.content
        return self._forms[key]

    def _evened(self) -> Any:
        if not self.material.real:
            raise NoCalibration(f"even channels need pictures, and there are none for {self.card.name}; give labelled photos with --data FOLDER")
        self.progress.step(f"making channels even for {self.format.suffix}")
        inputs = self.format.interface.encode(self.material.pictures[:FOR_EVEN], self.card.preprocessing)
        return self.source.equalized(self.format, inputs)

    def _derived(self, name: str, how: PostTraining) -> tuple[Any, Mapping[str, object]]:
        """The form of one scheme, and the manifest of its calibration pictures."""
        if name == "float32":
            return self.content, {}
        if scheme(name).weights != "int8":
            return self.format.quantize(name, self.content, None, self.settings.io), {}
        found = self.calibrate(how, name, with_ranges=scheme(name).calibrated)
        wide = self.wide(how) if name == "int8" else ()
        return self.format.quantize(name, found.content, found.ranges, self.settings.io, wide), found.manifest

    def _note(self, name: str) -> str:
        """What was compared and calibrated, in words."""
        source = self._calibrated[2].source if scheme(name).weights == "int8" and self._calibrated else ""
        return "; ".join(part for part in (self.material.note, source) if part)

    def _float_answers(self) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"float32.{self.format.suffix}")
            path.write_bytes(self.make("float32"))
            PROBE.trust(path)
            return evaluate(path, self.material.pictures).probabilities
