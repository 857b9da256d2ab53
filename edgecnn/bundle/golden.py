"""Golden vectors: pictures, what the right pre-processing makes of them, and what the file answers, for an app's own tests.

`make` runs the file; `write` lays down `golden.json` and the bytes beside it. What a wrong app would see is there too, so that its failing
test can name the likely cause.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn import labels as label_files
from edgecnn.bundle import golden_text, scenes
from edgecnn.bundle.golden_picture import Picture, steadiest
from edgecnn.bundle.traps import Trap, signature, traps_of
from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile, BadSetting
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.contract import Runner, Tensor
from edgecnn.runtime.scores import ENOUGH, ScoreKind
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.open_classifier import ResolvedLabels, open_classifier
from edgecnn.validate.doctor.levels import Input

SUFFIXES = (".tflite", ".onnx")


@dataclass(frozen=True)
class Golden:
    """Golden vectors of one file.

    Attributes:
        model: name of the file.
        sha256: of its bytes.
        input, output: its tensors; open dimensions are None.
        channels_first: the input is [N, C, H, W].
        takes_bytes: an integer input without scale, as in ONNX: the byte itself, or the byte - 128 for int8, scaled inside of the file.
        score_kind: what the scores mean, and so how the app makes probabilities of them.
        preprocessing: how a picture becomes the input.
        labels: a name for every output, background included; "class N" where no names are known.
        label_offset: outputs before the first label.
        licence: of the pictures.
        pictures: the pictures.
        traps: mistakes and what the file answers to them.
        signatures: picture's stem -> signature of the right input, see `traps.signature`.
    """

    model: str
    sha256: str
    input: Tensor
    output: Tensor
    channels_first: bool
    takes_bytes: bool
    score_kind: ScoreKind
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    label_offset: int
    licence: str
    pictures: tuple[Picture, ...]
    traps: tuple[Trap, ...]
    signatures: Mapping[str, tuple[float, ...]]

    @property
    def gives_probabilities(self) -> bool:
        """Whether the scores are the probabilities, class by class, with nothing for the app to compute."""
        return self.score_kind in (ScoreKind.SOFTMAX, ScoreKind.MULTI_LABEL)

    @property
    def num_scores(self) -> int:
        """Length of the row of scores: one may stand for two classes."""
        return len(self.pictures[0].output)


def make(
    path: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    count: int = 4,
    licence: str = "",
    labels: Sequence[str] = (),
    label_offset: int | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    progress: Progress = SILENT,
) -> Golden:
    """Run a .tflite or .onnx file on golden pictures, by the right pre-processing and by every usual mistake.

    Args:
        path: the file.
        pictures: a folder or archive of pictures, or picture files, from which golden ones are cut; they are drawn where this and `data` are None.
        data: a data set, from whose test pictures golden ones are cut.
        count: how many golden pictures.
        licence: of the pictures; the data set's, or that it is not stated, where left out.
        labels, label_offset, preprocessing: of a file without a card, or to overrule it.
        progress: told of every step.

    Raises:
        BadFile: not such a file, or one whose batch is neither 1 nor open. BadSetting: a file without a card, of which
            nobody says how a picture becomes its input. BadData, BadSetting: in one line what was wrong.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise BadFile(f"{path} cannot be embedded: expected a file that edgecnn export writes, {' or '.join(SUFFIXES)}")
    with open_classifier(path, given=preprocessing, labels=tuple(labels), label_offset=label_offset, data=data) as classifier:
        runner = classifier.runner
        _check(runner, count)
        taken, said = _taken(pictures, data, runner.preprocessing, count * scenes.TRIES)
        into = Input.of(runner, runner.preprocessing)
        score_kind = _score_kind(runner, runner.preprocessing)
        chosen = [steadiest(runner, into, scenes.candidates(taken, runner.preprocessing, place, count)) for place in range(count)]
        names = _names(runner, classifier.labels)
        return _golden(runner, into, chosen, licence or said, score_kind, names, classifier.labels.label_offset, progress)


def _check(runner: Runner, count: int) -> None:
    """Refuse what golden vectors cannot be made of."""
    if runner.input.shape[0] not in (None, 1):
        mend = f"write one with edgecnn check {runner.path} --repair" if runner.path.suffix.lower() == ".tflite" else "export it with an open batch"
        raise BadFile(f"{runner.path} takes {runner.input.shape[0]} pictures at once; expected a batch of 1; {mend}")
    if not 1 <= count <= 99:
        raise BadSetting(f"{count} golden pictures: expected 1 to 99")


def write(golden: Golden, folder: str | os.PathLike[str], *, sources: bool = False) -> list[Path]:
    """Write `golden.json` and its pictures, pixels, inputs and outputs into a folder; returns the files.

    Args:
        golden: what `make` gives.
        folder: made where it is missing.
        sources: also write each picture's decoded RGB bytes, N.source, for tests that have no decoder of JPEG and PNG.
    """
    written = []
    for picture in golden.pictures:
        parts = {picture.file: picture.content, f"{picture.stem}.rgb": picture.pixels, f"{picture.stem}.input": picture.input}
        parts[f"{picture.stem}.output"] = picture.output
        if sources:
            parts[f"{picture.stem}.source"] = picture.decoded
        for name, content in parts.items():
            written.append(files.write_bytes(Path(folder) / name, content if isinstance(content, bytes) else little_endian(content)))
    written.append(files.write_text(Path(folder) / "golden.json", golden_text.text(golden, sources=sources)))
    return written


def little_endian(array: np.ndarray) -> bytes:
    """The bytes of an array, least significant first, row after row."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def _taken(
    pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None,
    data: str | os.PathLike[str] | None,
    preprocessing: Preprocessing,
    count: int,
) -> tuple[list[scenes.Taken] | None, str]:
    """Pictures to cut golden ones from, None to draw them, and their licence."""
    if data is not None:
        return scenes.from_data(data, preprocessing, count), scenes.licence_of(data)
    if pictures is None:
        return None, scenes.OURS
    if isinstance(pictures, (str, os.PathLike)):
        return scenes.from_folder(pictures, count), scenes.licence_of(Path(pictures))
    if not pictures:
        raise BadSetting("an empty list of pictures: expected one file or more, or None for drawn ones")
    return [scenes.read_picture(one) for one in pictures], "not stated"


def _golden(
    runner: Runner, into: Input, found: Sequence[Picture], licence: str, score_kind: ScoreKind, names: tuple[str, ...], offset: int, progress: Progress
) -> Golden:
    path = runner.path
    progress.step(f"{len(found)} golden pictures; trying usual mistakes on {path.name}")
    return Golden(
        path.name, files.sha256(path), runner.input, runner.output, into.layout.channels_first, into.inside, score_kind,
        runner.preprocessing, names, offset, licence, tuple(found), traps_of(runner, into, found),
        {picture.stem: signature(picture.input, into) for picture in found},
    )  # fmt: skip


def _score_kind(runner: Runner, preprocessing: Preprocessing) -> ScoreKind:
    """Meaning of the scores; judged on several images at once where neither the file nor its card says it: one row alone could mean anything."""
    if runner.score_kind is None:
        runner(np.random.default_rng(0).integers(0, 256, (ENOUGH, preprocessing.height, preprocessing.width, 3), np.uint8))
    return runner.score_kind or ScoreKind.SOFTMAX


def _names(runner: Runner, known: ResolvedLabels) -> tuple[str, ...]:
    """A name for every class. One score names two classes; a file that names only the score itself names neither."""
    labels = known.labels
    if runner.num_scores == 1 and runner.classes == 2 and len(labels) == 1 and known.source != "--labels":
        labels = ()
    return label_files.for_outputs(labels, runner.classes, known.label_offset, runner.path)
