"""Tell what an architecture, a trained model or an exported file is made of, without running it."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.cli import architecture_info, metadata_info
from edgecnn.cli.text import bytes_of, columns, command, counted, percent
from edgecnn.errors import BadFile, UnknownName
from edgecnn.formats import pickles

if TYPE_CHECKING:
    from edgecnn.runtime.contract import Tensor
    from edgecnn.runtime.file_info import FileInfo, Operator

LARGEST = 10  # layers of a file that are shown when nothing else is asked for

# suffix -> the module that has describe(path)
READERS = {
    ".tflite": "edgecnn.runtime.tflite_file",
    ".onnx": "edgecnn.runtime.onnx_file",
    ".ort": "edgecnn.runtime.ort_file",
    ".keras": "edgecnn.cli.keras_info",
    ".h5": "edgecnn.cli.keras_info",
    ".hdf5": "edgecnn.cli.keras_info",
}


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn info`."""
    parser.add_argument("what", metavar="ARCH|MODEL|FILE", help="an architecture, the name of a model under models/, or a .keras, .tflite, .onnx or .ort file")
    parser.add_argument(
        "--layers", type=_count, metavar="N|all", help=f"the N largest layers, or all (default: an architecture's blocks, {LARGEST} layers of a file)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    architecture_info.add(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is known."""
    if architecture_info.known(args.what):
        return architecture_info.run(args)
    architecture_info.refuse_options(args)
    found = _describe(args.what)
    count = len(found.operators) if args.layers == "all" else LARGEST if args.layers is None else args.layers
    print(json.dumps(_plain(found), indent=1) if args.json else _file(found, count))
    return 0


def _count(text: str) -> int | str:
    """`12` or `all`."""
    if text == "all":
        return text
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}': expected a number or all")
    return int(text)


def _describe(what: str) -> FileInfo:
    path = Path(what)
    if not path.suffix and not path.exists():
        try:
            path = zoo.find(what)
        except UnknownName:
            architecture_info.refuse_name(what)
    pickles.refuse(path)
    reader = READERS[".keras"] if zoo.is_keras(path) else READERS.get(path.suffix.lower())
    if reader is None:
        raise BadFile(f"{path}: expected an architecture, a model under {zoo.FOLDER}/, or a file that ends in {', '.join(READERS)}")
    return importlib.import_module(reader).describe(path)


def _file(found: FileInfo, layers: int) -> str:
    facts = [
        ("file", f"{found.format}, {bytes_of(found.bytes)}"),
        ("parameters", f"{found.parameters:,}; weights stored as {_stored(found)}"),
        *((("stored sparse", _sparse(found)),) if found.sparse_kernels else ()),
        ("MACs", f"{found.macs:,} for one picture"),
        *(("input", _tensor(t)) for t in found.inputs),
        *(("output", _tensor(t)) for t in found.outputs),
    ]
    if found.requires:
        facts.append(("requires", found.requires))
    facts += _card(found.card) if found.card else [("card", "none; not made by edgecnn, or its card was lost")]
    if found.card:
        facts += [("bytes as input", text) for text in _mapping(found.inputs, found.card.preprocessing)]
    if found.format == "TFLite":
        facts += metadata_info.facts(metadata_info.read(found.path))
    return f"{found.path}\n{columns(facts)}\n\n{_layers(found.operators, layers)}\n\nNext: {_next(found)}"


def _stored(found: FileInfo) -> str:
    return ", ".join(f"{kind} {bytes_of(size)}" for kind, size in sorted(found.weight_bytes.items(), key=lambda item: -item[1])) or "none"


def _tensor(t: Tensor) -> str:
    shape = "x".join("?" if side is None else str(side) for side in t.shape)
    return f"{t.name} {t.dtype} {shape}" + (f", real = {t.scale:.8g} * (stored - {t.zero_point})" if t.scale is not None else "")


def _card(card: Card) -> list[tuple[str, str]]:
    p, data = card.preprocessing, card.data
    says = "its original's" if card.scheme else "as its card says"
    facts = [
        ("architecture", " ".join([card.architecture or "imported", *(f"{key}={value}" for key, value in card.arguments.items())])),
        ("scheme", card.scheme),
        ("preprocessing", f"{p.order}, {p.resize_rule} to {p.width}x{p.height}, (pixel - {_values(p.mean)}) / {_values(p.std)}"),
        ("labels", f"{len(card.labels)}: {', '.join(card.labels[:12])}{', ...' if len(card.labels) > 12 else ''}" if card.labels else ""),
        ("trained on", f"{data.name} ({', '.join(f'{name} {count:,}' for name, count in data.counts.items())})" if data else ""),
        *((f"accuracy {name}", f"{percent(a['top1'])} of {a['total']:.0f} pictures, {says}") for name, a in card.accuracy.items()),
        ("calibration", ", ".join(f"{key} {str(value)[:12]}" for key, value in card.calibration.items())),
    ]
    return [(name, text) for name, text in facts if text]


def _values(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "(" + ", ".join(f"{v:g}" for v in values) + ")"


def _mapping(inputs: Sequence[Tensor], p: Preprocessing) -> list[str]:
    """How a camera's byte becomes the stored input of an integer file."""
    return [_byte_mapping(t, p) for t in inputs if t.scale is not None]


def _byte_mapping(t: Tensor, p: Preprocessing) -> str:
    """`off` is the largest rounding error over the 256 bytes and the channels, in steps of the input."""
    stored = [((byte - m) / s / t.scale + t.zero_point, byte) for m, s in zip(p.mean, p.std, strict=True) for byte in range(256)]
    off = max(abs(value - round(value)) for value, _ in stored)
    if off > 0.01:
        return f"rounded to the nearest of the input's steps, up to {off:.2f} of a step off"
    if all(round(value) == byte for value, byte in stored):
        return "each byte is its own quantized input"
    if t.dtype == "int8" and all(round(value) == byte - 128 for value, byte in stored):
        return "each byte minus 128 is its quantized input"
    return "each byte has an exact quantized input"


def _layers(operators: Sequence[Operator], count: int) -> str:
    largest = sorted((op for op in operators if op.parameters), key=lambda op: -op.bytes)
    total = sum(op.bytes for op in largest) or 1
    rows = [(_short(op.name), op.kind, f"{op.parameters:,}", bytes_of(op.bytes), percent(op.bytes / total), counted(op.macs)) for op in largest[:count]]
    head = (f"largest of {len(operators)}", "kind", "parameters", "weights", "share", "MACs")
    return columns([head, *rows], right=(2, 3, 4)) if rows else "no layers with weights"


def _sparse(found: FileInfo) -> str:
    return f"{found.sparse_kernels} kernels, {bytes_of(found.sparse_bytes)} instead of {bytes_of(found.dense_bytes)}; spread out when the file is loaded"


def _short(name: str, limit: int = 28) -> str:
    """The end of a long name, which is what tells tensors apart."""
    return name if len(name) <= limit else "..." + name[3 - limit :]


def _next(found: FileInfo) -> str:
    """What can be done with the file as it is: without a card, images must be named."""
    suffix, data = found.path.suffix.lower(), [] if found.card and found.card.data else ["--data", "FOLDER"]
    if suffix == ".ort":
        return command("predict", found.path, "PICTURE")
    return command("export", found.path, "--int8", *data) if zoo.is_keras(found.path) else command("validate", found.path, *data)


def _plain(found: FileInfo) -> dict[str, object]:
    """The description as JSON can hold it; of other metadata entries the sizes."""
    mapping = _mapping(found.inputs, found.card.preprocessing) if found.card else []
    sums = {"parameters": found.parameters, "macs": found.macs, "bytes_as_input": mapping}
    sizes, told = {key: len(value) for key, value in found.metadata.items()}, metadata_info.plain(metadata_info.read(found.path))
    return {**asdict(found), "path": str(found.path), "metadata": sizes, "tflite_metadata": told, **sums}
