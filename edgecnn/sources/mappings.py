"""The usual ways from a pixel to a network's input, as training pipelines have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PixelMapping:
    """input = (pixel - mean) / std, on pixels of 0 to 255.

    Attributes:
        name: as typed after --preprocess.
        text: as reports say it.
        mean, std: one value, or one a channel of an RGB input.
        order: the channel order that this mapping is known with.
    """

    name: str
    text: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: str = "rgb"

    def values(self, order: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std for an input of this channel order: the values stay with their color."""
        flip = -1 if "bgr" in (order, self.order) and order != self.order else 1
        return tuple(self.mean[::flip]), tuple(self.std[::flip])


RAW = PixelMapping("raw", "pixels 0 to 255 as they are", (0.0,), (1.0,))
UNIT = PixelMapping("unit", "pixel / 255", (0.0,), (255.0,))
SIGNED = PixelMapping("tf", "pixel / 127.5 - 1", (127.5,), (127.5,))
# https://pytorch.org/vision: mean and standard deviation of ImageNet's RGB.
TORCH = PixelMapping("torch", "(pixel / 255 - mean) / std of ImageNet", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
# Keras' imagenet_utils, mode "caffe": the mean color is taken away, and the order is BGR.
CAFFE = PixelMapping("caffe", "pixel - ImageNet's mean color", (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), "bgr")

COLOR_MAPPINGS = (RAW, UNIT, SIGNED, TORCH, CAFFE)
# MNIST's own mean and deviation, as PyTorch's example has them, for gray images.
MNIST = PixelMapping("mnist", "(pixel / 255 - 0.1307) / 0.3081", (33.3285,), (78.5655,))
GRAY_MAPPINGS = (RAW, UNIT, SIGNED, MNIST)

BY_NAME = {mapping.name: mapping for mapping in (*COLOR_MAPPINGS, MNIST)}
BY_RANGE = {"0..255": RAW, "0..1": UNIT, "-1..1": SIGNED}


def describe_mapping(mean: Sequence[float], std: Sequence[float]) -> str:
    """A mapping in words: its usual name, or its formula."""
    for mapping in BY_NAME.values():
        for order in ("rgb", "bgr"):
            if all(_same(a, b) for a, b in zip(mapping.values(order), (mean, std), strict=True)):
                return mapping.text
    return f"(pixel - {_numbers(mean)}) / {_numbers(std)}"


def _same(known: Sequence[float], values: Sequence[float]) -> bool:
    known = tuple(known) * (len(values) if len(known) == 1 else 1)
    return len(known) == len(values) and all(abs(a - b) <= 1e-3 * max(1.0, abs(a)) for a, b in zip(known, values, strict=True))


def _numbers(values: Sequence[float]) -> str:
    shown = [f"{value:.6g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else f"({', '.join(shown)})"
