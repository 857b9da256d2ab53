"""The contract of everything that runs a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgecnn.card import Card, Preprocessing

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Tensor:
    """One input or output as the file declares it.

    Attributes:
        name: in the file.
        shape: with None where the file leaves a dimension open.
        dtype: numpy's name of the element type.
        scale, zero_point: real value = scale * (stored - zero_point); None for float tensors.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


class Runner(Protocol):
    """Runs one model file on pictures and gives probabilities.

    A runner owns the whole way from pixels to probabilities: channel order, (pixel - mean) / std, quantization, memory layout
    (NHWC or NCHW), batches of the size that the file takes, dequantization, and softmax where the file gives logits. It never resizes: pictures
    come at `preprocessing.height` x `preprocessing.width` (the data room does that), as uint8 RGB of shape [N, H, W, 3], also when the network is grey or BGR.

    Attributes:
        path: the file.
        card: the card inside the file (.tflite, .onnx) or beside it (.keras), None when there is none.
        preprocessing: what the runner does to pixels.
        input, output: the tensors as the file declares them.
        classes: length of the row of scores, background class included.
    """

    path: Path
    card: Card | None
    preprocessing: Preprocessing
    input: Tensor
    output: Tensor
    classes: int

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities of shape [N, classes], float32, for uint8 RGB pictures of shape [N, H, W, 3].

        Raises:
            BadData: pictures of another shape or type.
            BadFile: the network gives NaN.
        """
        ...

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """What the file itself gives, dequantized to float32, [N, classes]: probabilities or logits, no softmax added.

        Where the file ends in softmax these are probabilities. Used to count ties and to compare exactly.
        """
        ...

    def feed(self, stored: np.ndarray) -> np.ndarray:
        """Scores as of `scores`, for inputs that are encoded already: [N, ...] of the shape, memory layout and type of `input`.

        For trying inputs that no preprocessing of `card.Preprocessing` makes. NaN in the scores is handed on.

        Raises:
            BadData: inputs of another shape or type.
        """
        ...

    def latencies(self, runs: int) -> list[float]:
        """Seconds of each of `runs` runs on one picture (batch 1) that already lies in the input: the network alone, no preprocessing."""
        ...

    def close(self) -> None:
        """Let go of memory and processes; the runner cannot be used afterwards."""
        ...
