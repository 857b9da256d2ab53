"""Weights rounded so that a layer's outputs stay: what one weight loses, the next ones take up as far as the layer's inputs go together.

Frantar et al., 2022, GPTQ, https://arxiv.org/abs/2210.17323, after Frantar and Alistarh, 2022, Optimal brain compression,
https://arxiv.org/abs/2208.11580: a column of weights is rounded, and the columns behind it move by its error times a row of the Cholesky factor of the
inverse second moments of the inputs. Each channel keeps its largest weight at 127 steps, so that a later quantizer finds the same steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.export import bias

# Inputs of one output beyond which rounding to the nearest step must do: the factors of so large a matrix take minutes.
LARGEST = 2304
# Added to the diagonal of the second moments, as a share of its mean.
DAMPING = 0.01
# Columns whose errors are handed on together.
BLOCK = 64
# Places of a map that one picture contributes.
PLACES = 256

# Sums of products of two inputs, [groups, columns, columns].
Moments = np.ndarray


@dataclass(frozen=True)
class Window:
    """What a layer with weights sees of its input.

    Attributes:
        kernel, strides, dilations: rows and columns.
        padding: pixels above, below, left and right.
        groups: of input channels; 1 where all are seen, as many as channels for a depthwise convolution.
    """

    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1

    def columns(self, channels: int) -> int:
        """Weights of one output."""
        return self.kernel[0] * self.kernel[1] * channels // self.groups


class Seen:
    """Second moments of what a window sees, added up over pictures; see `observe.Tally`.

    Attributes:
        total: [groups, columns, columns], columns in the order channel, row, column of the kernel.
        places: how many were looked at.
    """

    def __init__(self, window: Window, *, channels_first: bool) -> None:
        self.window, self.channels_first, self.places = window, channels_first, 0
        self.total: Moments = np.zeros((1, 1, 1))

    def add(self, value: np.ndarray, picture: int) -> None:
        seen = patches(value.transpose(0, 2, 3, 1) if self.channels_first and value.ndim == 4 else value, self.window, np.random.default_rng(picture))
        self.places += seen.shape[1]
        self.total = self.total + np.matmul(seen.transpose(0, 2, 1), seen).astype(np.float64)

    def merge(self, others: list[Seen]) -> None:
        self.total = sum((other.total for other in others), self.total)
        self.places += sum(other.places for other in others)

    @property
    def enough(self) -> bool:
        """Whether there are as many places as columns: fewer say more of themselves than of what will come."""
        return self.places >= self.total.shape[-1]


class Several:
    """The same for all windows onto one tensor.

    Attributes:
        each: one a window.
    """

    def __init__(self, windows: Sequence[Window], channels_first: bool) -> None:
        self.each = [Seen(window, channels_first=channels_first) for window in windows]

    def add(self, value: np.ndarray, picture: int) -> None:
        for seen in self.each:
            seen.add(value, picture)

    def merge(self, others: list[Several]) -> None:
        for index, seen in enumerate(self.each):
            seen.merge([other.each[index] for other in others])


# (name of a layer's input, its window onto it) -> what it sees.
Products = Mapping[tuple[str, Window], Moments]


def patches(value: np.ndarray, window: Window, random: np.random.Generator) -> np.ndarray:
    """What a layer sees at PLACES places of a map [1, H, W, C], or of a row [1, C]: [groups, places, columns]."""
    if value.ndim != 4:
        return value.reshape(1, -1, value.shape[-1])
    top, bottom, left, right = window.padding
    whole = np.pad(value[0], ((top, bottom), (left, right), (0, 0)))
    reach = [(taps - 1) * step + 1 for taps, step in zip(window.kernel, window.dilations, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(whole, reach, axis=(0, 1))
    seen = seen[:: window.strides[0], :: window.strides[1], :, :: window.dilations[0], :: window.dilations[1]]
    count = seen.shape[0] * seen.shape[1]
    chosen = random.integers(0, count, PLACES) if count > PLACES else np.arange(count)
    flat = seen[chosen // seen.shape[1], chosen % seen.shape[1]]
    return flat.reshape(len(chosen), window.groups, -1).transpose(1, 0, 2)


def snapped(kernel: np.ndarray, axis: int, moments: Moments | None, groups: int) -> np.ndarray:
    """A kernel on int8's grid.

    Args:
        kernel: outputs along `axis`, rows and columns before the inputs of a group, as TFLite has it: [outputs, h, w, inputs], [1, h, w, outputs] for a
            depthwise one, [outputs, inputs] for a dense layer.
        axis: of the outputs.
        moments: of what the layer sees; None takes each weight to its nearest step.
        groups: of the convolution.
    """
    if moments is None:
        return bias.rounded(kernel, axis)
    order = kernel if kernel.ndim == 2 else kernel.transpose(3, 0, 1, 2) if axis == 3 else kernel.transpose(0, 3, 1, 2)
    found = rounded(order.reshape(groups, order.shape[0] // groups, -1), moments).reshape(order.shape)
    return found if kernel.ndim == 2 else found.transpose(1, 2, 3, 0) if axis == 3 else found.transpose(0, 2, 3, 1)


def rounded(weights: np.ndarray, moments: Moments) -> np.ndarray:
    """Weights on int8's grid, one symmetric scale an output.

    Args:
        weights: [groups, outputs a group, columns].
        moments: second moments of the inputs, [groups, columns, columns].

    Returns:
        float32, same shape.
    """
    left = weights.astype(np.float64)
    largest = np.abs(left).max(-1, keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1.0)
    peak = np.abs(left).argmax(-1)
    found, factor = np.empty_like(left), _factor(moments)
    for start in range(0, left.shape[-1], BLOCK):
        end = min(start + BLOCK, left.shape[-1])
        errors = np.zeros((*left.shape[:2], end - start))
        for column in range(start, end):
            steps = np.clip(np.rint(left[..., column] / scale[..., 0]), -127, 127)
            exact = weights[..., column]
            steps = np.where(peak == column, np.sign(exact) * 127, steps)
            found[..., column] = steps * scale[..., 0]
            error = (left[..., column] - found[..., column]) / factor[:, column, column, None]
            left[..., column + 1 : end] -= error[..., None] * factor[:, None, column, column + 1 : end]
            errors[..., column - start] = error
        left[..., end:] -= np.matmul(errors, factor[:, start:end, end:])
    return found.astype(np.float32)


def _factor(moments: Moments) -> np.ndarray:
    """Upper Cholesky factor of the inverse of the damped second moments, [groups, columns, columns]."""
    size = moments.shape[-1]
    diagonal = np.einsum("gii->gi", moments)
    damping = DAMPING * diagonal.mean(-1) + 1e-12
    inverse = np.linalg.inv(moments + damping[:, None, None] * np.eye(size))
    # The inverse of a symmetric matrix comes out symmetric but for rounding, which Cholesky's factors do not forgive.
    return np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2).transpose(0, 2, 1)
