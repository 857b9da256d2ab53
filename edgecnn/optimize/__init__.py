"""DOOR to the budget: files that keep to a limit on the loss of accuracy, and the search for the smallest or the fastest of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.card import Preprocessing
from edgecnn.door import open_door
from edgecnn.export import Exported
from edgecnn.formats.keras.model_objects import ModelStore
from edgecnn.formats.keras.trust import trusting
from edgecnn.progress import SILENT, Progress
from edgecnn.settings import Budget, Export, PostTraining, Search

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from edgecnn.data import Dataset
    from edgecnn.optimize.front import Candidate
    from edgecnn.optimize.judge import Drop
    from edgecnn.sources.given_input import GivenInput


@dataclass(frozen=True)
class Trial:
    """A rung of the ladder: its name, the bytes of its file, its drop on val and the verdict, `proven`, `fits` or `not enough`."""

    name: str
    bytes: int
    drop: Drop
    verdict: str


@dataclass(frozen=True)
class Fitted:
    """A file that was written because it keeps to the limit.

    Attributes:
        exported: the file.
        rung: where the climb ended, in words.
        how: int8 was reached.
        val, test: drop on the split that chose, and on the one that was read once, for the report.
        verdict: on val: `proven` where the whole 95 % interval keeps to the limit, else `fits`.
        trials: all rungs in the order in which they were measured.
    """

    exported: Exported
    rung: str
    how: PostTraining
    val: Drop
    test: Drop
    verdict: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Found:
    """A winner of a search, which was written.

    Attributes:
        exported: the file.
        candidate: as it was measured on val.
        test: its drop on the split that was read once, for the report.
        candidates: everything that was measured in this format.
        front: those of them that nothing beats in the goal without losing accuracy.
        untried: combinations that were next when the time was over.
        plot, figures: files with the plot, and with all figures as JSON.
    """

    exported: Exported
    candidate: Candidate
    test: Drop
    candidates: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    untried: int
    plot: Path | None = None
    figures: Path | None = None


def optimize(
    model: str | os.PathLike[str] | keras.Model,
    *,
    search: Search | None = None,
    data: str | os.PathLike[str] | Dataset | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    labels: Sequence[str] = (),
    label_offset: int | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    fresh: bool = False,
    trust_code: bool = False,
    custom_objects: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> list[Found]:
    """Search combinations of number format, channels, pruning, clustering and training under rounding for the smallest or the fastest file within a limit.

    Each step of compression starts from the network that the steps before it left, with the original as the teacher. What costs one fine-tuning comes before
    what costs two; nothing is built upon a network whose own loss is beyond the limit for certain, and a stronger setting is tried only where the milder one
    keeps to it. Val chooses, test only reports. Models and figures are remembered by content in the user's cache folder, so that a search goes on where it
    was cut off. Writes the winner of each format, its network, NAME-optimize.png and NAME-optimize.json.

    Args:
        model: what `edgecnn.export` takes, a `keras.Model` included; of a float .tflite or .onnx only number formats of its own file format are tried, and
            nothing is trained.
        search: limit, goal, and what is tried.
        trust_code, custom_objects: see `formats.keras.trust.trusting`; without them no code from a file is run.
        data, preprocessing, labels, label_offset, out, name, fresh, progress: as in `within`.

    Raises:
        CheckFailed: in some format nothing keeps to the limit; says what came nearest. Others as `within`.
    """
    from edgecnn.optimize import search as room

    with trusting(trust_code, custom_objects), ModelStore(progress) as store:
        found = room.run(
            store.path(model), search or Search(), data=data, preprocessing=preprocessing, labels=tuple(labels), label_offset=label_offset,
            out=store.folder(model, out), name=name, fresh=fresh, progress=store.progress,
        )  # fmt: skip
        return store.renamed(found)


def within(
    model: str | os.PathLike[str] | keras.Model,
    budget: Budget,
    *,
    settings: Export | None = None,
    against: str | os.PathLike[str] | keras.Model | None = None,
    data: str | os.PathLike[str] | Dataset | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    labels: Sequence[str] = (),
    label_offset: int | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    strict: bool = False,
    fresh: bool = False,
    progress: Progress = SILENT,
) -> list[Fitted]:
    """Write int8 files whose loss of accuracy, measured on val, is within a budget.

    A ladder is climbed in each format until a rung fits: ways to int8 without training, of those that fit the one nearest to the original; the operators
    that int8 hurts most in float, as few as will do; training under int8's rounding, and both. Everything that is measured is remembered by content in the
    user's cache folder.

    Args:
        model: what `edgecnn.export` takes, a `keras.Model` included; of a float .tflite or .onnx the ladder has the rungs without training.
        budget: the limit, and what may be done.
        settings: formats, calibration, input/output type, and the way to int8 that is tried first; its scheme must be int8.
        against: the model, a path or an object, that the loss is measured against; `model` itself when left out.
        data: labelled pictures: train calibrates and trains, val chooses, test reports; the card's data set when left out. Where pictures may have several
            labels, accuracy is the share of label decisions at 0.5 that are right.
        preprocessing, labels, label_offset, out, name, strict: as in `edgecnn.export`.
        fresh: measure again what the cache remembers.
        progress: told of every rung as it is measured.

    Raises:
        CheckFailed: in some format no rung fits; says which came nearest. BadData: no labelled pictures. Others as `edgecnn.export`.
    """
    from edgecnn.optimize import climb

    with ModelStore(progress) as store:
        return climb.run(
            store.path(model), budget, settings or Export(("int8",)), against=None if against is None else store.path(against), data=data,
            preprocessing=preprocessing, labels=tuple(labels), label_offset=label_offset, out=store.folder(model, out), name=name, strict=strict, fresh=fresh,
            progress=store.progress,
        )  # fmt: skip


open_door(__name__)
