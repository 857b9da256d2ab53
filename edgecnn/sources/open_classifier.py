"""Opens anybody's classifier: what its input wants, what its scores mean and which output is which class are answered, or asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from edgecnn.card import Card, Preprocessing
from edgecnn.data import Dataset
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime import open_model
from edgecnn.runtime.contract import RawPixels, Runner
from edgecnn.runtime.scores import ENOUGH
from edgecnn.sources.file_facts import FileFacts, labels_of_file, read_facts
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.labeled_images import LabeledImages, load_labeled_images
from edgecnn.sources.resolve_input import ResolvedInput, resolve_input


@dataclass(frozen=True)
class ResolvedLabels:
    """Names of the outputs.

    Attributes:
        labels: without background classes; empty where nobody names them.
        label_offset: background outputs before them.
        source: "--labels", "the card", or the place in the file; "" where nobody names them.
    """

    labels: tuple[str, ...] = ()
    label_offset: int = 0
    source: str = ""


@dataclass(frozen=True)
class Classifier:
    """A model that is open and understood.

    Attributes:
        runner: runs it; the caller closes it.
        input: what its input wants, and how that is known.
        labels: names of its outputs.
    """

    runner: Runner
    input: ResolvedInput
    labels: ResolvedLabels

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *error: object) -> None:
        self.runner.close()


def resolve_labels(path: Path, card: Card | None, labels: Sequence[str] = (), label_offset: int | None = None) -> ResolvedLabels:
    """Names of the outputs: those given, those of the card, those in the file."""
    if labels:
        names = ResolvedLabels(tuple(labels), card.label_offset if card else 0, "--labels")
    elif card is not None and card.labels:
        names = ResolvedLabels(card.labels, card.label_offset, card.label_source or "the card")
    else:
        names = ResolvedLabels(*labels_of_file(path))
    return names if label_offset is None else ResolvedLabels(names.labels, label_offset, names.source)


def open_classifier(
    path: str | os.PathLike[str],
    *,
    given: GivenInput | Preprocessing | None = None,
    labels: Sequence[str] = (),
    label_offset: int | None = None,
    data: str | os.PathLike[str] | Dataset | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Classifier:
    """Open a model file of anybody for running on images.

    Args:
        path: a .tflite, .onnx, .ort, .keras or .h5 file, or a SavedModel folder.
        given: what the user says of the input; a whole preprocessing leaves nothing to find out.
        labels, label_offset: names of the outputs and background outputs before them.
        data: labeled images, on which is measured what nothing else says; None measures nothing.
        threads: processor threads that one run may use.

    Raises:
        UnknownInputError: nothing says how a pixel becomes the input; the message lists the choices.
        BadFile: missing, damaged, or not an image classifier.

    Example:
        with open_classifier("theirs.tflite", data="photos/") as classifier:
            print(classifier.input.text)
    """
    path, given = Path(path), given or GivenInput()
    if isinstance(given, Preprocessing):
        with ExitStack() as stack:
            runner = open_model(path, preprocessing=given, threads=threads)
            stack.callback(runner.close)
            judge_scores(runner)
            stack.pop_all()
        return Classifier(runner, ResolvedInput(given, "options", "as given"), resolve_labels(path, runner.card, labels, label_offset))
    with ExitStack() as stack:
        runner = open_model(path, preprocessing=RawPixels(given.image_size, str(given.fields.get("order", "")) or None), threads=threads)
        stack.callback(runner.close)
        names = resolve_labels(path, runner.card, labels, label_offset)
        facts = cache(partial(read_facts, runner))
        measured_on = cache(partial(_labeled, runner, names, data, progress))
        resolved = resolve_input(runner, runner.card, facts, given, measured_on, offset=names.label_offset, progress=progress)
        judge_scores(runner)
        stack.pop_all()
    return Classifier(runner, resolved, names)


def judge_scores(runner: Runner) -> None:
    """Find out what the scores mean where neither the file, its card nor its last operator says it: by the values for many unlike images.

    One photo is not enough: logits of all classes may happen to lie between 0 and 1.
    """
    if runner.score_kind is None:
        height, width = runner.preprocessing.height, runner.preprocessing.width
        random = np.random.default_rng(0)
        noise = random.integers(0, 256, (ENOUGH, height, width, 3), np.uint8)
        colors = np.broadcast_to(random.integers(0, 256, (ENOUGH, 1, 1, 3), np.uint8), noise.shape)
        ramps = np.linspace(colors[:, :, :1], colors[::-1, :, :1], width, axis=2)[:, :, :, 0].astype(np.uint8)
        runner(np.concatenate([noise, colors, np.broadcast_to(ramps, noise.shape)]))


def _labeled(runner: Runner, names: ResolvedLabels, data: str | os.PathLike[str] | Dataset | None, progress: Progress) -> LabeledImages | None:
    if data is None:
        return None
    return load_labeled_images(data, runner.preprocessing, names.labels, runner.classes, names.label_offset, progress=progress)


__all__ = ["Classifier", "FileFacts", "ResolvedLabels", "open_classifier", "resolve_labels"]
