"""Who is compared with whom: each file's card, original, preprocessing and labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgecnn import zoo
from edgecnn.card import ORIGINAL, Card, Preprocessing
from edgecnn.errors import BadFile, BadSetting, UnknownInputError
from edgecnn.formats.keras.held_models import IN_MEMORY
from edgecnn.labels import read_labels
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime import card_of
from edgecnn.runtime.model_files import digest
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.open_classifier import ResolvedLabels, open_classifier, resolve_labels
from edgecnn.sources.resolve_input import ResolvedInput


@dataclass(frozen=True)
class Subject:
    """One model or export that will be measured.

    Attributes:
        path: of the file.
        preprocessing: how it is fed.
        labels: class names after the background outputs; empty when not known.
        label_offset: outputs before the first label.
        card: its own card.
        input: what its input wants and how that is known; None for an original that is fed like its file.
        label_source: where the labels come from; "" where nobody names the outputs.
    """

    path: Path
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    label_offset: int
    card: Card | None
    input: ResolvedInput | None = None
    label_source: str = ""


@dataclass(frozen=True)
class Pair:
    """A file and what it is compared with; `note` says why there is no original."""

    file: Subject
    original: Subject | None
    note: str = ""


@dataclass(frozen=True)
class Said:
    """What the user said of all files; None says nothing."""

    against: Path | None = None
    given: GivenInput = field(default_factory=GivenInput)
    labels: tuple[str, ...] | None = None
    label_offset: int | None = None
    data: str | os.PathLike[str] | None = None


def pair(path: Path, said: Said, progress: Progress = SILENT) -> Pair:
    """Find the card, the original and the preprocessing of one file.

    Raises:
        BadFile: a file is missing or damaged, or the original that the card names has changed since.
    """
    card = card_of(path)
    original, note = (said.against, "") if said.against else _original(path, card)
    if original is None or original.resolve() == path.resolve():
        return Pair(_subject(path, card, None, said, progress), None, note)
    theirs = card_of(original)
    file = _subject(path, card, theirs, said, progress)
    # An original without a card is the same network: what the file knows holds for it too.
    return Pair(file, _subject(original, theirs, None, said, progress) if theirs else replace(file, path=original, card=None, input=None))


def names(labels: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...] | None:
    """Class names as given, or those of a label file; None when nothing was given."""
    if labels is None:
        return None
    return read_labels(labels) if isinstance(labels, (str, os.PathLike)) else tuple(labels)


def refuse_idle(given: GivenInput, paths: Sequence[Path]) -> None:
    """Preprocessing that was said, while every file brings its own, would silently do nothing."""
    if given and all(card_of(path) for path in paths):
        raise BadSetting(f"--mean, --std, --order and --resize are for files without a card; {paths[0]} has one that says its preprocessing")


def _subject(path: Path, card: Card | None, partner: Card | None, said: Said, progress: Progress) -> Subject:
    names = resolve_labels(path, card or partner, said.labels or (), said.label_offset)
    if card is not None:
        evidence = f"the card: {card.input_evidence}" if card.input_evidence else "the card"
        resolved = ResolvedInput(card.preprocessing, "card", evidence)
    else:
        resolved = _resolved(path, partner, said, names, progress)
    return Subject(path, resolved.preprocessing, names.labels, names.label_offset, card, resolved, names.source)


def _resolved(path: Path, partner: Card | None, said: Said, names: ResolvedLabels, progress: Progress) -> ResolvedInput:
    """What a file without a card wants: its own evidence, else its original's card, else what labeled images show."""
    try:
        data = None if partner else said.data
        with open_classifier(path, given=said.given, labels=names.labels, label_offset=names.label_offset, data=data, progress=progress) as classifier:
            return classifier.input
    except UnknownInputError:
        if partner is None:
            raise
    return ResolvedInput(said.given.over(partner.preprocessing), "card", "the card of its original")


def _original(path: Path, card: Card | None) -> tuple[Path | None, str]:
    """The model or float file that a card names, beside the export or one folder up or under models/."""
    if card is None or zoo.is_keras(path):
        return None, ""
    if card.sources.get(ORIGINAL, "").endswith(IN_MEMORY):
        name = card.sources[ORIGINAL]
        return None, f"{path.name}: its original is the model object {name}, which is not stored; save it and name it with --against to compare"
    file = Path(card.sources.get(ORIGINAL, "")).name
    names = [file] if file else [f"{Path(card.name).name}{suffix}" for suffix in zoo.SUFFIXES]
    places = [folder / name for folder in (path.parent, path.parent.parent, zoo.FOLDER) for name in names]
    found = [place for place in places if place.is_file() and place.resolve() != path.resolve()]
    for place in found:
        if not card.weights_sha256 or card.weights_sha256 == digest(place):
            return place, ""
    if found:
        raise BadFile(f"{found[0]} has changed since {path} was exported from it; export again, or name the original with --against")
    return None, f"{path.name}: its original {names[0]} is not in {path.parent}; name it with --against to compare"
