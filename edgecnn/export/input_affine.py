"""Preprocessing in a network as eight bits hold it: what both file formats share.

A product and a sum on the image each round to eight bits, with one scale for all channels' constants and a zero point that is a whole number: pixel / 127.5 - 1
has its zero at 127.5, and Caffe's mean color is off by half a gray level. Both are put together here. Where the first convolution sees no padding, or the
operations only scale, they become part of its weights and its bias, exactly. Else they become one 1x1 convolution on the image, with a weight a channel that
eight bits hold exactly and a bias in 32 bits. Either way the camera's byte stays the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.card import INPUT
from edgecnn.export.ranges import Range, Ranges
from edgecnn.sources.graph_preprocessing import AffineWalk, conclude

# What one gray level is to the input of a network that wants this range; of -1..1 there are two ways to get there from bytes.
GRAY_LEVEL = {"0..255": 1.0, "0..1": 1 / 255}


@dataclass(frozen=True)
class Affine:
    """y[c] = scale[c] * x[source[c]] + offset[c] on the channels of an image.

    Attributes:
        scale, offset: [channels], float64.
        source: the channel of the image behind each channel.
    """

    scale: np.ndarray
    offset: np.ndarray
    source: tuple[int, ...]

    @property
    def matrix(self) -> np.ndarray:
        """The scales as the kernel of a 1x1 convolution, [outputs, inputs], float32."""
        matrix = np.zeros((len(self.source), len(self.source)), np.float32)
        matrix[np.arange(len(self.source)), self.source] = self.scale
        return matrix

    @property
    def has_offset(self) -> bool:
        """Whether black becomes anything but zero, so that a frame of zeros around the image is not a frame of black."""
        return bool(self.offset.any())

    def into_weights(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weights [outputs, channels, ...] and the bias [outputs] of a convolution that reads x in place of y."""
        shape = (1, -1, *(1 for _ in kernel.shape[2:]))
        scaled = kernel * self.scale.reshape(shape)
        reordered = np.empty_like(scaled)
        reordered[:, list(self.source)] = scaled
        return reordered.astype(np.float32), self.into_bias(kernel, bias, self.offset)

    @staticmethod
    def into_bias(kernel: np.ndarray, bias: np.ndarray, lost: np.ndarray) -> np.ndarray:
        """The bias [outputs] of a convolution whose input has lost this much, [channels]."""
        of_channel = kernel.reshape(*kernel.shape[:2], -1).sum(2, dtype=np.float64)
        return (bias + of_channel @ lost).astype(np.float32)

    def on_levels(self, gray_level: float | None) -> tuple[Affine, np.ndarray]:
        """The same with the zero on a whole gray level, so that each byte has an eight-bit value of its own, and what is lost, [channels].

        Nothing is changed where the channels differ, or where the zero is no byte's.
        """
        kept = self, np.zeros_like(self.offset)
        if gray_level is None or len(set(zip(self.scale, self.offset, strict=True))) != 1 or self.scale[0] <= 0:
            return kept
        step = self.scale[0] * gray_level
        zero = np.rint(-self.offset[0] / step)
        if not 0 <= zero <= 255:
            return kept
        offset = np.full_like(self.offset, -zero * step)
        return Affine(self.scale, offset, self.source), self.offset - offset


def affine_between(start: AffineWalk, end: AffineWalk, channels: int) -> Affine | None:
    """What happens to an image that nothing was done to at `start`; None where it already was another, or was resized in between."""
    if not start.is_identity or start.resizes != end.resizes or end.same_values(start):
        return None
    scale, offset = (np.broadcast_to(values, channels).astype(np.float64) for values in (end.scale, end.offset))
    source = tuple(range(channels))
    return Affine(scale, offset, source[::-1] if end.flipped else source)


def affine_ends(followed: list[tuple[object, AffineWalk]]) -> tuple[int, int]:
    """Places of the last tensor that is the pixel itself, and of the first that has all that is done to it."""
    last = len(followed) - 1
    start = max(place for place, (_, walk) in enumerate(followed) if walk.is_identity)
    end = min(place for place, (_, walk) in enumerate(followed) if walk.same_values(followed[last][1]) and place >= start)
    return start, end


def with_exact_ranges(followed: Sequence[tuple[str, AffineWalk]], ranges: Ranges) -> Ranges:
    """`ranges` with those of the image, resized or preprocessed, set to what the ends of the input become: not one byte is clipped.

    Args:
        followed: name of a tensor and what was done to the image, from the input on.
        ranges: of all tensors, the input's exact.
    """
    is_preprocessing = conclude(followed) is not None
    exact: dict[str, Range] = {}
    for name, walk in followed:
        if name in ranges and name != INPUT and (is_preprocessing or walk.is_identity):
            ends = [walk.scale * value + walk.offset for value in (ranges[INPUT].low, ranges[INPUT].high)]
            exact[name] = Range(float(np.min(ends)), float(np.max(ends)))
    return {**ranges, **exact}


@dataclass(frozen=True)
class InputRounding:
    """What eight bits make of the preprocessing in a network.

    Attributes:
        largest, mean: distance of what the first layer sees from what it should see, in gray levels, over all bytes and channels.
        at_border: the same for the zeros around the image.
    """

    largest: float
    mean: float
    at_border: float

    def __str__(self) -> str:
        if max(self.largest, self.at_border) < 0.005:
            return "preprocessing in the graph is exact in int8"
        border = f", {self.at_border:.2f} in the frame around the image" if self.at_border >= 0.005 else ""
        return f"preprocessing in the graph is within {self.largest:.2f} gray levels in int8 ({self.mean:.2f} in the mean{border})"


def rounding_of(seen: np.ndarray, offset: np.ndarray, affine: Affine, gray_level: float) -> InputRounding:
    """Compare what integers give for every byte with what they should.

    Args:
        seen: reals behind the integers, [256, channels].
        offset: that the quantized file adds, [1] or [channels]; what it moved to a whole gray level is in the next layer's bias.
        affine: what should be computed.
        gray_level: of the input.
    """
    step = np.abs(affine.scale) * gray_level
    moved, lost = affine.on_levels(gray_level)
    if np.abs((offset - moved.offset) / step).max() > 0.01:
        lost = np.zeros_like(lost)
    expected = np.arange(256)[:, None] * gray_level * affine.scale + affine.offset
    error = np.abs(seen + lost - expected) / step
    return InputRounding(float(error.max()), float(error.mean()), float((np.abs(lost) / step).max()))
