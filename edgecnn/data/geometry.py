"""Which part of an image goes where: stretch, crop and pad in whole numbers, as the training pipelines compute it, with the same result in every language."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.card import Preprocessing
from edgecnn.resize_rules import FILTERS


@dataclass(frozen=True)
class Axis:
    """One side of a resize: `length` source pixels become `total` pixels, of which `count` from `skip` on go to place `at` of the result.

    Attributes:
        origin, size: first pixel and pixels of the source that may be read.
        length: source pixels from `origin` on that are scaled.
        total: pixels that they become.
        skip, count: which of these are kept.
        at: place of the first of them in the result.
    """

    origin: int
    size: int
    length: int
    total: int
    skip: int
    count: int
    at: int


def axes(width: int, height: int, p: Preprocessing) -> tuple[Axis, Axis]:
    """Both sides for an image of `width` x `height` pixels. Not for Pillow's crop with fraction 1, which cuts between pixels (`ImageOps.fit`).

    Sources: Keras' `smart_resize` (crop), torchvision's `Resize` and `CenterCrop` (crop with a fraction), `tf.image.resize_with_pad` and `ImageOps.pad`.
    """
    if p.resize == "crop" and p.crop_fraction < 1:
        sizes = scaled_size(width, height, p)
        return _cut(width, sizes[0], p.width), _cut(height, sizes[1], p.height)
    if p.resize == "crop":
        wide, tall = min(width, max(1, height * p.width // p.height)), min(height, max(1, width * p.height // p.width))
        return Axis((width - wide) // 2, wide, wide, p.width, 0, p.width, 0), Axis((height - tall) // 2, tall, tall, p.height, 0, p.height, 0)
    if p.resize == "pad":
        exact = FILTERS[p.resize_filter].is_pillow
        return _bars(width, height, p.width, p.height, exact), _bars(height, width, p.height, p.width, exact)
    return Axis(0, width, width, p.width, 0, p.width, 0), Axis(0, height, height, p.height, 0, p.height, 0)


def short_sides(p: Preprocessing) -> tuple[int, int]:
    """Width and height that the image is scaled to cover before the center is cut out: 256 each for 224 at 0.875."""
    return max(p.width, round(p.width / p.crop_fraction)), max(p.height, round(p.height / p.crop_fraction))


def scaled_size(width: int, height: int, p: Preprocessing) -> tuple[int, int]:
    """Width and height of the scaled image: one side as asked, the other in proportion and cut down to a whole number, as torchvision does."""
    least_width, least_height = short_sides(p)
    if width * least_height >= height * least_width:
        return max(least_width, least_height * width // height), least_height
    return least_width, max(least_height, least_width * height // width)


def _cut(size: int, total: int, kept: int) -> Axis:
    return Axis(0, size, size, total, _half(total - kept), kept, 0)


def _bars(size: int, other: int, wanted: int, wanted_other: int, pillow: bool) -> Axis:
    """A side that keeps its proportion to the other one; Pillow rounds it, TensorFlow cuts it down."""
    if size * wanted_other >= other * wanted:
        return Axis(0, size, size, wanted, 0, wanted, 0)
    above, below = size * wanted_other, other
    total = max(1, _rounded(above, below) if pillow else above // below)
    at = _half(wanted - total) if pillow else (wanted * below - above) // (2 * below)
    return Axis(0, size, size, total, 0, total, at)


def _rounded(above: int, below: int) -> int:
    """above / below, rounded half to even."""
    whole, rest = divmod(above, below)
    return whole + (2 * rest > below or (2 * rest == below and whole % 2 == 1))


def _half(size: int) -> int:
    """Half of a size, rounded half to even."""
    return size // 2 + (size % 4 == 3)
