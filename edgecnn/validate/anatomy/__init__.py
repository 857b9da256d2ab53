"""DOOR to the anatomy of a file: which of its bytes are weights, tables, structure, metadata or padding, and what would save some."""

from __future__ import annotations

import importlib
from pathlib import Path

from edgecnn.validate.layer_figures import SizePart

ROOMS = {".tflite": "edgecnn.validate.anatomy.tflite", ".onnx": "edgecnn.validate.anatomy.onnx"}


def parts(path: Path) -> tuple[tuple[SizePart, ...], tuple[str, ...]]:
    """The parts of a .tflite or .onnx file, and in words what would make it smaller; nothing for other files.

    Parts without a layer add up to the file's bytes. "weights" are kernels and factors, "quantization tables" scales, zero points and ranges, "graph"
    operators, shapes and names, "metadata" the card, labels and what else other programs read, "padding" zeros that put vectors on round addresses.

    Raises:
        BadFile: missing or damaged.
    """
    from edgecnn import files
    from edgecnn.validate.anatomy import pieces

    if path.suffix.lower() not in ROOMS:
        return (), ()
    room = importlib.import_module(ROOMS[path.suffix.lower()])
    content = files.read_bytes(path, f"{path.suffix} model")
    found = room.pieces(content, str(path))
    return pieces.sums(found), tuple(room.savings(content, found))
