"""The card of a model that somebody else made: what was found out about it, with the evidence."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from edgecnn import data as datasets
from edgecnn.card import ORIGINAL, Card, Preprocessing
from edgecnn.data import Dataset
from edgecnn.formats.keras.held_models import is_copy, source_name
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.model_files import digest
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.open_classifier import Classifier, open_classifier


def open_with_card(
    path: str | os.PathLike[str],
    given: GivenInput | Preprocessing | None = None,
    *,
    labels: tuple[str, ...] = (),
    label_offset: int | None = None,
    data: str | os.PathLike[str] | Dataset | None = None,
    progress: Progress = SILENT,
) -> Classifier:
    """Open a model whose card, its own or a new one, says how it is used: `classifier.runner.card` is never None.

    What was recorded in a card flows through the network only when it is fed as it was then: another preprocessing drops recorded ranges.

    Args:
        path: of the model.
        given: what the user says of the input.
        labels: names of the outputs.
        label_offset: background outputs before the first label; the card's when left out.
        data: labeled images, for what nothing else says, and for the order of the classes where nobody names them.
        progress: told how a model without a card was understood.

    Raises:
        UnknownInputError, BadFile: as `open_classifier`.
    """
    classifier = open_classifier(path, given=given, labels=labels, label_offset=label_offset, data=data, progress=progress)
    own, runner = classifier.runner.card, classifier.runner
    if own is not None:
        card = own
        if card.preprocessing != runner.preprocessing:
            card = replace(card, preprocessing=runner.preprocessing, ranges={}, means={}, calibration={})
    else:
        card = _new_card(classifier, data)
        for note in getattr(getattr(runner, "model", None), "loading_notes", ()):
            progress.step(f"{path}: {note}")
        progress.step(f"{path}: input {classifier.input.text}")
        if card.labels:
            progress.step(f"{path}: classes named by {card.label_source}: {', '.join(card.labels[:4])}{', ...' if len(card.labels) > 4 else ''}")
    runner.card = replace(card, labels=labels or card.labels, label_offset=card.label_offset if label_offset is None else label_offset)
    return classifier


def _new_card(classifier: Classifier, data: str | os.PathLike[str] | Dataset | None) -> Card:
    runner, resolved, names = classifier.runner, classifier.input, classifier.labels
    labels, source = names.labels, names.source
    if not labels and data is not None:
        dataset = data if isinstance(data, Dataset) else datasets.load(data, runner.preprocessing)
        if len(dataset.classes) == runner.classes - names.label_offset:
            labels, source = tuple(dataset.classes), f"the order of the classes of {dataset.name}"
    kind = runner.score_kind
    return Card(
        name=Path(runner.path).stem,
        preprocessing=resolved.preprocessing,
        labels=labels,
        label_offset=names.label_offset,
        weights_sha256=_digest(Path(runner.path)),
        input_evidence=resolved.evidence,
        score_kind=kind.value if kind else "",
        label_source=source,
        sources={ORIGINAL: source_name(Path(runner.path))} if is_copy(runner.path) else {},
    )


def _digest(path: Path) -> str:
    """SHA-256 of the model; of a folder none is kept."""
    return digest(path) if path.is_file() else ""
