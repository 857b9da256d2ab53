"""Bounds what an .ort file declares before it is walked: vectors may lead to one table a million times."""

from __future__ import annotations

from typing import Any

from edgecnn.formats.invalid import require

MOST = 1 << 18


def check_counts(graph: Any, size: int) -> None:
    """Hold the lengths of a graph's vectors against the bytes of its file.

    Args:
        graph: `ort_flatbuffers_py.fbs.Graph.Graph`.
        size: bytes of the file.

    Raises:
        InvalidModelError: it declares more than the file can hold. struct.error, IndexError: it is cut off.
    """
    limit = min(MOST, size // 4)
    total = graph.NodesLength() + graph.InitializersLength() + graph.NodeArgsLength() + graph.InputsLength() + graph.OutputsLength()
    require(total <= limit, f"it declares {total:,} parts in {size:,} bytes")
    for number in range(graph.NodesLength()):
        node = graph.Nodes(number)
        total += node.InputsLength() + node.OutputsLength() + node.AttributesLength()
        require(total <= limit, f"it declares {total:,} parts in {size:,} bytes")
    data = 0
    for number in range(graph.InitializersLength()):
        constant = graph.Initializers(number)
        total, data = total + constant.DimsLength(), data + (0 if constant.RawDataIsNone() else constant.RawDataLength())
        require(total <= limit and data <= size, f"it declares constants of {data:,} bytes in {size:,}")
