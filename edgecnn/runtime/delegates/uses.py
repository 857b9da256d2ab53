"""The operators of a .tflite as a delegate looks at them: types, shapes, what is constant, options."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgecnn.runtime import tflite_file
from edgecnn.runtime.tflite_schema import element_type, operator_name


@dataclass(frozen=True)
class Value:
    """A tensor that an operator reads or writes.

    Attributes:
        index: in the graph.
        shape, dtype: of it.
        constant: whether the file stores it.
        raw: its bytes, empty where it is not constant.
    """

    index: int
    shape: tuple[int, ...]
    dtype: str
    constant: bool
    raw: bytes = field(default=b"", repr=False)

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def integers(self) -> tuple[int, ...]:
        """The numbers of a constant int32 tensor, empty for others."""
        return tuple(int(n) for n in np.frombuffer(self.raw, np.int32)) if self.constant and self.dtype == "int32" else ()


@dataclass(frozen=True)
class Use:
    """One operator.

    Attributes:
        kind, version: as the file says.
        inputs: what it reads, None for what is left out; weights that are widened from float16 at loading stand here as they are stored.
        outputs: what it gives.
        options: of the schema, by name; see `option`.
        folded: whether it does no more than widen stored float16 weights, which delegates do once, at loading.
    """

    kind: str
    version: int
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    options: Any = None
    folded: bool = False

    def input(self, place: int) -> Value | None:
        """The input at a place, None where there is none."""
        return self.inputs[place] if place < len(self.inputs) else None

    def option(self, name: str, default: Any = 0) -> Any:
        """An option by its name in the schema."""
        return getattr(self.options, name, default)

    @property
    def running(self) -> tuple[Value, ...]:
        """Inputs that are computed, in their order."""
        return tuple(one for one in self.inputs if one is not None and not one.constant)

    @property
    def source(self) -> Value | None:
        """The activation that it works on: TRANSPOSE_CONV has its shape and its kernel first, SPLIT its axis."""
        return self.input({"TRANSPOSE_CONV": 2, "SPLIT": 1}.get(self.kind, 0))


def of(model: Any) -> list[Use]:
    """The operators of a file's first graph, in its order; `model` is the file as objects of the schema."""
    graph = model.subgraphs[0]
    values = [_value(model, graph, index) for index in range(len(graph.tensors))]
    stored: dict[int, Value] = {}
    found = []
    for op in graph.operators or ():
        code = model.operatorCodes[op.opcodeIndex]
        indices = [int(i) for i in (op.inputs if op.inputs is not None else ())]
        inputs = tuple(stored.get(i, values[i]) if i >= 0 else None for i in indices)
        outputs = tuple(values[int(i)] for i in op.outputs)
        folded = operator_name(code) == "DEQUANTIZE" and inputs[0] is not None and inputs[0].constant and inputs[0].dtype == "float16"
        if folded:
            stored[outputs[0].index] = inputs[0]
        found.append(Use(operator_name(code), code.version, inputs, outputs, op.builtinOptions, folded))
    return found


def _value(model: Any, graph: Any, index: int) -> Value:
    raw = graph.tensors[index]
    constant = tflite_file.is_constant(model, raw)
    shape = tuple(int(side) for side in raw.shape) if raw.shape is not None else ()
    # Large constants are kernels, whose numbers nobody asks for.
    data = model.buffers[raw.buffer].data if constant and math.prod(shape) <= 64 else None
    return Value(index, shape, element_type(raw.type), constant, bytes(np.asarray(data, np.uint8)) if data is not None else b"")
