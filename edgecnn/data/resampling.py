"""Resizing with the filters of training pipelines: Pillow's by Pillow, TensorFlow's in whole numbers with the same result on every machine."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageOps

from edgecnn.card import Preprocessing
from edgecnn.data import geometry
from edgecnn.data.geometry import Axis
from edgecnn.resize_rules import FILTERS

PILLOW = {
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-box": Image.Resampling.BOX,
    "pillow-nearest": Image.Resampling.NEAREST,
}
# Bits of a weight's fraction. Two passes of 20 bits over bytes, and what bicubic overshoots, still fit 53 bits: a double holds every sum exactly, so that
# JavaScript gives the same bytes.
BITS = 20
# TensorFlow's bicubic without antialias takes its weights from a table of so many steps a pixel.
_CUBIC_STEPS = 1024


def resize(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """An upright RGB image at the size of `preprocessing`, uint8 [height, width, 3].

    TensorFlow's filters give `tf.image.resize` of the bytes, rounded half to even: Keras pipelines keep the fractions, edgecnn's images are bytes, and so at
    most half a gray level lies between both.
    """
    if preprocessing.resize_filter in PILLOW:
        return np.asarray(_by_pillow(image, preprocessing, PILLOW[preprocessing.resize_filter]))
    return resample(np.asarray(image), preprocessing)


def with_method(image: Image.Image, preprocessing: Preprocessing, method: Image.Resampling) -> np.ndarray:
    """`resize` by any filter of Pillow's in place of the one that `preprocessing` names."""
    return np.asarray(_by_pillow(image, preprocessing, method))


def _by_pillow(image: Image.Image, p: Preprocessing, method: Image.Resampling) -> Image.Image:
    size = (p.width, p.height)
    if p.resize == "stretch":
        return image.resize(size, method)
    if p.resize == "crop" and p.crop_fraction == 1.0:
        return ImageOps.fit(image, size, method)
    across, down = geometry.axes(image.width, image.height, p)
    scaled = image.resize((across.total, down.total), method)
    if p.resize == "crop":
        return scaled.crop((across.skip, down.skip, across.skip + p.width, down.skip + p.height))
    page = Image.new("RGB", size, p.pad_color)
    page.paste(scaled, (across.at, down.at))
    return page


def resample(pixels: np.ndarray, p: Preprocessing) -> np.ndarray:
    """Uint8 RGB [h, w, 3] by one of TensorFlow's filters, [height, width, 3]; see `resize`."""
    across, down = geometry.axes(pixels.shape[1], pixels.shape[0], p)
    part = pixels[down.origin : down.origin + down.size, across.origin : across.origin + across.size]
    # Which pass is first does not matter: nothing is rounded in between. Rows lie together in memory, so they are mixed first.
    rows = _mix_rows(part, *weights(down, p.resize_filter))
    both = _mix_rows(rows.transpose(1, 0, 2), *weights(across, p.resize_filter)).transpose(1, 0, 2)
    inner = _round_half_even(both)
    if p.resize != "pad":
        return np.ascontiguousarray(inner)
    page = np.empty((p.height, p.width, 3), np.uint8)
    page[:] = p.pad_color
    page[down.at : down.at + down.count, across.at : across.at + across.count] = inner
    return page


def _mix_rows(pixels: np.ndarray, first: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Sums [n, w, 3] of rows [h, w, 3] from `first` [n] on, with weights `fixed` [n, taps]; bytes give int32, sums of bytes give int64."""
    kind = np.int32 if pixels.dtype == np.uint8 else np.int64
    weights, last = fixed.astype(kind), len(pixels) - 1
    if fixed.shape[1] == 1:
        return pixels[first].astype(kind) * weights[:, :1, None]
    total = np.zeros((len(first), *pixels.shape[1:]), kind)
    for tap in range(fixed.shape[1]):
        # A weight beyond the last row is 0.
        total += pixels[np.minimum(first + tap, last)] * weights[:, tap, None, None]
    return total


def _round_half_even(sums: np.ndarray) -> np.ndarray:
    """Bytes from sums of 2 * BITS bits' fraction."""
    half = 1 << (2 * BITS - 1)
    odd = (sums >> (2 * BITS)) & 1
    return ((sums + (half - 1) + odd) >> (2 * BITS)).clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=256)
def weights(axis: Axis, name: str) -> tuple[np.ndarray, np.ndarray]:
    """First source pixel [count] and weights in 2^-20ths [count, taps], int64, of one side of the resize by a filter of TensorFlow's."""
    kind = FILTERS[name]
    places = np.arange(axis.skip, axis.skip + axis.count)
    scale = np.float32(axis.length) / np.float32(axis.total)
    if kind.antialias and kind.kernel != "area":  # ScaleAndTranslate is given the inverse
        scale = np.float32(1) / (np.float32(axis.total) / np.float32(axis.length))
    if kind.kernel == "nearest":
        first, real = np.minimum(np.floor((places + np.float32(0.5)).astype(np.float32) * scale).astype(np.int64), axis.size - 1), np.ones((axis.count, 1))
    elif kind.kernel == "area":
        first, real = _area(places, scale, axis.size)
    elif kind.kernel == "cubic" and not kind.antialias:
        first, real = _table_cubic(places, scale, axis.size)
    else:
        first, real = _kernel(places, scale, axis.size, kind.kernel, kind.antialias)
    fixed = np.floor(real / real.sum(1, keepdims=True) * (1 << BITS) + 0.5).astype(np.int64)
    return first, fixed


def _centers(places: np.ndarray, scale: np.float32) -> np.ndarray:
    """Where output pixels lie in the source, in float32 as TensorFlow computes it, as float64."""
    return ((places.astype(np.float32) + np.float32(0.5)) * scale).astype(np.float64)


def _kernel(places: np.ndarray, scale: np.float32, size: int, kernel: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights of ScaleAndTranslate, and of ResizeBilinear, which at the borders gives what a kernel gives that is divided by the sum of its weights."""
    wide = max(float(scale), 1.0) if antialias else 1.0
    radius = wide * (1 if kernel == "triangle" else 2)
    centers = _centers(places, scale)
    first = np.maximum(np.floor(centers - radius + 0.5), 0).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(radius)) * 2 + 1)
    far = np.abs((taps - centers[:, None] + 0.5) * (1 / wide))
    real = np.maximum(1 - far, 0) if kernel == "triangle" else _cubic(far)
    return _trimmed(first, np.where(taps < size, real, 0.0))


def _cubic(far: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -1/2."""
    near = (1.5 * far - 2.5) * far * far + 1
    return np.where(far < 1, near, np.where(far < 2, (((far - 5) * far + 8) * far - 4) * -0.5, 0.0))


def _table_cubic(places: np.ndarray, scale: np.float32, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of ResizeBicubic with half-pixel centers: four pixels, the place rounded to a 1024th, those beyond the border left out."""
    centers = (_centers(places, scale).astype(np.float32) - np.float32(0.5)).astype(np.float64)
    low = np.floor(centers)
    share = np.rint((centers - low) * _CUBIC_STEPS) / _CUBIC_STEPS
    taps = low[:, None].astype(np.int64) + np.arange(-1, 3)
    real = np.where((taps >= 0) & (taps < size), _cubic(np.abs(np.arange(-1, 3) - share[:, None])), 0.0)
    first = np.maximum(taps[:, 0], 0)
    moved = np.zeros_like(real)
    for row, gone in enumerate(first - taps[:, 0]):
        moved[row, : 4 - gone] = real[row, gone:]
    return _trimmed(first, moved)


def _area(places: np.ndarray, scale: np.float32, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of ResizeArea: how much of each source pixel the output pixel covers."""
    start, end = ((places + more).astype(np.float32) * scale for more in (0, 1))
    first = np.minimum(np.floor(start), size - 1).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(float(scale))) + 2)
    covered = np.minimum(taps + 1.0, end[:, None].astype(np.float64)) - np.maximum(taps, start[:, None].astype(np.float64))
    return _trimmed(first, np.where(taps < size, covered.clip(0, 1), 0.0))


def _trimmed(first: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without taps that have no weight anywhere."""
    used = np.flatnonzero(real.any(0))
    return first, real[:, : (used[-1] + 1 if len(used) else 1)]
