"""Who is compared with whom: each file's card, original, preprocessing and labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgecnn import files, zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadFile, BadSetting
from edgecnn.labels import read_labels
from edgecnn.runtime import card_of, open_model


@dataclass(frozen=True)
class Overrides:
    """What the user says of files without a card; None says nothing."""

    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    order: str | None = None
    resize: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.mean, self.std, self.order, self.resize))

    def on(self, base: Preprocessing) -> Preprocessing:
        """`base` with what was said put over it."""
        order = self.order or base.order
        same = (order == "grey") == (base.order == "grey")
        mean, std = (base.mean, base.std) if same else ((128.0,), (128.0,))
        return Preprocessing(base.height, base.width, order, tuple(self.mean or mean), tuple(self.std or std), self.resize or base.resize)


@dataclass(frozen=True)
class Subject:
    """One model or export that will be measured.

    Attributes:
        path: of the file.
        preprocessing: how it is fed.
        labels: class names after the background outputs; empty when not known.
        label_offset: outputs before the first label.
        card: its own card.
    """

    path: Path
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    label_offset: int
    card: Card | None


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
    overrides: Overrides = Overrides()
    labels: tuple[str, ...] | None = None
    label_offset: int | None = None


def pair(path: Path, said: Said) -> Pair:
    """Find the card, the original and the preprocessing of one file.

    Raises:
        BadFile: a file is missing or damaged, or the original that the card names has changed since.
    """
    card = card_of(path)
    original, note = (said.against, "") if said.against else _original(path, card)
    if original is None or original.resolve() == path.resolve():
        return Pair(_subject(path, card, None, said), None, note)
    theirs = card_of(original)
    file = _subject(path, card, theirs, said)
    # An original without a card is the same network: what the file knows holds for it too.
    return Pair(file, _subject(original, theirs, None, said) if theirs else replace(file, path=original, card=None))


def names(labels: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...] | None:
    """Class names as given, or those of a label file; None when nothing was given."""
    if labels is None:
        return None
    return read_labels(labels) if isinstance(labels, (str, os.PathLike)) else tuple(labels)


def refuse_idle(overrides: Overrides, pairs: Sequence[Pair]) -> None:
    """Preprocessing that was said, while every file brings its own, would silently do nothing."""
    if overrides and all(p.file.card for p in pairs):
        raise BadSetting(f"--mean, --std, --order and --resize are for files without a card; {pairs[0].file.path} has one that says its preprocessing")


def _subject(path: Path, card: Card | None, partner: Card | None, said: Said) -> Subject:
    known = card or partner
    preprocessing = card.preprocessing if card else said.overrides.on(partner.preprocessing if partner else _default(path))
    labels = said.labels if said.labels is not None else known.labels if known else ()
    offset = said.label_offset if said.label_offset is not None else known.label_offset if known else 0
    return Subject(path, preprocessing, labels, offset, card)


def _default(path: Path) -> Preprocessing:
    runner = open_model(path)
    runner.close()
    return runner.preprocessing


def _original(path: Path, card: Card | None) -> tuple[Path | None, str]:
    """The model that a card names, beside the export or one folder up or under models/."""
    if card is None or zoo.is_keras(path):
        return None, ""
    name = Path(card.name).name
    places = [folder / f"{name}{suffix}" for folder in (path.parent, path.parent.parent, zoo.FOLDER) for suffix in zoo.SUFFIXES]
    found = [place for place in places if place.is_file()]
    for place in found:
        if not card.weights_sha256 or card.weights_sha256 == files.sha256(place):
            return place, ""
    if found:
        raise BadFile(f"{found[0]} has changed since {path} was exported from it; export again, or name the original with --against")
    return None, f"{path.name}: its original {name}.keras is not in {path.parent}; name it with --against to compare"
