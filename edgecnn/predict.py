"""From a model file and a picture to the names of what it shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgecnn import labels as label_files
from edgecnn.card import Preprocessing
from edgecnn.errors import BadSetting
from edgecnn.formats.keras.model_objects import ModelStore
from edgecnn.formats.keras.trust import trusting
from edgecnn.runtime.contract import Runner

if TYPE_CHECKING:
    import keras
    import numpy as np
    from PIL import Image

    from edgecnn.sources.given_input import GivenInput
    from edgecnn.sources.resolve_input import ResolvedInput


class Score(NamedTuple):
    """A class name and its probability, 0 to 1: `label, probability = score`."""

    label: str
    probability: float


class Predictor:
    """Names what pictures show, by one model file.

    Attributes:
        runner: runs the file.
        labels: one name a class, background classes included.
        input: what the file's input wants, and how that is known.
    """

    def __init__(self, runner: Runner, labels: tuple[str, ...], resolved: ResolvedInput) -> None:
        self.runner = runner
        self.labels = labels
        self.input = resolved

    def __call__(self, picture: str | os.PathLike[str] | bytes | np.ndarray | Image.Image) -> list[Score]:
        """Every class with its probability, likeliest first: what an app must answer to the same picture, see `edgecnn.bundle`.

        Files, their bytes and Pillow's images are turned as their EXIF says, and see-through pixels laid over white.

        Args:
            picture: a picture file, the bytes of one, an image of Pillow's, or upright uint8 RGB [height, width, 3]; of any size.

        Raises:
            BadFile: not a picture. BadData: an array of another shape or type, or something else altogether.
        """
        from edgecnn.data import pictures

        probabilities = self.runner(pictures.any_picture(picture, self.runner.preprocessing)[None])[0]
        order = (-probabilities).argsort(kind="stable")
        return [Score(self.labels[i], float(probabilities[i])) for i in order]

    def predict(self, paths: Iterable[str | os.PathLike[str]], top: int = 5) -> list[list[Score]]:
        """The `top` likeliest classes of each picture file, in the order of `paths`."""
        if top < 1:
            raise BadSetting(f"top {top}: expected 1 or more classes")
        return [self(path)[:top] for path in paths]


def load(
    path: str | os.PathLike[str] | keras.Model,
    *,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    label_offset: int | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    data: str | os.PathLike[str] | None = None,
    threads: int = 1,
    trust_code: bool = False,
    custom_objects: str | os.PathLike[str] | None = None,
) -> Predictor:
    """Open a .keras, .tflite or .onnx file, or a model object of Keras as it is now, for naming pictures.

    Args:
        path: the model file, or a `keras.Model` (`tf_keras.Model`).
        labels: class names or a label file; None takes them from the file's card, and `class 0`, `class 1`, ... where it has none.
        label_offset: outputs before the first label; None takes it from the card, else 0.
        preprocessing: how pictures become the input; what is not said is taken from evidence, see `edgecnn.sources.open_classifier`.
        data: labeled photos on which is measured what nothing else says.
        trust_code, custom_objects: see `formats.keras.trust.trusting`; without them no code from a file is run.
        threads: processor threads that one run may use.

    Raises:
        UnknownInputError: nothing says how a pixel becomes the input. BadFile: the model or the label file cannot be used.
        BadData: the labels do not fit the outputs.
    """
    if isinstance(labels, (str, os.PathLike)):
        labels = label_files.read_labels(labels)
    from edgecnn.sources.open_classifier import open_classifier

    with trusting(trust_code, custom_objects), ModelStore() as store:
        place = Path(store.path(path))
        classifier = open_classifier(place, given=preprocessing, labels=tuple(labels or ()), label_offset=label_offset, data=data, threads=threads)
        names = classifier.labels
        outputs = label_files.for_outputs(names.labels, classifier.runner.classes, names.label_offset, place)
        classifier.runner.path = store.renamed(place)
    return Predictor(classifier.runner, outputs, classifier.input)
