"""What a .tflite and an .onnx network have in common: operators with weights, the tensors between them, and how these are stored."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# A tensor: its index in a .tflite, its name in an .onnx.
Key = Hashable

# Operators that keep all values, whatever else they do; they need no partner in the other network.
KEEPING = frozenset((
    "QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DENSIFY",
    "QuantizeLinear", "DequantizeLinear", "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout",
))  # fmt: skip

# Operators that move or pick values: with the scale of what they read they have nothing of their own that could be wrong.
MOVING = frozenset(
    ("MAX_POOL_2D", "CONCATENATION", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT", "GATHER", "MaxPool", "Concat", "Transpose", "Slice", "Split")
)

TRANSPOSING = frozenset(("TRANSPOSE", "Transpose"))

# Their results lie between fixed ends, whatever the pictures: runtimes prescribe a step of 1/256, or of 1/128 from -1 to 1.
BOUNDED = {"SOFTMAX": 1 / 256, "LOGISTIC": 1 / 256, "TANH": 1 / 128, "Softmax": 1 / 256, "Sigmoid": 1 / 256, "HardSigmoid": 1 / 256, "Tanh": 1 / 128}

# These put zeros around a map: converters fold them into the convolution that follows, or do not.
PADDING = frozenset(("PAD", "PADV2", "Pad"))

# These are computed with the operator before: a runtime fuses them, and where values are rounded they may be nothing but the ends of the range.
FUSED = frozenset(("RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "Relu", "Clip", "LeakyRelu"))

# Operators with kernels, by which two networks are told apart.
WEIGHTED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "Conv", "ConvTranspose", "Gemm", "MatMul"))


@dataclass(frozen=True)
class Stored:
    """How a tensor is rounded: real value = scale * (stored - zero_point), stored from `low` to `high`; one scale for all of it."""

    scale: float
    zero_point: int
    low: int
    high: int

    @property
    def ends(self) -> tuple[float, float]:
        """Least and largest real value."""
        return self.scale * (self.low - self.zero_point), self.scale * (self.high - self.zero_point)

    def real(self, stored: np.ndarray) -> np.ndarray:
        """float32 values of what is stored."""
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """What is left of real values once they are stored, float32."""
        return self.real(self.levels(values))

    def levels(self, values: np.ndarray) -> np.ndarray:
        """The integers that stand for real values, as floats."""
        return np.clip(np.rint(values / np.float32(self.scale)) + self.zero_point, self.low, self.high)


@dataclass(frozen=True)
class Unit:
    """One operator, together with the paddings before it and the activation after it.

    Attributes:
        kind: operator type, as the format calls it.
        inputs: tensors that it reads, each the first of those with the same values; constants left out.
        output: what it gives.
        shape: of the output, batch left out.
        constants: shapes of the constants that are numbers rather than indices.
        options: strides and the like, as far as they tell operators apart.
        kernel: gives its weights, float32; None for an operator without.
    """

    kind: str
    inputs: tuple[Key, ...]
    output: Key
    shape: tuple[int | None, ...]
    constants: tuple[tuple[int, ...], ...] = ()
    options: tuple[object, ...] = ()
    kernel: Callable[[], np.ndarray] | None = None

    @property
    def look(self) -> tuple[object, ...]:
        """What has to be the same in its partner."""
        return self.kind, self.shape, self.constants, self.options


@dataclass(frozen=True)
class Net:
    """A network as its tensors are followed through it.

    Attributes:
        input, output: its ends.
        shape: of the input as the file says it, with None for what it leaves open.
        units: in the order of computation.
        before: tensor -> the one whose values it keeps, for what an operator of `KEEPING` or `PADDING` gives.
        stored: tensor -> how it is rounded; float tensors are left out.
        shown: tensors whose values say something, in the order of computation: not paddings, and not what is between an operator and its rounding.
        names: shown tensor -> how to call it.
        kinds: shown tensor -> type of the operator that gives it; "" for an input.
        byte: what the input holds for a pixel of 0, where it holds pixels as they are; None where it holds what preprocessing makes of them.
    """

    input: Key
    output: Key
    shape: tuple[int | None, ...]
    units: tuple[Unit, ...]
    before: Mapping[Key, Key]
    stored: Mapping[Key, Stored]
    shown: tuple[Key, ...]
    names: Mapping[Key, str]
    kinds: Mapping[Key, str]
    byte: int | None = None

    def root(self, tensor: Key) -> Key:
        """The first tensor with the same values."""
        return root(self.before, tensor)

    def rounds(self, tensor: Key) -> bool:
        """Whether a tensor is where values are made or rounded anew, rather than one that passes on what was rounded before."""
        earlier = self.before.get(tensor)
        while earlier is not None and earlier not in self.names:
            earlier = self.before.get(earlier)
        return earlier is None or (tensor in self.stored and self.stored[tensor] != self.stored.get(earlier))


def root(before: Mapping[Key, Key], tensor: Key) -> Key:
    """Where a chain of tensors with the same values begins."""
    while tensor in before:
        tensor = before[tensor]
    return tensor


class Network(Protocol):
    """A file whose tensors can be looked at.

    Attributes:
        net: its operators.
    """

    net: Net

    def run(self, image: np.ndarray, tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """Real values, float32, of `tensors` for the picture [1, H, W, C] or [1, C, H, W], float32."""
        ...

    def alone(self, values: Mapping[Key, np.ndarray], tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """Real values of `tensors` when everything that reads one of `values` gets these instead of what the network gives; the same tensors in each call.

        Weights are those of the file and results are rounded as in the file; in between arithmetic is float32.
        """
        ...
