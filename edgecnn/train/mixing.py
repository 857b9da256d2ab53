"""Rectangles made grey, and two pictures made one. Shares and places are tensors [N] in [0, 1); lambdas were drawn from a Beta distribution."""

from __future__ import annotations

from math import log
from typing import Any

from keras import ops

from edgecnn.train.geometry import GREY

Tensor = Any

ERASED_AREA = (0.02, 0.33)  # of the picture's
ERASED_ASPECT = (0.3, 3.3)  # height over width, log-uniform


def erase(pictures: Tensor, chosen: Tensor, area: Tensor, aspect: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """A grey rectangle in each picture that was chosen (Zhong et al., 2017, arXiv:1708.04896); where it would not fit, it is cut to the picture.

    Args:
        pictures: [N, H, W, 3] in 0..255.
        chosen: [N], bool.
        area, aspect, right, down: draws [N]: size, form and place of the rectangle.
    """
    height, width = pictures.shape[1:3]
    root = ops.sqrt((ERASED_AREA[0] + area * (ERASED_AREA[1] - ERASED_AREA[0])) * float(height * width))
    stretch = ops.exp((log(ERASED_ASPECT[0]) + aspect * log(ERASED_ASPECT[1] / ERASED_ASPECT[0])) / 2)
    high = ops.clip(ops.round(root * stretch), 1.0, float(height))
    wide = ops.clip(ops.round(root / stretch), 1.0, float(width))
    top, left = ops.floor(down * (height - high + 1)), ops.floor(right * (width - wide + 1))
    inside = _rectangle(pictures, (top, top + high), (left, left + wide))
    return ops.where(ops.logical_and(inside, ops.reshape(chosen, (-1, 1, 1, 1))), GREY, pictures)


def pasted(size: tuple[int, int], share: Tensor, right: Tensor, down: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Rectangle of cutmix: (first row, row after the last), (first column, column after the last), each [N], whole numbers.

    Its middle lies anywhere; what would be outside the picture is cut off, so that it may be smaller than asked for (Yun et al., 2019, algorithm A1).

    Args:
        size: height and width of the picture.
        share: of the area, that it should have.
        right, down: draws of its middle.
    """
    side = ops.sqrt(share)
    spans = []
    for pixels, place in zip(size, (down, right), strict=True):
        half, middle = ops.floor(side * pixels / 2 + 0.5), ops.floor(place * pixels)
        spans.append((ops.clip(middle - half, 0.0, float(pixels)), ops.clip(middle + half, 0.0, float(pixels))))
    return spans[0], spans[1]


def mix(pictures: Tensor, labels: Tensor, kept: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al., 2017, arXiv:1710.09412) and cutmix (Yun et al., 2019, arXiv:1905.04899) with the picture as far from the batch's end as this one
    is from its beginning.

    Args:
        pictures: [N, H, W, 3].
        labels: [N, classes], one-hot or smoothed.
        kept: [N]: share of each picture that its partner is mixed into; 1 for cutmix alone.
        rows, columns: of the rectangle that is the partner's: first, and after the last; empty for mixup alone.

    Returns:
        Pictures and labels of the same shapes; a label counts by the true share of its pixels.
    """
    height, width = pictures.shape[1:3]
    partner = ops.flip(pictures, axis=0)
    share = ops.reshape(kept, (-1, 1, 1, 1))
    mixed = pictures * share + partner * (1 - share)
    mixed = ops.where(_rectangle(pictures, rows, columns), partner, mixed)
    area = (rows[1] - rows[0]) * (columns[1] - columns[0]) / float(height * width)
    own = ops.expand_dims(kept * (1 - area), -1)
    return mixed, labels * own + ops.flip(labels, axis=0) * (1 - own)


def _rectangle(pictures: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor:
    """True inside, [N, H, W, 1]."""
    height, width = pictures.shape[1:3]
    return ops.logical_and(_span(rows, height, (1, -1, 1, 1)), _span(columns, width, (1, 1, -1, 1)))


def _span(span: tuple[Tensor, Tensor], size: int, shape: tuple[int, ...]) -> Tensor:
    first, end = (ops.reshape(part, (-1, 1, 1, 1)) for part in span)
    places = ops.reshape(ops.arange(size, dtype="float32"), shape)
    return ops.logical_and(places >= first, places < end)
