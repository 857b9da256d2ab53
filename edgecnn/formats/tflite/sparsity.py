"""Checks how a constant is stored sparse, before native code follows its indices."""

from __future__ import annotations

from typing import Any

import numpy as np

DENSE, SPARSE_CSR = 0, 1


def problem(sparse: Any, sides: list[int]) -> str:
    """What is wrong with `SparsityParametersT` of a tensor with these sides, in words; "" where nothing is."""
    order = [] if sparse.traversalOrder is None else [int(place) for place in sparse.traversalOrder]
    blocks = [] if sparse.blockMap is None else [int(place) for place in sparse.blockMap]
    levels = sparse.dimMetadata or []
    if len(order) != len(sides) + len(blocks) or sorted(order) != list(range(len(order))):
        return f"in an order of dimensions {order[:16]} that is no order of {len(sides)} and {len(blocks)} blocks"
    if any(not 0 <= place < len(sides) for place in blocks):
        return f"in blocks of dimensions {blocks[:16]} of {len(sides)}"
    if len(levels) != len(order):
        return f"with {len(levels)} descriptions of {len(order)} dimensions"
    rows = 1
    for number, level in enumerate(levels):
        if level.format == DENSE:
            rows *= level.denseSize
            wrong = level.denseSize < 1 or rows > 1 << 31
        else:
            wrong, rows = _is_wrong(level, rows)
        if wrong:
            return f"with indices of dimension {number} that lead outside"
    return ""


def _is_wrong(level: Any, rows: int) -> tuple[bool, int]:
    """Whether a compressed dimension's segments and indices do not fit each other, and how many rows the next dimension has."""
    segments, indices = (_values(vector) for vector in (level.arraySegments, level.arrayIndices))
    if level.format != SPARSE_CSR or segments is None or indices is None or len(segments) != rows + 1:
        return True, 0
    ordered = bool(segments[0] == 0 and (np.diff(segments) >= 0).all() and segments[-1] == len(indices))
    return not ordered or bool((indices < 0).any()), len(indices)


def _values(vector: Any) -> np.ndarray | None:
    return None if vector is None or vector.values is None else np.asarray(vector.values, np.int64)
