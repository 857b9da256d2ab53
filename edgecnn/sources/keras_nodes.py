"""The operations of a functional model in one form, whether Keras 3 or Keras 2 (tf_keras) built it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What Keras 2 calls a function of TensorFlow, and the operation of keras.ops that does the same.
TENSORFLOW_SYMBOLS = {
    **dict.fromkeys(("math.truediv", "__operators__.truediv", "math.divide", "realdiv", "truediv"), "TrueDivide"),
    **dict.fromkeys(("math.multiply", "__operators__.mul"), "Multiply"),
    **dict.fromkeys(("math.add", "__operators__.add", "nn.bias_add"), "Add"),
    **dict.fromkeys(("math.subtract", "__operators__.sub"), "Subtract"),
    **dict.fromkeys(("math.negative", "__operators__.neg"), "Negative"),
    **dict.fromkeys(("image.resize", "compat.v1.image.resize"), "Resize"),
    **dict.fromkeys(("cast", "compat.v1.cast"), "Cast"),
    **dict.fromkeys(("__operators__.getitem", "strided_slice"), "GetItem"),
    **dict.fromkeys(("gather", "compat.v1.gather"), "Take"),
    "identity": "Identity",
    "reverse": "Flip",
    "stack": "Stack",
    "concat": "Concatenate",
}


@dataclass(frozen=True)
class KerasNode:
    """One call of a layer or an operation.

    Attributes:
        kind: class name of the layer or the operation; of a function of TensorFlow, that of the same operation in keras.ops.
        operation: the layer or the operation.
        inputs, outputs: symbolic tensors.
        arguments: what the call was given, symbolic tensors among it; positional ones by number.
    """

    kind: str
    operation: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    arguments: Mapping[int | str, Any]

    def argument(self, name: str, position: int) -> Any:
        """An argument of the call, or of the operation itself, which Keras 3 gives all that is no tensor."""
        if position in self.arguments:
            return self.arguments[position]
        return self.arguments.get(name, getattr(self.operation, name, None))


def functional_graph(model: Any) -> Any:
    """What holds the nodes of a functional or sequential model; None for other layers."""
    graph = getattr(model, "_functional", None) or model
    return graph if getattr(graph, "_nodes_by_depth", None) and getattr(graph, "inputs", None) else None


def keras_nodes(graph: Any) -> Iterator[KerasNode]:
    """The nodes of what `functional_graph` gives."""
    for nodes in graph._nodes_by_depth.values():
        for node in nodes:
            yield _of_keras_3(node) if hasattr(node, "operation") else _of_keras_2(node)


def _of_keras_3(node: Any) -> KerasNode:
    arguments = {**dict(enumerate(node.arguments.args)), **node.arguments.kwargs}
    return KerasNode(type(node.operation).__name__, node.operation, tuple(node.input_tensors), tuple(node.outputs), arguments)


def _of_keras_2(node: Any) -> KerasNode:
    layer, outputs = node.layer, node.outputs
    kind = TENSORFLOW_SYMBOLS.get(getattr(layer, "symbol", None), type(layer).__name__)
    outputs = tuple(outputs) if isinstance(outputs, list | tuple) else (outputs,)
    arguments = {**dict(enumerate(node.call_args or ())), **(node.call_kwargs or {})}
    return KerasNode(kind, layer, tuple(node.keras_inputs), outputs, arguments)


def is_symbolic(value: Any) -> bool:
    """Whether a value is a tensor of the graph, of Keras 3 or 2."""
    return "KerasTensor" in {base.__name__ for base in type(value).__mro__}


def as_slice(part: Any) -> Any:
    """A part of an index; Keras 2 keeps slices as dicts."""
    if isinstance(part, dict) and set(part) == {"start", "stop", "step"}:
        return slice(part["start"], part["stop"], part["step"])
    return part
