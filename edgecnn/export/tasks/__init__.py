"""Whether the task libraries of phones, MediaPipe Tasks and ML Kit, take a .tflite, and what must be done so that they do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import files
from edgecnn.errors import BadFile, BadSetting

if TYPE_CHECKING:
    from edgecnn.card import Preprocessing
    from edgecnn.sources.given_input import GivenInput

LIBRARIES = {"mediapipe": "MediaPipe Tasks", "mlkit": "ML Kit"}


@dataclass(frozen=True)
class Finding:
    """One thing about a file that matters to a task library.

    Attributes:
        problem: what there is and what is expected, in words.
        remedy: what to do.
        refused: whether the library refuses the file or answers wrongly because of it; else it is a note.
    """

    problem: str
    remedy: str
    refused: bool = True


def check(path: str | os.PathLike[str], library: str = "mediapipe") -> list[Finding]:
    """What keeps an image classifier out of a task library, and notes; no file is changed, and none is run.

    Raises:
        BadFile: missing, or not a .tflite.
    """
    from edgecnn.export.tasks import rules

    return rules.findings(_content(path), library, path)


def repair(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    library: str = "mediapipe",
    labels: tuple[str, ...] = (),
    preprocessing: Preprocessing | GivenInput | None = None,
    data: str | os.PathLike[str] | None = None,
    append_softmax: bool = False,
) -> list[Finding]:
    """Write a copy in which all is mended that can be, after it was run and gave what the file gives; returns what `check` finds in it.

    An int8 input or output becomes uint8, a batch that is open or another becomes 1, metadata is added or completed, and a card is written into a file that
    has none. What the input wants is taken from evidence, see `sources.open_classifier`.

    Args:
        path: the file.
        out: where to write the copy.
        library: a key of `LIBRARIES`.
        labels: names of the outputs; else those in the file.
        preprocessing: what is said of the input.
        data: labeled photos on which is measured what nothing else says.
        append_softmax: put a softmax behind logits.

    Raises:
        BadFile: not a .tflite, or one that cannot be mended. UnknownInputError: nothing says what the input wants. CheckFailed: the copy does something else.
    """
    from edgecnn.export.tasks import mending, rules
    from edgecnn.runtime.probe import PROBE
    from edgecnn.sources.open_classifier import open_classifier

    content = _content(path)
    if Path(out).resolve() == Path(path).resolve():
        raise BadSetting(f"{out} is the file to read; expected another place to write to")
    PROBE.check(path)  # both are run beside each other
    with open_classifier(path, given=preprocessing, labels=labels, data=data) as classifier:
        mended = mending.mended(content, path, classifier, append_softmax=append_softmax)
    files.write_bytes(out, mended)
    return rules.findings(mended, library, out)


def _content(path: str | os.PathLike[str]) -> bytes:
    if Path(path).suffix.lower() != ".tflite":
        raise BadFile(f"{path}: MediaPipe Tasks and ML Kit take .tflite files; expected one")
    return files.read_bytes(path, ".tflite model")
