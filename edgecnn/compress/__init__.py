"""DOOR to compression: a trained model becomes a smaller one by further training, and is judged beside the model that it was."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.card import Card, Preprocessing
from edgecnn.door import open_door
from edgecnn.formats.keras.model_objects import ModelStore
from edgecnn.formats.keras.trust import trusting
from edgecnn.progress import SILENT, Progress
from edgecnn.settings import Compress

if TYPE_CHECKING:
    import keras

    from edgecnn.data import Dataset
    from edgecnn.sources.given_input import GivenInput


@dataclass(frozen=True)
class Change:
    """What compression did to the answers on one split.

    Attributes:
        split, pictures: on which it was measured.
        before, after: top-1 accuracy as shares; None, like the interval, where nobody knows the right answers.
        low, high: 95 % interval of after minus before (Tango's paired interval).
        agreement: share of the pictures on which both give the same answer.
    """

    split: str
    pictures: int
    before: float | None
    after: float | None
    low: float | None
    high: float | None
    agreement: float


@dataclass(frozen=True)
class Compressed:
    """A compressed model that was written.

    Attributes:
        path: of the .keras file.
        card: beside it.
        zeros: share of its weights that are zero.
        values: mean number of different values a kernel.
        changes: on val, by which the best epoch was chosen, and on test.
        multi_label: whether an image counts as right only where all its labels are.
    """

    path: Path
    card: Card
    zeros: float
    values: float
    changes: tuple[Change, ...]
    multi_label: bool = False


def compress(
    model: str | os.PathLike[str] | keras.Model,
    *,
    settings: Compress,
    data: str | os.PathLike[str] | Dataset | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    trust_code: bool = False,
    custom_objects: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    fresh: bool = False,
    teacher: str | os.PathLike[str] | keras.Model | None = None,
    labels: Sequence[str] = (),
    label_offset: int | None = None,
) -> Compressed:
    """Prune, cluster or train a model under int8's rounding, and write OUT/NAME.keras with its card. The model itself stays as it is.

    Each step is a fine-tuning under the eyes of the original: its softened answers are learnt beside the labels. Val chooses the epoch, test is read once,
    at the end. What was cut off goes on where it was when the same call is made again. Needs Keras on TensorFlow, because TF-MOT does.

    Args:
        model: a .keras or .h5 file, the name of a model under `models/`, or a `keras.Model` (`tf_keras.Model`), see `edgecnn.export`.
        settings: what is done, and how the fine-tuning goes.
        data: pictures to fine-tune on, and to judge on; the card's data set when left out.
        preprocessing: for models without a card.
        out: folder to write to; the model's own when left out, `models/` for a model object.
        name: of the result; the model's with what was done, such as `mobilenet-prune50-qat`, when left out.
        trust_code, custom_objects: see `formats.keras.trust.trusting`; without them no code from a file is run.
        progress: told of every step.
        fresh: start over although a compression was cut off.
        teacher: a .keras file or a model object of the same answers, which are learnt beside the labels; the model itself when left out.
        labels: names of the outputs, for a model that does not say them: classes of the data are found by name, never by position.
        label_offset: outputs before the first label, 1 for a background class; the card's when left out.

    Raises:
        BadSetting: a wish that the network cannot fulfil. BadFile, BadData, UnknownName: as elsewhere.
        CheckFailed: the loss is no longer a number.
    """
    from edgecnn.compress import run

    with trusting(trust_code, custom_objects), ModelStore(progress) as store:
        return run.run(
            store.path(model), settings, data=data, preprocessing=preprocessing, out=store.folder(model, out), name=name, progress=store.progress, fresh=fresh,
            teacher=None if teacher is None else store.path(teacher), labels=tuple(labels), label_offset=label_offset,
        )  # fmt: skip


open_door(__name__)
