"""DOOR to validation: exported files against their original, on labelled pictures, with proof."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Union

from edgecnn.door import open_door
from edgecnn.formats.keras.model_objects import ModelStore
from edgecnn.formats.keras.trust import trusting
from edgecnn.progress import SILENT, Progress
from edgecnn.settings import Doctor, Limits

if TYPE_CHECKING:
    import keras

    from edgecnn.sources.given_input import GivenInput
    from edgecnn.validate.report import Report

PathLike = Union[str, "os.PathLike[str]"]


def validate(
    files: PathLike | keras.Model | Sequence[PathLike | keras.Model],
    *,
    against: PathLike | keras.Model | None = None,
    data: PathLike | None = None,
    labels: PathLike | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    order: str | None = None,
    resize: str | None = None,
    given: GivenInput | None = None,
    label_offset: int | None = None,
    limits: Limits | None = None,
    threads: Sequence[int] = (1, 2),
    count: int | None = None,
    split: str = "test",
    fresh: bool = False,
    parity: bool = False,
    ray: str | None = None,
    layers: bool = False,
    doctor: Doctor | None = None,
    profile: bool = False,
    write_calibration: bool = False,
    check_resize: bool | None = None,
    trust_code: bool = False,
    custom_objects: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> Report:
    """Measure accuracy, agreement, size and latency of files, each beside its original.

    What is left out is taken from the card inside the file: original, data set, labels, preprocessing.

    Args:
        files: one or more .tflite, .onnx or .keras files, or objects of `keras.Model` (`tf_keras.Model`), see `edgecnn.export`.
        against: the original of all of them, a model, a model object or an export; else the model that the card names, beside the file or one folder up.
        data: data set name, folder or archive; else the one that the card names.
        labels: class names in the order of the outputs, or a text file with one a line.
        mean, std, order, resize: preprocessing of the files that have no card; see `card.Preprocessing`. What is not said is taken from evidence,
            see `sources.open_classifier`.
        given: the same in one object, in place of these.
        label_offset: outputs before the first label, 1 for a background class; these never count as answers.
        limits: what to make sure of; see `Report.checks`.
        threads: numbers of threads to time with; empty times nothing.
        count: pictures to use at most, drawn with a fixed seed; all of the split when left out.
        split: of the data set.
        parity: also compare score by score, and one picture at a time with many; a float file that computes something else fails.
        ray: run the pictures on the Ray cluster at this address, or on one of this machine's cores where it is "local"; timing stays here.
        layers: measure the noise of every tensor against the float original, see `layers.noise`; it costs seconds.
        doctor: try the common mistakes of pre-processing, and say which explains what was seen in an app; see `Row.mistakes`.
        fresh: run the original again although its answers to these pictures are known from an earlier validation.
        write_calibration: fit a calibration of the scores on val and store it, in a .tflite and as NAME.calibration.csv beside any file.
        check_resize: compare the usual resize rules with the one in use on images of train and val, and note it where another is certainly better; None
            does so where nobody chose the rule: no training by edgecnn, no measurement at the export, no `resize` here.
        trust_code, custom_objects: see `formats.keras.trust.trusting`; without them no code from a file is run.
        profile: measure also what starting costs, which operators take the time, and the processor's peak; takes seconds a file.

    Raises:
        BadFile, BadData, BadSetting: in one line each, what came, what was expected and what to do.
    """
    from edgecnn.sources.given_input import GivenInput
    from edgecnn.validate import session
    from edgecnn.validate.asked import Asked

    fields = {"mean": mean, "std": std, "order": order, "resize": resize}
    given = given or GivenInput({name: tuple(v) if isinstance(v, Sequence) and not isinstance(v, str) else v for name, v in fields.items() if v is not None})
    models = [files] if isinstance(files, (str, os.PathLike)) or not isinstance(files, Iterable) else list(files)
    asked = Asked(
        against=None, data=data, labels=labels, given=given, label_offset=label_offset,
        limits=limits or Limits(), threads=tuple(threads), count=count, split=split, fresh=fresh, parity=parity, ray=ray, layers=layers, doctor=doctor,
        profile=profile, calibrate=write_calibration, check_resize=check_resize,
    )  # fmt: skip
    with trusting(trust_code, custom_objects), ModelStore(progress) as store:
        paths = [store.path(model) for model in models]
        asked = replace(asked, against=None if against is None else store.path(against))
        return store.renamed(session.run(paths, asked, store.progress))


open_door(__name__)
