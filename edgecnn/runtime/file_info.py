"""What `edgecnn info` tells of an exported file, the same for every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgecnn.card import Card
from edgecnn.runtime.contract import Tensor


@dataclass(frozen=True)
class Operator:
    """One operator of a graph.

    Attributes:
        kind: as the format calls it, such as CONV_2D or Conv.
        name: of its first output.
        shape: of its first output.
        parameters: weights and biases that it uses, quantization scales not counted.
        bytes: that these take in the file.
        macs: multiply-accumulates for one picture; convolutions and matrix products only.
    """

    kind: str
    name: str
    shape: tuple[int | None, ...]
    parameters: int = 0
    bytes: int = 0
    macs: int = 0


@dataclass(frozen=True)
class FileInfo:
    """An exported file, read without running it.

    Attributes:
        path: of the file.
        format: "TFLite", "ONNX" or "ORT".
        bytes: of the whole file.
        inputs, outputs: as declared.
        operators: in the order of running.
        weight_bytes: element type -> bytes of weights and biases, each tensor once.
        requires: the oldest runtime that runs it, in words; "" where the file does not say.
        metadata: name -> content of every metadata entry.
        card: the card inside, if any.
        sparse_kernels: how many constants are stored sparse.
        sparse_bytes, dense_bytes: what these take, and what they would take dense.
        last_activation: what the last operator that changes values is: "softmax", "sigmoid" or "".
    """

    path: Path
    format: str
    bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    weight_bytes: Mapping[str, int]
    requires: str = ""
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    card: Card | None = None
    sparse_kernels: int = 0
    sparse_bytes: int = 0
    dense_bytes: int = 0
    last_activation: str = ""

    @property
    def parameters(self) -> int:
        """All weights and biases."""
        return sum(op.parameters for op in self.operators)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one picture."""
        return sum(op.macs for op in self.operators)
