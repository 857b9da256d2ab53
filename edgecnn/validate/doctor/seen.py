"""Reads the answers that an app gave to pictures of the data set."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from edgecnn import files, untrusted
from edgecnn.errors import BadData, BadFile
from edgecnn.validate.doctor.trial import NONE

EXPECTED = 'expected CSV lines "file,label[,score]", or JSON {"file": "label"} or [{"file": ..., "label": ..., "score": ...}]'
_HEADS = ("file", "name", "filename", "picture", "image")


@dataclass(frozen=True)
class Seen:
    """An app's answers.

    Attributes:
        places: int64 [n], which of the pictures.
        found: int64 [n], places in the list of labels; NONE for a name that is not there.
        scores: float64 [n], probabilities of these answers, 0..1; NaN where none came.
        left: lines whose pictures are not among those of the validation.
    """

    places: np.ndarray
    found: np.ndarray
    scores: np.ndarray
    left: int


def read(path: Path, names: Sequence[str], labels: Sequence[str]) -> Seen:
    """Read a file of answers.

    Args:
        path: .csv or .json.
        names: of the pictures, as in the data set; the end of one will do where only one picture has it.
        labels: of the outputs; empty where they are not known: then the answers are numbers of outputs, from 0 for the first that is no background.

    Raises:
        BadFile: not such a file. BadData: no line names one of the pictures, or none of the labels.
    """
    rows = _rows(path, files.read_bytes(path, "file of answers (.csv or .json)"))
    place = _places(names)
    known = [(place[_key(name, place)], label, score) for name, label, score in rows if _key(name, place) in place]
    if not known:
        raise BadData(f"{path}: none of its {len(rows)} pictures, such as '{rows[0][0]}', is among the {len(names)} used, such as '{names[0]}'")
    number = {label: i for i, label in reversed(list(enumerate(labels)))} or {str(i): i for i in range(1 << 16)}
    found = np.array([number.get(label, NONE) for _, label, _ in known], np.int64)
    if (found == NONE).all():
        such = f"the labels, such as '{labels[0]}'" if labels else "numbers of outputs, because the labels are not known"
        raise BadData(f"{path}: no answer, such as '{known[0][1]}', is one of {such}")
    scores = np.array([score for _, _, score in known], np.float64)
    return Seen(np.array([i for i, _, _ in known], np.int64), found, scores, len(rows) - len(known))


def _rows(path: Path, content: bytes) -> list[tuple[str, str, float]]:
    """(file, label, score) of every line; NaN where there is no score."""
    try:
        raw = [row for row in (_of_json if path.suffix.lower() == ".json" else _of_csv)(path, content) if row]
        if raw and str(raw[0][0]).strip().lower() in _HEADS:
            raw = raw[1:]
        found = [(str(row[0]).strip(), str(row[1]).strip(), float(row[2]) if len(row) > 2 and row[2] not in ("", None) else float("nan")) for row in raw]
    except BadFile:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, csv.Error) as error:
        raise BadFile(f"{path} is no file of answers ({type(error).__name__}: {error}); {EXPECTED}") from error
    if not found:
        raise BadFile(f"{path} holds no answers; {EXPECTED}")
    wrong = next((score for _, _, score in found if score < 0 or score > 1), None)
    if wrong is not None:
        raise BadData(f"{path}: score {wrong:g}; expected probabilities from 0 to 1, or no scores")
    return found


def _of_csv(path: Path, content: bytes) -> list[Sequence[Any]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True))


def _of_json(path: Path, content: bytes) -> list[Sequence[Any]]:
    raw = untrusted.loads_json(content, path, EXPECTED.removeprefix("expected "))
    if isinstance(raw, Mapping):
        return list(raw.items())
    return [(row["file"], row["label"], row.get("score")) for row in raw]


def _places(names: Sequence[str]) -> dict[str, int]:
    """Every end of a name that no other name shares -> place: `test/cat/1.png`, `cat/1.png` and perhaps `1.png`."""
    ends = [(end, i) for i, name in enumerate(names) for end in _ends(name)]
    often = Counter(end for end, _ in ends)
    return {end: i for end, i in ends if often[end] == 1} | {name: i for i, name in enumerate(names)}


def _key(name: str, place: Mapping[str, int]) -> str:
    """The longest end of a path that names a picture; the path itself where none does."""
    return next((end for end in _ends(name) if end in place), name)


def _ends(name: str) -> list[str]:
    """A path, and what is left of it without its first folders."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return ["/".join(parts[start:]) for start in range(len(parts))]
