"""Run exported files in LiteRT and ONNX Runtime alone, fed as their card and their metadata say; nothing of edgecnn is imported here.

    python -m own_model_study.evaluation REQUEST.json OUT.json

REQUEST.json: {"images": [paths], "files": [paths]}. OUT.json: file -> {"scores": [[...]], "labels": [...], "preprocessing": {...}, "evidence": "...",
"notes": [...]}, or {"error": "..."} where the file cannot be fed by what it says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from PIL import Image, ImageOps

CARD = "edgecnn.card"

FILTERS = {
    "pillow-bilinear": Image.Resampling.BILINEAR, "pillow-bicubic": Image.Resampling.BICUBIC, "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-box": Image.Resampling.BOX, "pillow-nearest": Image.Resampling.NEAREST,
}  # fmt: skip

INTEGERS = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}


@dataclass(frozen=True)
class OpenFile:
    """A file that is ready to be run.

    Attributes:
        run: stored input [1, ...] -> real scores [outputs].
        shape, dtype: of the input.
        scale, zero_point: of an integer input, else 0.
        card: the JSON inside, or {}.
        normalization: mean and std of TFLite's NormalizationOptions, or None.
    """

    run: Callable[[np.ndarray], np.ndarray]
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    card: Mapping[str, Any]
    normalization: tuple[list[float], list[float]] | None


def main() -> int:
    """Answer a request; a file that fails never stops the others."""
    request = json.loads(Path(sys.argv[1]).read_text())
    answers = {}
    for path in request["files"]:
        try:
            answers[path] = answer(Path(path), [Path(image) for image in request["images"]])
        except Exception as error:  # the study goes on, and its table names the reason
            answers[path] = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    Path(sys.argv[2]).write_text(json.dumps(answers))
    return 0


def answer(path: Path, images: list[Path]) -> dict[str, Any]:
    """Scores of one file on the images, and how it was fed."""
    file = open_tflite(path) if path.suffix == ".tflite" else open_onnx(path)
    if not file.card:
        raise ValueError("no card inside: the file does not say how it is to be fed")
    rule = file.card["preprocessing"]
    scores = [file.run(encode(decode(image, rule), rule, file)) for image in images]
    evidence = file.card.get("input_evidence", "")
    return {
        "scores": np.stack(scores).tolist(), "labels": file.card.get("labels", []), "offset": file.card.get("label_offset", 0),
        "preprocessing": rule, "evidence": evidence, "kind": file.card.get("score_kind", ""), "notes": notes(rule, file),
    }  # fmt: skip


def decode(path: Path, rule: Mapping[str, Any]) -> np.ndarray:
    """An image as uint8 RGB [height, width, 3] by the card's resize.

    Raises:
        ValueError: a rule that is not known here.
    """
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    size, mode, name = (rule["width"], rule["height"]), rule.get("resize", "stretch"), rule.get("resize_filter", "pillow-bilinear")
    if mode == "crop" and name in FILTERS and rule.get("crop_fraction", 1) == 1:
        return np.asarray(ImageOps.fit(image, size, FILTERS[name]))
    if mode != "stretch":
        raise ValueError(f"resize {mode} with {name}: not known to this evaluator")
    if name in FILTERS:
        return np.asarray(image.resize(size, FILTERS[name]))
    if name == "tf-bilinear":
        return np.rint(tf_bilinear(np.asarray(image), *size[::-1])).astype(np.uint8)
    raise ValueError(f"resize filter {name}: not known to this evaluator")


def tf_bilinear(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """`tf.image.resize` without antialias: pixel centers at halves, the two neighbours each way, edges repeated. float32 [height, width, C]."""
    result = image.astype(np.float32)
    for axis, count in ((0, height), (1, width)):
        length = result.shape[axis]
        places = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * np.float32(length / count) - np.float32(0.5)
        first = np.floor(places).astype(int)
        weight = np.moveaxis((places - first).astype(np.float32).reshape(-1, 1, 1), 0, axis)
        low, high = (np.take(result, np.clip(index, 0, length - 1), axis) for index in (first, first + 1))
        result = low + (high - low) * weight
    return result


def encode(pixels: np.ndarray, rule: Mapping[str, Any], file: OpenFile) -> np.ndarray:
    """Pixels as the input stores them, [1, ...]: (pixel - mean) / std in the card's channel order; an integer input quantizes that by its scale."""
    x = ordered(pixels, rule["order"]).astype(np.float32)
    x = (x - np.array(rule["mean"], np.float32)) / np.array(rule["std"], np.float32)
    if file.dtype in INTEGERS and file.scale:
        x = np.clip(np.rint(x / np.float32(file.scale)) + file.zero_point, *INTEGERS[file.dtype])
    elif file.dtype in INTEGERS:
        x = np.clip(np.rint(x), *INTEGERS[file.dtype])
    if len(file.shape) == 3:
        return x[None, ..., 0].astype(file.dtype)
    first = file.shape[1] == x.shape[-1] and file.shape[3] != x.shape[-1]
    return (np.moveaxis(x, -1, 0) if first else x)[None].astype(file.dtype)


def ordered(pixels: np.ndarray, order: str) -> np.ndarray:
    """RGB pixels as the network's channels: rgb, bgr, grey (Pillow's luma) or rgba with an opaque fourth."""
    if order in ("grey", "gray"):
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    if order == "rgba":
        return np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], -1)
    return pixels[..., ::-1] if order == "bgr" else pixels


def notes(rule: Mapping[str, Any], file: OpenFile) -> list[str]:
    """What an app has to know beside the card: whether the byte is the input, and where the metadata say something else than the card."""
    found, count = [], len(rule["mean"])
    if file.dtype in ("uint8", "int8"):
        levels = np.arange(256, dtype=np.float32)[:, None]
        real = (levels - np.array(rule["mean"], np.float32)) / np.array(rule["std"], np.float32)
        stored = np.clip(np.rint(real / file.scale) + file.zero_point, *INTEGERS[file.dtype]) if file.scale else real
        away = np.abs(stored - (levels if file.dtype == "uint8" else levels - 128)).max()
        found.append("the byte is the input" if away == 0 else f"the byte is not the input: up to {away:.0f} of 255 away")
    if file.normalization:
        mean, std = (np.broadcast_to(values, count) if len(values) in (1, count) else np.array(values) for values in file.normalization)
        if not (np.allclose(mean, rule["mean"], atol=1e-3) and np.allclose(std, rule["std"], rtol=1e-4)):
            found.append(f"NormalizationOptions {file.normalization} are not the card's")
    return found


def open_tflite(path: Path) -> OpenFile:
    """A .tflite in LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    content = path.read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=2)
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(stored: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], np.repeat(stored, given["shape"][0], 0))
        interpreter.invoke()
        scores = interpreter.get_tensor(result["index"])[0].astype(np.float32).ravel()
        scale, zero_point = result["quantization"]
        return (scores - zero_point) * np.float32(scale) if scale else scores

    entries = tflite_entries(content)
    card = json.loads(entries[CARD]) if CARD in entries else {}
    options = normalization(entries["TFLITE_METADATA"]) if "TFLITE_METADATA" in entries else None
    dtype = np.dtype(given["dtype"]).name
    return OpenFile(run, tuple(int(side) for side in given["shape"]), dtype, *given["quantization"], card, options)


def open_onnx(path: Path) -> OpenFile:
    """An .onnx in an inference session; the scale of an integer input is that of the DequantizeLinear behind it."""
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given, model = session.get_inputs()[0], onnx.load(path)
    card = {prop.key: prop.value for prop in model.metadata_props}.get(CARD, "{}")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    readers = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] == given.name]
    scale = float(constants[readers[0].input[1]]) if readers else 0.0
    zero_point = int(constants[readers[0].input[2]]) if readers and len(readers[0].input) > 2 else 0
    batch = given.shape[0] if isinstance(given.shape[0], int) else 1
    dtype = {"tensor(float)": "float32"}.get(given.type, given.type[len("tensor(") : -1])

    def run(stored: np.ndarray) -> np.ndarray:
        return session.run(None, {given.name: np.repeat(stored, batch, 0)})[0][0].astype(np.float32).ravel()

    return OpenFile(run, tuple(side if isinstance(side, int) else 0 for side in given.shape), dtype, scale, zero_point, json.loads(card), None)


def tflite_entries(content: bytes) -> dict[str, bytes]:
    """The metadata entries of a .tflite, name -> bytes."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(content, 0)
    entries = [model.Metadata(i) for i in range(model.MetadataLength())]
    return {entry.Name().decode(): model.Buffers(entry.Buffer()).DataAsNumpy().tobytes() for entry in entries}


def normalization(content: bytes) -> tuple[list[float], list[float]] | None:
    """Mean and std of the first input in TFLite metadata.

    Slots of https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs: ModelMetadata.subgraph_metadata
    3, SubGraphMetadata.input_tensor_metadata 2, TensorMetadata.process_units 4, ProcessUnit.options_type 0 (1 is NormalizationOptions) and options 1.
    """
    root = flatbuffers.table.Table(content, flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0))
    tensor = _child(_child(root, 3), 2)
    for i in range(_length(tensor, 4)):
        unit = _child(tensor, 4, i)
        kind = unit.Offset(4)
        if kind and unit.Get(flatbuffers.number_types.Uint8Flags, unit.Pos + kind) == 1:
            options = flatbuffers.table.Table(content, unit.Indirect(unit.Pos + unit.Offset(6)))
            return _floats(options, 0), _floats(options, 1)
    return None


def _child(table: flatbuffers.table.Table, slot: int, index: int = 0) -> flatbuffers.table.Table:
    """An element of the vector of tables in a slot."""
    return flatbuffers.table.Table(table.Bytes, table.Indirect(table.Vector(table.Offset(4 + 2 * slot)) + 4 * index))


def _length(table: flatbuffers.table.Table, slot: int) -> int:
    place = table.Offset(4 + 2 * slot)
    return table.VectorLen(place) if place else 0


def _floats(table: flatbuffers.table.Table, slot: int) -> list[float]:
    place, flags = table.Offset(4 + 2 * slot), flatbuffers.number_types.Float32Flags
    return [float(table.Get(flags, table.Vector(place) + 4 * i)) for i in range(_length(table, slot))]


if __name__ == "__main__":
    sys.exit(main())
