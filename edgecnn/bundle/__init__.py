"""DOOR to the bundles: a .tflite or .onnx file becomes a folder that an app takes in, with golden vectors for the app's own tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.door import open_door
from edgecnn.errors import BadFile, unknown
from edgecnn.formats.keras.model_objects import refuse_object
from edgecnn.progress import SILENT, Progress

if TYPE_CHECKING:
    from edgecnn.bundle.golden import Golden
    from edgecnn.card import Card, Preprocessing
    from edgecnn.runtime.file_info import FileInfo
    from edgecnn.sources.given_input import GivenInput


@dataclass(frozen=True)
class Target:
    """A kind of app: a row of the table below.

    Attributes:
        title: in one line, for help.
        room: module with `write(context, folder) -> list[Path]`.
        suffixes: of the files that it takes.
        runtime: that runs them there, in words.
        test: command that proves the bundle; FOLDER stands for its place, NAME for the file's stem.
    """

    title: str
    room: str
    suffixes: tuple[str, ...]
    runtime: str
    test: str


PREDICT = "edgecnn predict FOLDER/NAME.ort FOLDER/golden/0.png"

TARGETS: dict[str, Target] = {
    "android": Target(
        "Kotlin with LiteRT and with MediaPipe Tasks",
        "edgecnn.bundle.android",
        (".tflite",),
        "LiteRT",
        "cp -r FOLDER/app . && ./gradlew testDebugUnitTest",
    ),
    "ios": Target("Swift with TensorFlow Lite", "edgecnn.bundle.ios", (".tflite",), "TensorFlow Lite", "cat FOLDER/README.md"),
    "web": Target("TypeScript with a page, for browsers and Node", "edgecnn.bundle.web", (".onnx",), "ONNX Runtime", "cd FOLDER && npm install && npm test"),
    "c": Target("C11 for microcontrollers and other native code", "edgecnn.bundle.c", (".tflite",), "TensorFlow Lite Micro or LiteRT", "make -C FOLDER test"),
    "ort": Target("ONNX Runtime Mobile: .ort and the operators of a reduced build", "edgecnn.bundle.ort", (".onnx",), "ONNX Runtime", PREDICT),
}


@dataclass(frozen=True)
class Context:
    """What a room is given.

    Attributes:
        path: the model file.
        name: its stem as a name in programs: letters, digits and underscores, no digit first.
        golden: golden vectors, with tensors, preprocessing and labels.
        info: operators, sizes and metadata.
        card: the file's card; None when it has none.
        licence: of the model, as its metadata states it; "" where it states none.
    """

    path: Path
    name: str
    golden: Golden
    info: FileInfo
    card: Card | None
    licence: str


@dataclass(frozen=True)
class Bundled:
    """A folder that was written: its place, its target's name, and its files."""

    folder: Path
    target: str
    files: tuple[Path, ...]


def bundle(
    path: str | os.PathLike[str],
    target: str,
    *,
    out: str | os.PathLike[str] | None = None,
    pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    data: str | os.PathLike[str] | None = None,
    count: int = 4,
    licence: str = "",
    labels: Sequence[str] = (),
    label_offset: int | None = None,
    preprocessing: Preprocessing | GivenInput | None = None,
    progress: Progress = SILENT,
) -> Bundled:
    """Write everything that an app needs to embed a file: the model, pre-processing, labels, golden vectors and a test that reads them.

    Args:
        path: a .tflite or .onnx file.
        target: a name of `TARGETS`.
        out: folder to write; FILE_TARGET beside the file when left out. A bundle that stands there is replaced, anything else is not.
        pictures, data, count, licence, labels, label_offset, preprocessing: see `golden.make`.
        progress: told of every step.

    Raises:
        UnknownName: no such target. BadFile: a file that the target does not take, or a place that is not free. BadData, BadSetting: see `golden.make`;
            BadSetting for a model object too, which has to be exported first.
    """
    from edgecnn.bundle import work

    refuse_object(path, "bundle takes a .tflite or .onnx file; export it first: files = edgecnn.export(model, ...), then bundle(files[0].path, target)")
    path = Path(path)
    row = TARGETS.get(target)
    if row is None:
        raise unknown("target", target, TARGETS)
    if path.suffix.lower() not in row.suffixes:
        raise BadFile(f"{path} is no file for {target}, which runs it by {row.runtime}; expected {' or '.join(row.suffixes)}, as edgecnn export writes it")
    folder = Path(out) if out is not None else path.with_name(f"{path.stem}_{target}")
    asked = {"data": data, "count": count, "licence": licence, "labels": labels, "label_offset": label_offset, "preprocessing": preprocessing}
    return work.run(path, target, folder, pictures, asked, progress)


open_door(__name__)
