"""What a .tflite says of itself to apps: the TensorFlow Lite metadata that MediaPipe Tasks and ML Kit read, written and read by edgecnn itself.

It is a FlatBuffer in the entry TFLITE_METADATA, and files (labels, score calibration) zipped onto the end of the .tflite.
"""

from __future__ import annotations

import os

from edgecnn.errors import BadFile, BadSetting
from edgecnn.formats.tflite.metadata import ENTRY
from edgecnn.formats.tflite.metadata.notes import LabelFile, Metadata, ScoreCalibration, Sigmoid, TensorNotes

__all__ = ["ENTRY", "LabelFile", "Metadata", "ScoreCalibration", "Sigmoid", "TensorNotes", "read", "with_calibration", "write"]


def read(content: bytes, origin: str | os.PathLike[str] = "file") -> Metadata | None:
    """What a .tflite says of itself, whoever wrote it; None where it says nothing. `origin` names it in errors.

    Raises:
        BadFile: not a .tflite, or its metadata is damaged.
    """
    from edgecnn.formats.tflite.metadata import archive, decode_metadata
    from edgecnn.runtime import tflite_file

    plain, _ = archive.split(content)
    return decode_metadata(content, tflite_file.metadata(plain, origin), str(origin))


def write(content: bytes, metadata: Metadata) -> bytes:
    """The .tflite with that metadata in place of any that it has; other entries, such as the card, stay as they are.

    Raises:
        BadFile: not a .tflite. BadSetting: metadata for another number of inputs or outputs.
    """
    from edgecnn.export import flatbuffer
    from edgecnn.formats.tflite.metadata import archive, codec, trees

    plain, _ = archive.split(content)
    _entry(plain)
    model = flatbuffer.read(plain)
    graph = model.subgraphs[0]
    for what, notes, tensors in (("inputs", metadata.inputs, graph.inputs), ("outputs", metadata.outputs, graph.outputs)):
        if len(notes) != len(tensors):
            raise BadSetting(f"metadata of {len(notes)} {what} for a file that has {len(tensors)}; expected one each, in the file's order")
    flatbuffer.set_entries(model, {ENTRY: codec.encode(trees.tree(metadata))})
    return archive.join(flatbuffer.pack(model), trees.files(metadata))


def with_calibration(content: bytes, calibration: ScoreCalibration | None, output: int = 0) -> bytes:
    """The .tflite with that score calibration of one output in place of any that it has, or without one; everything else that it says stays.

    Raises:
        BadFile: not a .tflite, or one without metadata, in which a calibration cannot be said. BadSetting: another number of outputs than the file's.
    """
    from edgecnn.export import flatbuffer
    from edgecnn.formats.tflite.metadata import archive, codec, edit

    plain, attached = archive.split(content)
    found = _entry(plain)
    if not found:
        raise BadFile("a file without TFLite metadata cannot hold a score calibration; expected one with; add it with edgecnn check --for mediapipe --repair")
    model = flatbuffer.read(plain)
    graph = model.subgraphs[0]
    outputs = graph.tensors[graph.outputs[output]].shape[-1]
    if calibration is not None and len(calibration.parameters) != outputs:
        raise BadSetting(f"{len(calibration.parameters)} lines of score calibration for {outputs} outputs; expected one an output, or an empty one")
    tree = codec.decode(found)
    attached = edit.calibrate(tree, attached, calibration, output)
    flatbuffer.set_entries(model, {ENTRY: codec.encode(tree)})
    return archive.join(flatbuffer.pack(model), attached)


def _entry(plain: bytes, origin: str | os.PathLike[str] = "file") -> bytes | None:
    from edgecnn.runtime import tflite_file

    return tflite_file.metadata(plain, origin).get(ENTRY)
