"""Plants mistakes of pre-processing in small apps and asks the doctor of `edgecnn validate` which they made; see planted.py.

    EDGECNN_DATA=FOLDER python tools/doctor.py                 networks of models/sign-digits, 420 test pictures
    EDGECNN_DATA=FOLDER python tools/doctor.py WEIGHTS         independent ImageNet networks in the folder WEIGHTS, 150 photos of TrashNet

The doctor is told an app's accuracy on the pictures, rounded to a tenth of a percent; then its answers to every second picture; then these with their scores.
WEIGHTS holds mobilenet_025_224_imagenet.keras and squeezenet1_1_imagenet.keras. They do not know TrashNet's classes: there the accuracy is agreement with
the right pre-processing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import markdown
import numpy as np
import planted
from planted import File

from edgecnn import data
from edgecnn.card import Preprocessing
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime import open_model
from edgecnn.settings import Doctor
from edgecnn.validate.diagnosis import Diagnosis
from edgecnn.validate.doctor import seen, trial
from edgecnn.validate.doctor.diagnose import diagnose
from edgecnn.validate.doctor.levels import Input
from edgecnn.validate.figures import Mistake

HEAD = ("file", "planted", "accuracy seen", "named by it (cannot be told from it)", "by half of the answers", "by these with scores")
SIGN_DIGITS = {"mobilenet_int8.tflite": planted.BYTES, "squeezenet_int8.tflite": planted.BYTES, "squeezenet_int8.onnx": planted.FLOATS}
COUNT = 150

Told = tuple[tuple[Mistake, ...], Diagnosis]


@dataclass(frozen=True)
class Finding:
    """What the doctor says of one planted mistake.

    Attributes:
        planted: name of the mistake.
        seen: accuracy of the app in percent, to a tenth.
        by_seen, by_answers, by_scores: the mistakes and the verdict, told the accuracy, half of the answers, and these with their scores.
    """

    planted: str
    seen: float
    by_seen: Told
    by_answers: Told
    by_scores: Told


def main() -> int:
    """Print one row a planted mistake."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="?", type=Path, metavar="WEIGHTS", help="folder of the independent networks")
    folder = parser.parse_args().weights
    files = planted.imagenet(folder) if folder else {planted.sign_digits(name): apps for name, apps in SIGN_DIGITS.items()}
    rows = [row(file, found) for file, apps in files.items() for found in consult(file, apps, COUNT if folder else None, progress())]
    print(markdown.table(HEAD, rows))
    return 0


def consult(file: File, apps: Sequence[str], count: int | None = None, progress: Progress = SILENT) -> Iterator[Finding]:
    """Plant each mistake in turn and ask the doctor; `count` pictures, evenly over the test split, or all."""
    names = planted.test_names(file)
    if count:
        names = [names[i] for i in np.linspace(0, len(names) - 1, count).astype(int)]
    found = tried(file, names, progress)
    truth = np.array([file.labels.index(name.partition("/")[0]) for name in names]) if file.labels else None
    run, images = planted.opened(file.path), planted.pictures(file, names)
    right = [label for label, _ in planted.answers(run, file, images, "right pre-processing")]
    for app in apps:
        progress.step(f"{file.path.name}: {app}")
        shown = planted.answers(run, file, images, app)
        wanted = [name.partition("/")[0] for name in names] if file.labels else right
        percent = round(100 * sum(a == b for (a, _), b in zip(shown, wanted, strict=True)) / len(names), 1)
        half = [f"{name},{label},{score:.4f}" for name, (label, score) in zip(names, shown, strict=True)][::2]
        lines = ([line.rpartition(",")[0] for line in half], half)
        yield Finding(app, percent, *(diagnose(found, truth, Doctor(seen=percent), None), *(told(found, truth, each, names, file.labels) for each in lines)))


def tried(file: File, names: Sequence[str], progress: Progress) -> list[trial.Answers]:
    """The file's answers to these pictures in every way that the doctor knows."""
    size = Preprocessing(file.side, file.side, file.order, file.mean, file.std)
    source = {"sign-language-digits.tar": "sign-digits", "trashnet-224x168.tar": "trashnet"}[file.archive]
    with closing(open_model(file.path, preprocessing=size)) as runner:
        contents = data.originals(source, names)
        return trial.run(runner, Input.of(runner, size), contents, len(names), labels=file.labels, offset=file.offset, name=file.path.name, progress=progress)


def told(found: list[trial.Answers], truth: np.ndarray | None, lines: Sequence[str], names: Sequence[str], labels: tuple[str, ...]) -> Told:
    """The verdict on a file of answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.csv")
        path.write_text("\n".join(lines))
        return diagnose(found, truth, Doctor(answers=path), seen.read(path, names, labels))


def named(verdict: Told) -> tuple[str, ...]:
    """What the doctor names first, with what has the very same effect or accuracy; empty where nothing explains it."""
    mistakes, diagnosis = verdict
    if diagnosis.cause != "mistake":
        return ("right pre-processing",) if diagnosis.cause == "right" else ()
    first = [m for m in mistakes if m.explains and m.distance == mistakes[0].distance] if diagnosis.seen is not None else mistakes[:1]
    return tuple(name for m in first for name in (m.name, *m.same))


def row(file: File, found: Finding) -> list[str]:
    """Of the table."""
    return [f"`{file.path.name}`", found.planted, f"{found.seen} %", *(_cell(verdict) for verdict in (found.by_seen, found.by_answers, found.by_scores))]


def _cell(verdict: Told) -> str:
    first = named(verdict)
    rest = [name for m in verdict[0] if m.explains for name in (m.name, *m.same) if name not in first]
    return (" = ".join(first) or "nothing") + (f" ({', '.join(rest)})" if rest else "")


if __name__ == "__main__":
    sys.exit(guarded(main))
