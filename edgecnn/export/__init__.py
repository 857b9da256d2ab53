"""DOOR to the writers: a Keras model becomes .tflite and .onnx files that have been run and compared before they get their names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.card import Card, Preprocessing
from edgecnn.door import open_door
from edgecnn.formats.keras.model_objects import ModelStore, refuse_object
from edgecnn.formats.keras.trust import trusting
from edgecnn.progress import SILENT, Progress
from edgecnn.settings import Export

if TYPE_CHECKING:
    import keras

    from edgecnn.data import Dataset
    from edgecnn.sources.given_input import GivenInput


@dataclass(frozen=True)
class Exported:
    """A file that was written, run and found to do what its original does.

    Attributes:
        path, scheme, bytes: of the file.
        agreement: share of `pictures` on which its top-1 answer is the original's.
        difference: root mean square difference of log-probabilities over their spread between pictures; judged for float formats only.
        pictures: how many pictures were compared.
        note: what they were and where the activation ranges come from, in words.
        dense: bytes that it would have, had its kernels with many zeros not been stored sparse; 0 where they were not.
        storage: how these are stored and why, in words; "" where there are none.
    """

    path: Path
    scheme: str
    bytes: int
    agreement: float
    difference: float
    pictures: int
    note: str
    dense: int = 0
    storage: str = ""


def export(
    model: str | os.PathLike[str] | keras.Model,
    *,
    settings: Export | None = None,
    data: str | os.PathLike[str] | Dataset | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    labels: Sequence[str] = (),
    label_offset: int | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    strict: bool = False,
    trust_code: bool = False,
    custom_objects: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> list[Exported]:
    """Write a model in every scheme and format that `settings` name.

    The model is converted to float once for each format; every other scheme is derived from that file. A file takes its name only after it was run
    and compared with the Keras model; one that fails the comparison is not left behind.

    Args:
        model: a .keras or .h5 file, the name of a model under `models/`, or a `keras.Model` (of Keras 2 too, `tf_keras.Model`), which stays as it is. Layers
            and functions of its own need neither `trust_code` nor `custom_objects`. It is not stored: its files name no original to compare with.
        settings: schemes, formats, input/output type, calibration; float32 in both formats when left out.
        data: where activation ranges and the comparison's pictures are taken from (its training split); the card's data set when left out.
        preprocessing, labels: for models without a card, or to overrule it.
        label_offset: outputs before the first label, 1 for a background class; the card's when left out.
        out: folder to write to; the model's own when left out, `models/` for a model object.
        name: stem of the files; the model's when left out.
        strict: refuse a data set with a corrupt picture.
        trust_code, custom_objects: see `formats.keras.trust.trusting`; without them no code from a file is run.
        progress: told of every step.

    Raises:
        NoCalibration: an integer scheme, and neither pictures nor recorded ranges. CheckFailed: a written file does not do what the model does.
        BadFile, BadData, BadSetting, UnknownName: in one line what was wrong.
    """
    from edgecnn.export import job

    with trusting(trust_code, custom_objects), ModelStore(progress) as store:
        return job.run(
            store.path(model), settings or Export(), data=data, preprocessing=preprocessing, labels=tuple(labels), label_offset=label_offset,
            out=store.folder(model, out), name=name, strict=strict, progress=store.progress,
        )  # fmt: skip


def record_ranges(model: str | os.PathLike[str], data: str | os.PathLike[str] | Dataset, *, count: int = 200, progress: Progress = SILENT) -> Card:
    """Measure the activation ranges of a model on `count` training pictures and write them into its card, for export where no pictures are at hand."""
    from edgecnn.export import job

    refuse_object(model, "ranges are recorded in the card beside a file; save it and name the file")
    return job.record(model, data, count=count, progress=progress)


open_door(__name__)
