"""The contract of everything that runs a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadFile

if TYPE_CHECKING:
    import numpy as np

    from edgecnn.runtime.scores import ScoreKind
    from edgecnn.runtime.tensor_shapes import Layout


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


@dataclass(frozen=True)
class RawPixels:
    """Pixels of 0 to 255 as they are, at the file's own size: how a model is opened of which nobody knows yet what it wants.

    Attributes:
        image_size: height and width where the file leaves them open; None where nobody said them.
        order: channel order of a color input; None for rgb.
    """

    image_size: int | None = None
    order: str | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, where somebody said them."""
        return (self.image_size, self.image_size) if self.image_size else None

    def at_size_of(self, path: Path, layout: Layout, card: Card | None) -> Preprocessing:
        """The preprocessing at the size of the file's input.

        Raises:
            BadFile: the file leaves its size open, and neither its card nor anybody says it.
        """
        known = card.preprocessing if card else None
        height = layout.height or self.image_size or (known.height if known else None)
        width = layout.width or self.image_size or (known.width if known else None)
        if height is None or width is None:
            raise BadFile(f"{path} leaves the height and width of its input open and has no card; say them with --image-size PIXELS")
        if self.image_size is not None and (height, width) != (self.image_size, self.image_size):
            raise BadFile(f"{path} takes pictures of {width}x{height} pixels; --image-size {self.image_size} is for files that leave the size open")
        order = {1: "grey", 3: self.order if self.order in ("rgb", "bgr") else "rgb", 4: "rgba"}[layout.channels]
        base = known or Preprocessing(height, width)
        return replace(base, height=height, width=width, order=order, mean=(0.0,), std=(1.0,))


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
        num_scores: length of the row of scores that the file gives.
        score_kind: what the scores mean, where the file or its card says so; None where only their values can tell.
        classes: that can be answered, background class included: `num_scores`, or two where the file gives one score.
    """

    path: Path
    card: Card | None
    preprocessing: Preprocessing
    input: Tensor
    output: Tensor
    num_scores: int
    score_kind: ScoreKind | None
    classes: int

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities of shape [N, classes], float32, for uint8 RGB pictures of shape [N, H, W, 3].

        Raises:
            BadData: pictures of another shape or type.
            BadFile: the network gives NaN.
        """
        ...

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """What the file itself gives, dequantized to float32, [N, num_scores]: probabilities or logits, no softmax added.

        Where the file ends in softmax these are probabilities. Used to count ties and to compare exactly.
        """
        ...

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities [N, classes] for scores [N, num_scores]."""
        ...

    def set_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Feed images in another way from now on, at the same size; BadData where the size differs."""
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
