"""DOOR to the runners: the suffix of a file picks the room that runs it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.runtime.contract import Runner

# suffix -> (room, class); a runtime is one class and one row here.
RUNNERS: dict[str, tuple[str, str]] = {
    ".tflite": ("edgecnn.runtime.litert", "LiteRTRunner"),
    ".onnx": ("edgecnn.runtime.ort", "OrtRunner"),
    ".keras": ("edgecnn.runtime.keras_model", "KerasRunner"),
    ".h5": ("edgecnn.runtime.keras_model", "KerasRunner"),
}


def open_model(path: str | os.PathLike[str], *, preprocessing: Preprocessing | None = None, threads: int = 1) -> Runner:
    """Open a model or an export for running.

    Args:
        path: a .tflite, .onnx, .keras or .h5 file.
        preprocessing: how pictures become the input; None takes it from the file's card, and from the common
            (pixel - 128) / 128 at the file's own input size where it has no card.
        threads: processor threads that one run may use.

    Raises:
        BadFile: missing, damaged, or not an image classifier (one picture in, one row of class scores out).
    """
    path = Path(path)
    room = RUNNERS.get(path.suffix.lower())
    if room is None:
        raise BadFile(f"{path}: unknown suffix '{path.suffix}'; expected one of {', '.join(RUNNERS)}")
    files.check_file(path, f"{path.suffix} model")
    module, name = room
    return getattr(importlib.import_module(module), name)(path, preprocessing=preprocessing, threads=threads)
