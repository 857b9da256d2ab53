"""DOOR to the runners: the suffix of a file picks the room that runs it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn import card as cards
from edgecnn import files
from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadFile
from edgecnn.formats import pickles
from edgecnn.formats.keras.inspection import is_saved_model
from edgecnn.runtime.contract import RawPixels, Runner
from edgecnn.runtime.file_info import FileInfo

# suffix -> (room, class); a runtime is one class and one row here.
RUNNERS: dict[str, tuple[str, str]] = {
    ".tflite": ("edgecnn.runtime.litert", "LiteRTRunner"),
    ".onnx": ("edgecnn.runtime.ort", "OrtRunner"),
    ".ort": ("edgecnn.runtime.ort", "OrtRunner"),
    ".keras": ("edgecnn.runtime.keras_model", "AnyKerasRunner"),
    ".h5": ("edgecnn.runtime.keras_model", "AnyKerasRunner"),
    ".hdf5": ("edgecnn.runtime.keras_model", "AnyKerasRunner"),
}

# suffix -> room with `describe(path) -> FileInfo`.
READERS: dict[str, str] = {
    ".tflite": "edgecnn.runtime.tflite_file",
    ".onnx": "edgecnn.runtime.onnx_file",
    ".ort": "edgecnn.runtime.ort_file",
}


def open_model(path: str | os.PathLike[str], *, preprocessing: Preprocessing | RawPixels | None = None, threads: int = 1) -> Runner:
    """Open a model or an export for running.

    Args:
        path: a .tflite, .onnx, .ort, .keras, .h5 or .hdf5 file, or a SavedModel folder.
        preprocessing: how pictures become the input; None takes it from the file's card; RawPixels feeds pixels as they are, at the file's own size,
            as `edgecnn.sources` does until it knows more.
        threads: processor threads that one run may use.

    Raises:
        BadFile: missing, damaged, or not an image classifier (one picture in, one row of class scores out).
        UnknownInputError: no preprocessing, and the file has no card; `edgecnn.sources.open_classifier` finds evidence.
    """
    from edgecnn.runtime.probe import PROBE

    path = Path(path)
    module, name = _room(path, RUNNERS)
    size = preprocessing.size if preprocessing else None
    PROBE.prepare(path, size)
    runner = getattr(importlib.import_module(module), name)
    PROBE.check(path, size)
    return runner(path, preprocessing=preprocessing, threads=threads)


def describe(path: str | os.PathLike[str]) -> FileInfo:
    """Read operators, counts, metadata and card of an exported file (.tflite, .onnx, .ort) without running it.

    Raises:
        BadFile: missing, damaged, or of another kind.
    """
    path = Path(path)
    return importlib.import_module(_room(path, READERS)).describe(path)


def card_of(path: str | os.PathLike[str]) -> Card | None:
    """The card inside an export or beside a model, or None when there is none; BadFile as `describe`."""
    path = Path(path)
    _room(path, RUNNERS)
    return describe(path).card if path.suffix.lower() in READERS and path.is_file() else cards.read(path)


def _room(path: Path, rooms: Mapping[str, Any]) -> Any:
    pickles.refuse(path)
    if is_saved_model(path) and ".keras" in rooms:
        return rooms[".keras"]
    room = rooms.get(path.suffix.lower())
    if room is None and path.is_dir():
        raise BadFile(f"{path} is a directory; expected one {', '.join(rooms)} file")
    if room is None:
        raise BadFile(f"{path}: unknown suffix '{path.suffix}'; expected one of {', '.join(rooms)}")
    files.check_file(path, f"{path.suffix} model")
    return room
