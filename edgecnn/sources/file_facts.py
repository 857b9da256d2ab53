"""What a model file says of its own input and classes, read once."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.formats.tflite.metadata import decode_metadata
from edgecnn.labels import BACKGROUND
from edgecnn.runtime.contract import Runner

if TYPE_CHECKING:
    from edgecnn.formats.tflite.metadata.notes import Metadata
    from edgecnn.sources.graph_preprocessing import GraphPreprocessing

INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
# Keys of ONNX's metadata under which exporters keep class names.
NAME_KEYS = ("names", "class_names", "classes", "labels")
# First label of networks with a background class, as label files spell it.
BACKGROUND_NAMES = (BACKGROUND, "__background__", "???", "background class")
_MOST_TEXT = 1 << 20


@dataclass(frozen=True)
class FileFacts:
    """What a file says of itself beside its card.

    Attributes:
        mean, std: of NormalizationOptions in TFLite metadata; empty where it has none.
        scale, zero_point: of an integer input, real = scale * (stored - zero_point); None where the file does not say.
        dtype: of the input, numpy's name.
        graph: preprocessing found in the graph.
        hint: a sentence for messages about what the network looks like; "" where it looks like nothing known.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scale: float | None = None
    zero_point: int | None = None
    dtype: str = "float32"
    graph: GraphPreprocessing | None = None
    hint: str = ""

    @property
    def is_integer(self) -> bool:
        """Whether the byte is the input; a 16-bit input is not, its scale tells nothing of bytes."""
        return self.dtype in INTEGERS and not (self.dtype == "int16" and self.scale is not None)


def read_facts(runner: Runner) -> FileFacts:
    """Facts of the file that a runner has open; what a Keras model is made of is read from the loaded model."""
    suffix = runner.path.suffix.lower()
    if suffix == ".tflite":
        return _tflite_facts(runner)
    if suffix == ".onnx":
        return _onnx_facts(runner)
    if suffix == ".ort":
        return FileFacts(dtype=runner.input.dtype)
    return _keras_facts(runner)


def labels_of_file(path: Path) -> tuple[tuple[str, ...], int, str]:
    """Names of the outputs, background outputs before them, and where the names stand; read without running the file.

    Names in another number than the outputs name nothing.
    """
    suffix = path.suffix.lower()
    if suffix not in (".tflite", ".onnx"):
        return (), 0, ""
    from edgecnn.runtime import describe

    info = describe(path)
    labels, offset, source = _metadata_labels(_tflite_metadata(path)) if suffix == ".tflite" else _onnx_labels(info.metadata)
    outputs = info.outputs[0].shape[-1] if info.outputs and info.outputs[0].shape else None
    return (labels, offset, source) if outputs in (None, len(labels) + offset) else ((), 0, "")


def _tflite_metadata(path: Path) -> Metadata | None:
    from edgecnn.runtime import tflite_file

    content = path.read_bytes()
    return decode_metadata(content, tflite_file.metadata(content, path), str(path))


def _tflite_facts(runner: Runner) -> FileFacts:
    from edgecnn.runtime import tflite_file
    from edgecnn.sources.graph_preprocessing_tflite import from_tflite

    notes = _tflite_metadata(runner.path)
    image = notes.inputs[0] if notes and notes.inputs else None
    has_values = bool(image and image.mean and len(image.mean) == len(image.std))
    tensor = runner.input
    return FileFacts(
        mean=tuple(image.mean) if has_values else (),
        std=tuple(image.std) if has_values else (),
        scale=tensor.scale,
        zero_point=tensor.zero_point,
        dtype=tensor.dtype,
        graph=from_tflite(tflite_file.chosen_content(runner.path)),
    )


def _metadata_labels(notes: Metadata | None) -> tuple[tuple[str, ...], int, str]:
    if notes is None or not notes.outputs or not notes.outputs[0].labels:
        return (), 0, ""
    file = notes.outputs[0].labels[0]
    return (*_without_background(file.names), f"{file.name} in the file's metadata")


def _onnx_facts(runner: Runner) -> FileFacts:
    import onnx

    from edgecnn.sources.graph_preprocessing_onnx import from_onnx

    model = onnx.load(runner.path, load_external_data=False)
    scale, zero_point = _dequantized_input(model, runner.input.name)
    return FileFacts(
        scale=scale,
        zero_point=zero_point,
        dtype=runner.input.dtype,
        graph=from_onnx(model),
    )


def _dequantized_input(model: Any, name: str) -> tuple[float | None, int | None]:
    """Scale and zero point of the DequantizeLinear that reads the input; None where there is none."""
    from onnx import numpy_helper

    node = next((node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] == name), None)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    if node is None or node.input[1] not in constants:
        return None, None
    scale = numpy_helper.to_array(constants[node.input[1]])
    zero = numpy_helper.to_array(constants[node.input[2]]) if len(node.input) > 2 and node.input[2] in constants else None
    return float(scale.reshape(-1)[0]), 0 if zero is None else int(zero.reshape(-1)[0])


def _onnx_labels(entries: Mapping[str, bytes]) -> tuple[tuple[str, ...], int, str]:
    for key in NAME_KEYS:
        names = _parse_names(entries.get(key, b""))
        if names:
            return (*_without_background(names), f"'{key}' in the file's metadata")
    return (), 0, ""


def _parse_names(raw: bytes) -> tuple[str, ...]:
    """Names out of a JSON or Python literal list or {index: name}, or out of lines; () for anything else. Nothing is run."""
    text = raw[:_MOST_TEXT].decode("utf-8", "replace").strip()
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, Mapping):
            keys = {str(key): name for key, name in value.items()}
            value = [keys[str(i)] for i in range(len(keys))] if all(str(i) in keys for i in range(len(keys))) else None
        if isinstance(value, list | tuple) and len(value) > 1 and all(isinstance(name, str) for name in value):
            return tuple(value)
    lines = text.splitlines()
    return tuple(lines) if len(lines) > 1 and all(line.strip() for line in lines) else ()


def _without_background(names: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The names behind a leading background class, and how many outputs that takes."""
    offset = 1 if len(names) > 2 and names[0].strip().lower() in BACKGROUND_NAMES else 0
    return tuple(names[offset:]), offset


def _keras_facts(runner: Runner) -> FileFacts:
    import keras

    from edgecnn.sources.graph_preprocessing_keras import from_keras, hint_keras_application

    model = runner.model  # type: ignore[attr-defined]
    if not isinstance(model, keras.Model):
        return FileFacts(dtype=runner.input.dtype)
    return FileFacts(dtype=runner.input.dtype, graph=from_keras(model), hint=hint_keras_application(model) or "")
