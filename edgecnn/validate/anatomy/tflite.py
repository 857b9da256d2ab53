"""The bytes of a .tflite by what they are for."""

from __future__ import annotations

import io
import json
import zipfile
from collections import defaultdict
from typing import Any

import numpy as np

from edgecnn.card import EMBEDDED
from edgecnn.export import flatbuffer, sparse
from edgecnn.runtime import tflite_file
from edgecnn.runtime.tflite_schema import text
from edgecnn.validate.anatomy.flatbuffer_map import Span, spans
from edgecnn.validate.anatomy.pieces import WORTH, Piece, float_weights, repeated
from edgecnn.validate.layers import tflite_values
from edgecnn.validate.layers.net import WEIGHTED
from edgecnn.validate.layers.tflite import kind_of

# Zeros among all weights from which it is worth trying to store them sparse.
WORTH_TRYING = 0.3


def pieces(content: bytes, origin: str) -> list[Piece]:
    """Every byte of the file exactly once; BadFile when it is damaged."""
    tflite_file.read(content, origin)
    model = flatbuffer.read(content)
    purposes, readers = _purposes(model)
    found, at = [], 0
    outside = [Span(b.offset, b.offset + b.size, "Buffer", 4, (i,)) for i, b in enumerate(model.buffers) if b.offset and b.offset > 1]
    for span in sorted([*spans(content), *outside], key=lambda span: span.start):
        start, end = max(span.start, at), min(span.end, len(content))
        if start > at:
            found.append(_gap(content, at, start))
        if end > start:
            found.append(Piece(*_what(span, purposes, readers), content[start:end], span.start == start))
            at = end
    if at < len(content):
        found.append(_gap(content, at, len(content)))
    return found


def savings(content: bytes, pieces_found: list[Piece]) -> list[str]:
    """What would make the file smaller, in words, most first."""
    model = flatbuffer.read(content)
    kernels = [(t, int(np.prod(t.shape))) for t in _kernels(model)]
    floats = sum(4 * count for tensor, count in kernels if tensor.type == 0)
    halves = sum(2 * count for tensor, count in kernels if tensor.type == 1)
    channels = sum(int(t.shape[0] if t.shape[0] > 1 else t.shape[-1]) for t, _ in kernels if t.type < 2 and len(t.shape))
    found = [*float_weights(floats, halves, channels), *repeated(pieces_found), *_labels(content)]
    values = [np.asarray(model.buffers[t.buffer].data).view(_TYPES[t.type]) for t, _ in kernels if t.type in _TYPES and t.sparsity is None]
    zeros, total = sum(int((v == 0).sum()) for v in values), sum(v.size for v in values)
    if total and zeros / total >= WORTH_TRYING and (saved := len(content) - len(sparse.sparse(content))) > 0:
        found.append((saved, f"sparse storage would save {saved:,} bytes: {100 * zeros / total:.0f} % of the weights are zero"))
    return [text for _, text in sorted(found, reverse=True)]


_TYPES = {0: np.float32, 1: np.float16, 9: np.int8}


def _labels(content: bytes) -> list[tuple[int, str]]:
    """Labels that are in the card and once more in a label file behind the network: (bytes, in words)."""
    card = json.loads(tflite_file.metadata(content).get(EMBEDDED, b"{}"))
    labels = card.get("labels") or ()
    size = sum(len(str(label).encode()) + 3 for label in labels)
    if size < WORTH or not zipfile.is_zipfile(io.BytesIO(content)):
        return []
    return [(size, f"the labels are in it twice, in the card and in a label file: {size:,} bytes")]


def _gap(content: bytes, start: int, end: int) -> Piece:
    """Bytes that no table leads to: zeros between vectors are padding; what lies behind the flatbuffer is a .zip of labels, or unknown."""
    data = content[start:end]
    if not any(data):
        return Piece("padding", "", data)
    return Piece("metadata" if b"PK\x03\x04" in data else "graph", "", data)


def _what(span: Span, purposes: dict[int, tuple[str, str]], readers: dict[int, str]) -> tuple[str, str]:
    """(kind, layer) of a span."""
    if span.table == "Buffer" and span.place:
        return purposes.get(span.trail[0], ("unused", ""))
    if span.table in ("QuantizationParameters", "Details"):
        return "quantization tables", readers.get(span.trail[1], "") if span.trail[0] == 0 else ""
    if span.table in ("SparsityParameters", "DimensionMetadata", "Indices"):
        return "sparse places", readers.get(span.trail[1], "") if span.trail[0] == 0 else ""
    if span.table == "Metadata" or (span.table == "Model" and span.place == 10):
        return "metadata", ""
    return "graph", ""


def _purposes(model: Any) -> tuple[dict[int, tuple[str, str]], dict[int, str]]:
    """Buffer -> (kind, layer), and tensor -> layer: a constant belongs to the operator that reads it, an activation to the one that gives it."""
    found: dict[int, tuple[str, str]] = {entry.buffer: ("metadata", "") for entry in model.metadata or ()}
    for graph in model.subgraphs[1:]:
        found.update({t.buffer: ("constants", "") for t in graph.tensors if tflite_values.is_constant(model, t)})
    graph, readers, sources = model.subgraphs[0], {}, defaultdict(list)
    for op in graph.operators:
        if kind_of(model, op) in ("DEQUANTIZE", "DENSIFY"):
            sources[int(op.outputs[0])] = [int(op.inputs[0]), *sources[int(op.inputs[0])]]
    for op in graph.operators:
        # An operator that prepares a variable has no result.
        results = [int(i) for i in op.outputs[:1]]
        kind, layer = kind_of(model, op), "".join(text(graph.tensors[i].name) for i in results)
        readers.update(dict.fromkeys(results, layer))
        for place, index in enumerate(map(int, op.inputs)):
            for source in (index, *sources.get(index, ())) if index >= 0 else ():
                tensor = graph.tensors[source]
                if tflite_values.is_constant(model, tensor):
                    # What expands a constant is read before what computes with it.
                    readers[source] = layer
                    found[tensor.buffer] = _purpose(model, kind, place, tensor), layer
    return found, readers


def _purpose(model: Any, kind: str, place: int, tensor: Any) -> str:
    if kind in WEIGHTED:
        return "biases" if place == 2 else "weights"
    return "weights" if tflite_values.is_number(model, tensor) else "constants"


def _kernels(model: Any) -> list[Any]:
    """Constants that are weights, each buffer once."""
    purposes, _ = _purposes(model)
    return list({t.buffer: t for t in model.subgraphs[0].tensors if purposes.get(t.buffer, ("",))[0] == "weights"}.values())
