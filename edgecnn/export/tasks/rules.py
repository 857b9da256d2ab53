"""What MediaPipe Tasks and ML Kit ask of an image classifier, one short function a subject.

Source: https://github.com/google-ai-edge/mediapipe/tree/master/mediapipe/tasks/cc, image_tensor_specs.cc, image_preprocessing_graph.cc and
classification_postprocessing_graph.cc; https://developers.google.com/ml-kit/custom-models for ML Kit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgecnn.card import EMBEDDED, Card, loads
from edgecnn.export import metadata
from edgecnn.export.metadata import Metadata, TensorNotes
from edgecnn.export.tasks import LIBRARIES, Finding
from edgecnn.formats.tflite.metadata import archive
from edgecnn.runtime import tflite_file
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.scores import ScoreKind
from edgecnn.runtime.tensor_shapes import CHANNELS
from edgecnn.runtime.tflite_schema import operator_name, text

# Types that the libraries feed and read.
INPUTS, OUTPUTS = ("uint8", "float32"), ("uint8", "float32", "bool")

REPAIR = "edgecnn check FILE --for {library} --repair"


@dataclass(frozen=True)
class _File:
    """A file taken apart.

    Attributes:
        model: objects of the schema.
        inputs, outputs: its ends.
        told: its metadata.
        card: ours, if it is ours.
        library: that is asked about.
    """

    model: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    told: Metadata | None
    card: Card | None
    library: str

    @property
    def repair(self) -> str:
        """The command that mends."""
        return REPAIR.format(library=self.library)


def findings(content: bytes, library: str, origin: str | os.PathLike[str]) -> list[Finding]:
    """What keeps a file out of a library, and notes; `origin` names it in errors.

    Raises:
        BadFile: not a .tflite, or its metadata is damaged.
    """
    plain, _ = archive.split(content)
    model, entries = tflite_file.read(plain, origin), tflite_file.metadata(plain, origin)
    graph = model.subgraphs[0]
    inputs, outputs = ([tflite_file.tensor(graph.tensors[i]) for i in ends] for ends in (graph.inputs, graph.outputs))
    card = loads(entries[EMBEDDED], origin) if EMBEDDED in entries else None
    file = _File(model, inputs, outputs, metadata.read(content, origin), card, library)
    if not inputs or not outputs:
        return list(_graph(file))
    return [found for rule in (_graph, _input, _normalization, _bytes, _output, _scores, _outputs_told, _labels, _calibration) for found in rule(file)]


def _graph(file: _File) -> Iterator[Finding]:
    name = LIBRARIES[file.library]
    if len(file.model.subgraphs) != 1:
        yield Finding(f"it has {len(file.model.subgraphs)} graphs, expected 1", "export a network without control flow")
    for what, ends in (("inputs", file.inputs), ("outputs", file.outputs)):
        if len(ends) != 1:
            yield Finding(
                f"it has {len(ends)} {what}, expected 1", f"export a network with one picture in and one row of scores out: {name} classifies with no other"
            )
    custom = sorted({text(code.customCode) for code in file.model.operatorCodes if code.customCode})
    if custom:
        yield Finding(f"it has operators that {name} does not know: {', '.join(custom)}", "convert it with built-in operators only (no Flex, no custom ones)")


def _input(file: _File) -> Iterator[Finding]:
    tensor = file.inputs[0]
    if tensor.dtype not in INPUTS:
        remedy = file.repair if tensor.dtype == "int8" else "export it with --io uint8, or in a float format"
        yield Finding(f"input {tensor.name} is {tensor.dtype}, expected uint8 or float32", remedy)
    if len(tensor.shape) != 4:
        yield Finding(
            f"input {tensor.name} has {len(tensor.shape)} dimensions, expected 4: batch, height, width, channels", "export it with pictures as its input"
        )
        return
    raw = file.model.subgraphs[0].tensors[file.model.subgraphs[0].inputs[0]]
    batch, depth = int(raw.shape[0]), int(raw.shape[-1])
    if batch != 1:
        yield Finding(f"its batch is {batch}, expected 1", file.repair)
    elif tensor.shape[0] is None:
        yield Finding("its batch is open; the libraries run it as 1", file.repair, refused=False)
    if None in tensor.shape[1:3]:
        yield Finding("height and width of its input are open, and it would be run on 1x1 pixels", "export it with a size of picture")
    if int(raw.shape[1]) in CHANNELS and depth not in CHANNELS:
        yield Finding(
            f"its input is {list(map(int, raw.shape))}, channels first; expected batch, height, width, channels",
            "put Permute((3, 1, 2)) behind an input of [height, width, channels], and export that",
        )
    elif depth != 3:
        yield Finding(
            f"its pictures have {depth} channels, expected 3 (red, green, blue)",
            "train it on colour pictures, or repeat the grey channel inside of the network",
        )


def _normalization(file: _File) -> Iterator[Finding]:
    if file.card is not None and file.card.preprocessing.order == "bgr":
        yield Finding(
            "its card says that channels come as blue, green, red; the libraries feed red, green, blue", "turn the first kernel's input channels round"
        )
    if file.told is None or not file.told.inputs:
        if file.inputs[0].dtype == "float32":
            yield Finding("it has no metadata, and a float32 input needs NormalizationOptions", file.repair if file.card else f"{file.repair} --mean M --std S")
        else:
            yield Finding("it has no metadata, so that apps get numbers and no names of classes", f"{file.repair} --labels FILE", refused=False)
        return
    notes = file.told.inputs[0]
    if notes.content and notes.content != "image":
        yield Finding(f"its metadata calls the input {notes.content}, expected image", file.repair)
    elif notes.content and notes.color != "rgb":
        yield Finding(f"its metadata calls the pictures {notes.color or 'of an unknown colour space'}, expected rgb", file.repair)
    yield from _mean_and_std(file, notes)


def _mean_and_std(file: _File, notes: TensorNotes) -> Iterator[Finding]:
    mean, std, real = notes.mean, notes.std, file.inputs[0].dtype == "float32"
    if not mean and real:
        yield Finding("its metadata has no NormalizationOptions, which a float32 input needs", file.repair if file.card else f"{file.repair} --mean M --std S")
    elif len(mean) != len(std) or len(mean) not in (0, 1, 3):
        yield Finding(f"its NormalizationOptions have {len(mean)} means and {len(std)} deviations, expected 1 or 3 of both", file.repair)
    elif real and (len(set(mean)) > 1 or len(set(std)) > 1):
        if file.library == "mediapipe":
            yield Finding(
                "mean and deviation differ from channel to channel, which MediaPipe Tasks does not do", "export it in int8, or with one mean and one deviation"
            )
    elif real and 0 in std:
        yield Finding("its NormalizationOptions have a deviation of 0", file.repair)


def _bytes(file: _File) -> Iterator[Finding]:
    """Libraries put a picture's bytes into a uint8 input as they are."""
    tensor = file.inputs[0]
    if tensor.dtype != "uint8" or tensor.scale is None:
        return
    if file.card is not None:
        mean, std = file.card.preprocessing.mean, file.card.preprocessing.std
    elif file.told and file.told.inputs and file.told.inputs[0].mean:
        mean, std = file.told.inputs[0].mean, file.told.inputs[0].std
    else:
        return
    off = max(abs((byte - m) / s / tensor.scale + tensor.zero_point - byte) for m, s in zip(mean, std, strict=False) for byte in (0, 255))
    if off > 1:
        yield Finding(f"a byte of a picture is not its own quantized input (up to {off:.0f} steps off)", "train or import it with one mean and one deviation")
    elif off > 0.01:
        yield Finding(f"a byte of a picture is up to {off:.2f} of a step off as quantized input", "nothing, where accuracy is as it should be", refused=False)


def _output(file: _File) -> Iterator[Finding]:
    tensor = file.outputs[0]
    if tensor.dtype not in OUTPUTS:
        yield Finding(
            f"output {tensor.name} is {tensor.dtype}, expected uint8 or float32", file.repair if tensor.dtype == "int8" else "export it with --io uint8"
        )
    raw = file.model.subgraphs[0].tensors[file.model.subgraphs[0].outputs[0]]
    shape = [int(side) for side in (raw.shape if raw.shape is not None else ())]
    if len(shape) not in (2, 4) or any(side != 1 for side in shape[:-1]):
        batch = len(shape) in (2, 4) and any(side != 1 for side in shape[:1]) and all(side == 1 for side in shape[1:-1])
        remedy = file.repair if batch else "export it with one row of scores"
        yield Finding(f"output {tensor.name} is {'x'.join(map(str, shape)) or 'a number'}, expected 1xN", remedy)


def _scores(file: _File) -> Iterator[Finding]:
    """Scores that are neither a softmax's nor a sigmoid's are handed on as they are, and thresholds of apps mean nothing to them."""
    graph = file.model.subgraphs[0]
    kinds = [operator_name(file.model.operatorCodes[op.opcodeIndex]) for op in graph.operators]
    changing = [kind for kind in kinds if kind not in ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE")]
    declared = file.card.score_kind if file.card else ""
    if changing and changing[-1] not in ("SOFTMAX", "LOGISTIC") and (not declared or ScoreKind(declared).are_logits):
        yield Finding("its scores are logits, which apps get as they are", f"{file.repair} --append-softmax makes probabilities of them", refused=False)


def _outputs_told(file: _File) -> Iterator[Finding]:
    if file.told is None:
        return
    for what, told, ends in (("inputs", file.told.inputs, file.inputs), ("outputs", file.told.outputs, file.outputs)):
        # Nothing of the outputs is no fault, and nothing of the inputs is one where there is something else.
        if len(told) != len(ends) and (told or (what == "inputs" and file.told.outputs)):
            yield Finding(f"its metadata tells of {len(told)} {what}, and it has {len(ends)}", file.repair)


def _labels(file: _File) -> Iterator[Finding]:
    if file.told is None or not file.told.outputs or not file.outputs[0].shape:
        return
    labels, count = file.told.outputs[0].labels, file.outputs[0].shape[-1]
    if not labels:
        yield Finding("it has no label file, so that apps get numbers and no names of classes", f"{file.repair} --labels FILE", refused=False)
    for one in labels:
        if len(one.names) != count:
            yield Finding(f"{one.name} has {len(one.names)} names for {count} outputs", f"{file.repair} --labels FILE")


def _calibration(file: _File) -> Iterator[Finding]:
    if file.told is None or not file.told.outputs or not file.outputs[0].shape:
        return
    found, count = file.told.outputs[0].calibration, file.outputs[0].shape[-1]
    if found is not None and len(found.parameters) != count:
        yield Finding(f"{found.file} has {len(found.parameters)} lines for {count} outputs", "write it again: edgecnn validate FILE --write-calibration")
