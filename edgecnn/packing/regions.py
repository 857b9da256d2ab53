"""Where the numbers of a file lie: weights, indices of sparse kernels, scales. Only the packer asks; what it found is written into the packed file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Fewer bytes are not worth a table of their own.
LEAST = 64


@dataclass(frozen=True)
class Region:
    """Numbers of one kind.

    Attributes:
        start, size: in bytes, from the beginning of the file.
        width: bytes of a number: 1, 2, 4 or 8.
    """

    start: int
    size: int
    width: int


def find(path: Path, content: bytes) -> list[Region]:
    """Regions of a .tflite or .onnx file in their order, without overlap; none of any other file.

    Raises:
        BadFile: the file is damaged.
    """
    finder = {".tflite": _tflite, ".onnx": _onnx}.get(path.suffix.lower())
    found: list[Region] = []
    for region in sorted(set(finder(path, content)) if finder else (), key=lambda region: (region.start, -region.size)):
        if region.size >= LEAST and region.size % region.width == 0 and (not found or region.start >= found[-1].start + found[-1].size):
            found.append(region)
    return found


def _tflite(path: Path, content: bytes) -> Iterator[Region]:
    from ai_edge_litert import schema_py_generated as schema

    from edgecnn.runtime import tflite_file

    tflite_file.read(content, path)
    model = schema.Model.GetRootAs(content)
    widths = _widths(schema.TensorType)
    for graph in (model.Subgraphs(i) for i in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(i) for i in range(graph.TensorsLength())):
            yield from _vector(model.Buffers(tensor.Buffer()), 4, widths.get(tensor.Type(), 1), 1)
            quantization, sparsity = tensor.Quantization(), tensor.Sparsity()
            if quantization is not None:
                yield from _vector(quantization, 8, 4, 4)
            for dim in (sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())) if sparsity is not None else ():
                for kind, table in ((dim.ArraySegmentsType(), dim.ArraySegments()), (dim.ArrayIndicesType(), dim.ArrayIndices())):
                    width = {schema.SparseIndexVector.Uint8Vector: 1, schema.SparseIndexVector.Uint16Vector: 2}.get(kind, 4)
                    if table is not None:
                        yield from _vector(_Union(table), 4, width, width)


class _Union:
    """A table of the schema that is reached through a union."""

    def __init__(self, table: Any) -> None:
        self._tab = table


def _vector(owner: Any, field: int, width: int, element: int) -> Iterator[Region]:
    """The vector in a field of a table (numbered as flatbuffers do: 4, 6, 8 ...), whose elements have so many bytes."""
    if owner is not None and (offset := owner._tab.Offset(field)):
        yield Region(int(owner._tab.Vector(offset)), int(owner._tab.VectorLen(offset)) * element, width)


def _widths(types: type) -> dict[int, int]:
    """TFLite's type -> bytes of a number; 1 for what is smaller."""
    wide = {"FLOAT32": 4, "INT32": 4, "UINT32": 4, "FLOAT16": 2, "BFLOAT16": 2, "INT16": 2, "UINT16": 2, "INT64": 8, "UINT64": 8, "FLOAT64": 8}
    return {getattr(types, name): width for name, width in wide.items() if hasattr(types, name)}


def _onnx(path: Path, content: bytes) -> Iterator[Region]:
    import onnx

    from edgecnn.formats.onnx import validate

    graph = validate.parse(content, path).graph
    at = 0
    for tensor in graph.initializer:
        raw = tensor.raw_data
        start = content.find(raw, at) if len(raw) >= LEAST else -1
        if start >= 0:
            yield Region(start, len(raw), onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
            at = start + len(raw)
