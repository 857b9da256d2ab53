"""Light, contrast and saturation of pictures [N, H, W, 3] in 0..255, float32. An amount has shape [N, 1, 1, 1]; nothing is clipped here."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def grey(pictures: Tensor) -> Tensor:
    """Luma [N, H, W, 1]."""
    red, green, blue = (pictures[..., i : i + 1] for i in range(3))
    return red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]


def brighten(pictures: Tensor, share: Tensor) -> Tensor:
    """Add a share of the full range."""
    return pictures + 255 * share


def spread(pictures: Tensor, factor: Tensor) -> Tensor:
    """Contrast: distances from the mean of the picture's luma, times `factor`."""
    mean = ops.mean(grey(pictures), axis=(1, 2, 3), keepdims=True)
    return mean + (pictures - mean) * factor


def saturate(pictures: Tensor, factor: Tensor) -> Tensor:
    """Colour: distances from the pixel's luma, times `factor`; 0 gives a grey picture."""
    luma = grey(pictures)
    return luma + (pictures - luma) * factor
