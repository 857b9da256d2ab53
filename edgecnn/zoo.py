"""Where models lie: `models/NAME.keras` under the working folder, or wherever the user points."""

from __future__ import annotations

import os
from pathlib import Path

from edgecnn import files
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadFile, unknown

FOLDER = Path("models")
SUFFIXES = (".keras", ".h5", ".hdf5")
# Files that are made from a model, and have no layers to train.
FINISHED = (".tflite", ".onnx", ".ort")


def find(model: str | os.PathLike[str]) -> Path:
    """The .keras (or .h5, .hdf5) file or SavedModel folder that a name or a path means.

    Args:
        model: a path, or a name such as `squeezenet` or `sign-digits/mobilenet` of a file under `models/`.

    Raises:
        BadFile: no such file; says how to make it where the name is an architecture. UnknownName: neither file nor architecture.
    """
    path = Path(model)
    if (path / "saved_model.pb").is_file():
        return path
    if path.suffix or path.is_dir():
        return files.check_file(path, "model (.keras)")
    for suffix in SUFFIXES:
        found = FOLDER / f"{model}{suffix}"
        if found.exists():
            return files.check_file(found, "model (.keras)")
    if str(model) in CATALOG:
        raise BadFile(f"no trained model {FOLDER / f'{model}.keras'}; make one with: edgecnn train {model} --data digits")
    raise unknown("model", str(model), [*names(), *CATALOG])


def find_keras(model: str | os.PathLike[str], verb: str) -> Path:
    """As `find`, of what only a Keras model can have done to it: `verb` says what, such as "trained".

    Raises:
        BadFile: it is a finished file of another format; as `find`.
    """
    path = find(model)
    if path.suffix.lower() in FINISHED and not is_keras(path):
        way = "edgecnn export quantizes such a file within its format"
        raise BadFile(
            f"{path} is a finished file, which cannot be {verb}; expected the model from which it was made (.keras, .h5 or a SavedModel folder); {way}"
        )
    return path


def is_keras(path: Path) -> bool:
    """Whether a path is a model of Keras by its suffix, or a SavedModel folder."""
    return path.suffix.lower() in SUFFIXES or (path / "saved_model.pb").is_file()


def names() -> list[str]:
    """Names of the models under `models/`, sorted, as `find` takes them."""
    return sorted(str(p.relative_to(FOLDER).with_suffix("")) for s in SUFFIXES for p in FOLDER.glob(f"**/*{s}") if not p.name.startswith("."))
