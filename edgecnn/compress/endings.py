"""How a flat classifier ends: where its logits are, and what makes scores of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

ENDINGS = ("softmax", "sigmoid")
# What may stand between the last activation and the output: it moves no score past another.
SHAPING = ("Reshape", "Flatten", "Squeeze", "Identity", "Cast")


@dataclass(frozen=True)
class Ending:
    """The end of a model.

    Attributes:
        activation: `softmax`, `sigmoid`, or "" where the last layers are neither.
        logits: name of the layer before it; None for the output itself.
    """

    activation: str = ""
    logits: str | None = None


def ending_of(model: keras.Model) -> Ending:
    """Find the last activation of a functional model of one output; what only shapes or scales the scores is passed over."""
    operation = model.outputs[0]._keras_history.operation
    while _only_shapes(operation):
        operation = operation._inbound_nodes[0].input_tensors[0]._keras_history.operation
    activation = _activation(operation)
    if not activation:
        return Ending()
    return Ending(activation, operation._inbound_nodes[0].input_tensors[0]._keras_history.operation.name)


def operation_of(net: keras.Model, name: str) -> keras.Operation:
    """A layer or an operation of a model by its name."""
    return next(one for one in net.operations if one.name == name)


def _activation(operation: Any) -> str:
    """`softmax` or `sigmoid` where something is that activation and nothing else."""
    kind = type(operation).__name__
    if kind == "Sigmoid":
        return "sigmoid"
    if kind == "Softmax":
        return "softmax" if operation.axis in (-1, len(operation.output.shape) - 1) else ""
    name = getattr(getattr(operation, "activation", None), "__name__", "")
    return name if name in ENDINGS and kind == "Activation" else ""


def _only_shapes(operation: Any) -> bool:
    """Whether something gives the scores that it takes, in another shape or times a number above zero."""
    nodes = getattr(operation, "_inbound_nodes", [])
    if len(nodes) != 1 or len(nodes[0].input_tensors) != 1:
        return False
    kind = type(operation).__name__
    if kind == "Rescaling":
        return np.ndim(operation.scale) == np.ndim(operation.offset) == 0 and operation.scale > 0
    if kind in ("Multiply", "TrueDivide", "Divide"):
        others = [value for value in nodes[0].arguments._flat_arguments if not isinstance(value, keras.KerasTensor)]
        return all(isinstance(value, int | float) and value > 0 for value in others) and nodes[0].arguments._flat_arguments[0] is nodes[0].input_tensors[0]
    return kind in SHAPING
