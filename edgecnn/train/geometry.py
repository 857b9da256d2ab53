"""Where each output pixel is read from: one inverse affine transform per picture, sampled once.

A transform is six tensors [N], in pixels around the centre of the picture: output pixel (u, v) is read at (a u + b v + e, c u + d v + f), u and x to the
right, v and y down. Around the centre, because float32 has more digits near 0, and because a turn about the centre then needs no offset.
"""

from __future__ import annotations

from math import log, pi
from typing import Any, NamedTuple

from keras import ops

Tensor = Any

GREY = 128.0  # what is outside the picture, with fill "grey"
ASPECT = 4 / 3  # of a random crop, either way


class Affine(NamedTuple):
    """The six tensors [N], float32."""

    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor
    e: Tensor
    f: Tensor

    def after(self, first: Affine) -> Affine:
        """This change made to a picture that `first` was made to: its reading places are handed on to `first`."""
        return Affine(
            a=first.a * self.a + first.b * self.c,
            b=first.a * self.b + first.b * self.d,
            c=first.c * self.a + first.d * self.c,
            d=first.c * self.b + first.d * self.d,
            e=first.a * self.e + first.b * self.f + first.e,
            f=first.c * self.e + first.d * self.f + first.f,
        )


def turned(angle: Tensor, scale: Tensor, mirror: Tensor, right: Tensor, down: Tensor) -> Affine:
    """Rotation by `angle` radians, reading `scale` times as wide, mirrored where `mirror` is -1, and read from pixels `right` and `down`; each [N]."""
    cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale
    return Affine(cosine * mirror, -sine, sine * mirror, cosine, right, down)


def mirrors(draw: Tensor) -> Tensor:
    """-1 for about half of the draws [N], else 1."""
    return ops.where(draw < 0.5, -1.0, 1.0)


def whole_shift(draw: Tensor, share: float, size: int) -> Tensor:
    """Whole pixels, from -share * size to share * size at even odds, of draws [N] in [0, 1)."""
    most = round(share * size)
    return ops.floor(draw * (2 * most + 1)) - most


def cropped(area: Tensor, aspect: Tensor, right: Tensor, down: Tensor, least: float, size: tuple[int, int]) -> Affine:
    """A part of the picture made as large as the picture (Szegedy et al., 2014, arXiv:1409.4842, section 6).

    Args:
        area, aspect, right, down: draws [N] in [0, 1): share of the area, width over height (log-uniform), place.
        least: smallest share of the area. A part that would be wider or higher than the picture is cut to it.
        size: height and width of the picture, in pixels.
    """
    height, width = size
    root = ops.sqrt((least + (1 - least) * area) * float(height * width))
    stretch = ops.exp((aspect - 0.5) * log(ASPECT))  # root of the aspect
    wide, high = ops.minimum(root * stretch, float(width)), ops.minimum(root / stretch, float(height))
    none = ops.zeros_like(area)
    return Affine(wide / width, none, none, high / height, (right - 0.5) * (width - wide), (down - 0.5) * (height - high))


def degrees(draw: Tensor, most: float) -> Tensor:
    """Radians within `most` degrees either way, of draws [N] in [0, 1)."""
    return (2 * draw - 1) * (most * pi / 180)


def sample(pictures: Tensor, transform: Affine, fill: str) -> Tensor:
    """Pictures [N, H, W, 3] read through `transform`, bilinear, float32.

    Whole-pixel shifts and mirrors give exact pixels. Fill "reflect" does not repeat the edge pixel, as NumPy's.
    """
    pictures, shift = _framed(pictures, fill)
    height, width = pictures.shape[1:3]
    u, v = _centred(width - 2 * shift, (1, 1, -1)), _centred(height - 2 * shift, (1, -1, 1))
    a, b, c, d, e, f = (ops.reshape(ops.cast(part, "float32"), (-1, 1, 1)) for part in transform)
    column, right, step = _between(a * u + (b * v + (e + (width - 1) / 2)), width, fill)
    row, below, stride = _between(c * u + (d * v + (f + (height - 1) / 2)), height, fill)
    index = _first(pictures) + ops.cast(row * width + column, "int32")
    flat = ops.reshape(pictures, (-1, 3))
    right, below, stride = ops.expand_dims(right, -1), ops.expand_dims(below, -1), stride * width
    upper = _blend(ops.take(flat, index, axis=0), ops.take(flat, index + step, axis=0), right)
    lower = _blend(ops.take(flat, index + stride, axis=0), ops.take(flat, index + (stride + step), axis=0), right)
    return _blend(upper, lower, below)


def shift_exactly(pictures: Tensor, mirror: Tensor, right: Tensor, down: Tensor, fill: str) -> Tensor:
    """Pictures [N, H, W, 3] mirrored where `mirror` [N] is -1 and read from whole pixels `right` and `down` [N]: one gather and no blend."""
    pictures, shift = _framed(pictures, fill)
    height, width = pictures.shape[1:3]
    mirror, right, down = (ops.reshape(part, (-1, 1, 1)) for part in (mirror, right, down))
    column = _inside(mirror * _centred(width - 2 * shift, (1, 1, -1)) + (right + (width - 1) / 2), width, fill)
    row = _inside(_centred(height - 2 * shift, (1, -1, 1)) + (down + (height - 1) / 2), height, fill)
    index = (_first(pictures) + ops.cast(row, "int32") * width) + ops.cast(column, "int32")
    return ops.take(ops.reshape(pictures, (-1, 3)), index, axis=0)


def _framed(pictures: Tensor, fill: str) -> tuple[Tensor, int]:
    """With a frame of one grey pixel where that is the fill: outside is then the nearest pixel in every case."""
    if fill != "grey":
        return pictures, 0
    return ops.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=GREY), 1


def _centred(size: int, shape: tuple[int, ...]) -> Tensor:
    return ops.reshape(ops.arange(size, dtype="float32") - (size - 1) / 2, shape)


def _first(pictures: Tensor) -> Tensor:
    """Index of the first pixel of each picture, int32 [N, 1, 1]."""
    count, height, width = ops.shape(pictures)[0], *pictures.shape[1:3]
    return ops.reshape(ops.arange(count, dtype="int32") * (height * width), (-1, 1, 1))


def _inside(place: Tensor, size: int, fill: str) -> Tensor:
    """Places brought into 0..size - 1."""
    if fill == "reflect" and size > 1:
        period = 2.0 * (size - 1)
        place = place - period * ops.floor(place / period)
        place = ops.minimum(place, period - place)
    return ops.clip(place, 0.0, float(size - 1))


def _between(place: Tensor, size: int, fill: str) -> tuple[Tensor, Tensor, int]:
    """The pixel before a place, the share of the one after it, and how far that one is: 0 where there is none."""
    place = _inside(place, size, fill)
    before = ops.minimum(ops.floor(place), float(max(0, size - 2)))
    return before, place - before, min(1, size - 1)


def _blend(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return one + share * (other - one)
