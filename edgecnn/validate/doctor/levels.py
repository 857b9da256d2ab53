"""From a pixel's byte to the number that an app would store in the input: the right one, and those of every mistake of scaling and casting.

A byte has 256 values, so a way to store it is a table [256, channels], in the type of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.tensor_shapes import Layout, input_layout

# Mean and deviation of ImageNet's pixels, R, G, B, by which torchvision's networks scale: 255 (0.485, 0.456, 0.406) and 255 (0.229, 0.224, 0.225).
TORCH_MEAN, TORCH_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# Mean of ImageNet's pixels, B, G, R, that Caffe's networks subtract; keras.applications calls this the mode "caffe".
CAFFE_MEAN = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Input:
    """How a file wants its input.

    Attributes:
        preprocessing: by which the network was trained.
        dtype: of the stored numbers.
        scale, zero_point: real value = scale * (stored - zero_point); 1 and 0 for floats.
        layout: shape, and whether channels come first.
        inside: the file takes bytes and scales them itself, as ONNX files with an integer input do.
    """

    preprocessing: Preprocessing
    dtype: np.dtype
    scale: float
    zero_point: int
    layout: Layout
    inside: bool

    @classmethod
    def of(cls, runner: Runner, preprocessing: Preprocessing) -> Input:
        """The input of a file that is fed by `preprocessing`."""
        tensor, dtype = runner.input, np.dtype(runner.input.dtype)
        layout, inside = input_layout(runner.path, tensor), dtype.kind != "f" and tensor.scale is None
        offset = -128 if inside and dtype == np.int8 else tensor.zero_point or 0
        return cls(preprocessing, dtype, tensor.scale or 1.0, offset, layout, inside)

    @property
    def integer(self) -> bool:
        """Whether the input holds whole numbers."""
        return self.dtype.kind != "f"

    def quantized(self, real: np.ndarray) -> np.ndarray:
        """Real numbers as the input stores them, rounded and clipped where it holds whole numbers."""
        if not self.integer:
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        return np.clip(np.rint(real / self.scale) + self.zero_point, limits.min, limits.max).astype(self.dtype)

    def scaled(self, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
        """The table of (pixel - mean) / std."""
        return self.quantized(self.real(np.arange(256), mean, std))

    def real(self, pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
        """(pixel - mean) / std, [256, channels], in the precision in which `runtime.preprocess.Encoder` computes it."""
        kind = np.float64 if self.integer else np.float32
        wide = [np.broadcast_to(np.array(values, np.float32).astype(kind), self.layout.channels) for values in (mean, std)]
        return (pixels.astype(kind)[:, None] - wide[0]) / wide[1]


# None where the mistake makes no sense for the input.
Levels = Callable[[Input], np.ndarray | None]


def right(into: Input) -> np.ndarray:
    """No mistake."""
    return into.scaled((0.0,), (1.0,)) if into.inside else into.scaled(into.preprocessing.mean, into.preprocessing.std)


def fixed(mean: tuple[float, ...], std: tuple[float, ...]) -> Levels:
    """(pixel - mean) / std, whatever the network wants; for three channels where there are three values."""
    return lambda into: into.scaled(mean, std) if len(mean) == 1 or into.layout.channels == 3 else None


def twice(into: Input) -> np.ndarray | None:
    """The right scaling, of pixels that were divided by 255 before."""
    if into.inside:
        return None
    mean, std = into.preprocessing.mean, into.preprocessing.std
    return into.scaled(tuple(255 * m for m in mean), tuple(255 * s for s in std))


def truncated(into: Input) -> np.ndarray:
    """pixel / 255 cast to a whole number: 0, and 1 for 255."""
    return np.repeat((np.arange(256) // 255)[:, None], into.layout.channels, axis=1).astype(into.dtype)


def cast(into: Input) -> np.ndarray | None:
    """The right real numbers cast to the integer input's type, with neither scale nor zero point."""
    if not into.integer or into.inside:
        return None
    return np.trunc(into.real(np.arange(256), into.preprocessing.mean, into.preprocessing.std)).astype(np.int64).astype(into.dtype)


def unshifted(into: Input) -> np.ndarray | None:
    """The right bytes with the highest bit turned: int8 taken for uint8 or uint8 for int8, which lie 128 apart."""
    return (right(into).view(np.uint8) ^ 128).view(into.dtype) if into.dtype.itemsize == 1 else None


def unquantized(into: Input) -> np.ndarray | None:
    """The pixel's byte itself, less 128 for int8, where the input's scale and zero point want another number."""
    if not into.integer or into.inside:
        return None
    bytes_ = np.arange(256) - (128 if into.dtype == np.int8 else 0)
    return np.repeat(bytes_[:, None], into.layout.channels, axis=1).astype(into.dtype)


def signed(into: Input) -> np.ndarray | None:
    """The right scaling of Java's signed bytes: pixels from 128 on become negative."""
    if into.integer:
        return None
    return into.quantized(into.real(np.arange(256).astype(np.uint8).view(np.int8), into.preprocessing.mean, into.preprocessing.std))
