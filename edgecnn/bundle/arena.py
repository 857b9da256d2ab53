"""How much memory TensorFlow Lite Micro needs for a .tflite, computed from the file: what is alive at once, and its tables.

The figures behind the tables were read off its recording allocator (tflite-micro, 64 bit); a 32-bit processor has pointers of half the size.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.runtime import tflite_file
from edgecnn.runtime.tflite_schema import element_type, operator_name

ALIGNMENT = 16  # Bytes of an element; others have four.
_ITEM = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "float16": 2, "int64": 8}
# Bytes of its tables: a tensor, constant or not; an operator with its parameters; a channel of an operator with weights; and once.
TENSOR, OPERATOR, CHANNEL, ONCE = 24, 160, 8, 3072
_CHANNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


@dataclass(frozen=True)
class Arena:
    """Bytes of memory.

    Attributes:
        activations: tensors that are alive at once, at the operator where they are most.
        arena: with the tables, rounded up to whole KiB; to begin with.
    """

    activations: int
    arena: int


def arena(path: str | os.PathLike[str]) -> Arena:
    """Compute both; BadFile for what is no .tflite."""
    model = tflite_file.read(Path(path).read_bytes(), path)
    graph = model.subgraphs[0]
    channels = sum(int(graph.tensors[op.outputs[0]].shape[-1]) for op in graph.operators if operator_name(model.operatorCodes[op.opcodeIndex]) in _CHANNELS)
    lives = _lives(model, graph)
    sizes = {i: _bytes(graph.tensors[i]) for i in lives}
    alive = max(sum(sizes[i] for i, (first, last) in lives.items() if first <= place <= last) for place in range(len(graph.operators)))
    # Its order of tensors of one size decides a little; the worse of two is taken.
    planned = max(_laid(lives, sizes, sorted(lives, key=lambda i, turn=turn: (-sizes[i], turn * i))) for turn in (1, -1))
    whole = planned + TENSOR * len(graph.tensors) + OPERATOR * len(graph.operators) + CHANNEL * channels + ONCE
    return Arena(alive, -(-whole // 1024) * 1024)


def _lives(model: Any, graph: Any) -> dict[int, tuple[int, int]]:
    """Tensor -> first and last operator during which it is needed; constants have no part in it."""
    last = len(graph.operators) - 1
    lives = {int(i): (0, 0) for i in graph.inputs}
    for place, op in enumerate(graph.operators):
        for i in map(int, [*(op.inputs if op.inputs is not None else ()), *op.outputs]):
            if i >= 0 and not tflite_file.is_constant(model, graph.tensors[i]):
                lives[i] = (lives.get(i, (place, place))[0], place)
    return lives | {int(i): (lives.get(int(i), (0, 0))[0], last) for i in graph.outputs}


def _laid(lives: Mapping[int, tuple[int, int]], sizes: Mapping[int, int], order: Sequence[int]) -> int:
    """Bytes that the tensors span laid in that `order`, the largest first, each into the lowest gap that is free while it lives, as it does."""
    laid: list[tuple[int, int, int]] = []
    for i in order:
        first, last = lives[i]
        start = 0
        for begin, end, other in sorted(laid):
            if lives[other][0] <= last and first <= lives[other][1]:
                if begin - start >= sizes[i]:
                    break
                start = max(start, end)
        laid.append((start, start + sizes[i], i))
    return max((end for _, end, _ in laid), default=0)


def _bytes(raw: Any) -> int:
    size = math.prod(max(1, int(side)) for side in (raw.shape if raw.shape is not None else ())) * _ITEM.get(element_type(raw.type), 4)
    return -(-size // ALIGNMENT) * ALIGNMENT
