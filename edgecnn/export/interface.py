"""The ends of a network that is exported: what its input and output are called, and how the input holds images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from edgecnn.card import INPUT, OUTPUT, Preprocessing
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.tensor_shapes import Layout


@dataclass(frozen=True)
class Signature:
    """What an app calls a network of a .tflite and its ends by.

    Attributes:
        key: of the signature.
        input, output: names of its arguments.
    """

    key: str = "serving_default"
    input: str = INPUT
    output: str = OUTPUT


@dataclass(frozen=True)
class Interface:
    """The ends of a network.

    Between reading and finishing, every network calls its ends `image` and `probabilities`. The finished file has these names.

    Attributes:
        input, output: names of the tensors.
        dtype: numpy name of the element type of the float form's input; integers take the byte itself (int8: the byte - 128).
        layout: of the input.
        signature: of a .tflite.
    """

    input: str = INPUT
    output: str = OUTPUT
    dtype: str = "float32"
    layout: Layout = field(default_factory=lambda: Layout(1, None, None, 3, False))
    signature: Signature = field(default_factory=Signature)

    def encode(self, images: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
        """The input for uint8 RGB images [N, H, W, 3]; a file of a fixed batch gets every image so many times."""
        axes = {"channels_first": self.layout.channels_first, "has_channel_axis": self.layout.has_channel_axis}
        if np.dtype(self.dtype).kind == "f":
            encoded = Encoder(preprocessing, self.dtype, **axes)(images)
        else:
            byte = replace(preprocessing, mean=(0.0,), std=(1.0,))
            encoded = Encoder(byte, self.dtype, 1.0, -128 if self.dtype == "int8" else 0, **axes)(images)
        return np.repeat(encoded, self.layout.batch or 1, axis=0)

    def shape(self, preprocessing: Preprocessing) -> tuple[int | None, ...]:
        """Shape of the input with height and width filled; None for an open batch."""
        filled = self.layout.shape(self.layout.batch or 1, preprocessing.height, preprocessing.width)
        return (self.layout.batch, *filled[1:])
