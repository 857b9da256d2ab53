"""From a picture's bytes to the pixels that an app would hand on: the right ones, and those of every mistake of reading, turning, cutting and resizing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image

from edgecnn.card import Preprocessing
from edgecnn.data import pictures, resampling
from edgecnn.runtime.preprocess import channels

# Share of the side that Resize(256) and CenterCrop(224) leave, the rule of most ImageNet training scripts.
CENTRE = 0.875


@dataclass(frozen=True)
class Original:
    """One picture file, decoded when it is first needed.

    Attributes:
        content: bytes of the file.
        preprocessing: size and resize rule of the network.
    """

    content: bytes
    preprocessing: Preprocessing

    @cached_property
    def upright(self) -> np.ndarray:
        """uint8 RGB [h, w, 3] at its own size, turned as EXIF says."""
        return pictures.whole(self.content)

    @cached_property
    def right(self) -> np.ndarray:
        """uint8 RGB [height, width, 3] as the network was trained to see it."""
        return pictures.fit(self.upright, self.preprocessing)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the network's input."""
        return self.preprocessing.width, self.preprocessing.height


# Each gives uint8 RGB [height, width, 3] of the network's size.
View = Callable[[Original], np.ndarray]


def right(picture: Original) -> np.ndarray:
    """No mistake."""
    return picture.right


def resized_by(method: Image.Resampling) -> View:
    """Another filter of Pillow's, by the network's own rule; all but NEAREST smooth when they shrink."""
    return lambda picture: resampling.with_method(Image.fromarray(picture.upright), picture.preprocessing, method)


def filtered(name: str) -> View:
    """Another of the filters that cards name, by the network's own mode."""
    return lambda picture: pictures.fit(picture.upright, replace(picture.preprocessing, resize_filter=name))


def unsmoothed(picture: Original) -> np.ndarray:
    """Bilinear between the four nearest pixels, however far they lie from each other: OpenCV's INTER_LINEAR, tf.image.resize and Android's scaled bitmaps."""
    if picture.preprocessing.resize == "pad":
        return filtered("tf-bilinear")(picture)
    left, top, right, bottom = _box(picture)
    pixels = picture.upright.astype(np.float32)
    for side, start, end, wanted in ((0, top, bottom, picture.size[1]), (1, left, right, picture.size[0])):
        place = (start + (np.arange(wanted) + 0.5) * (end - start) / wanted - 0.5).clip(0, pixels.shape[side] - 1)
        low = place.astype(int)
        share = np.expand_dims((place - low).astype(np.float32), (1 - side, 2))
        pixels = pixels.take(low, side) * (1 - share) + pixels.take(np.minimum(low + 1, pixels.shape[side] - 1), side) * share
    return np.rint(pixels).astype(np.uint8)


def in_mode(mode: str) -> View:
    """Stretched, cropped or padded, by the network's own filter."""
    return lambda picture: pictures.fit(picture.upright, replace(picture.preprocessing, resize=mode, crop_fraction=1.0))


def centre_only(picture: Original) -> np.ndarray:
    """The middle of the picture, 87.5 % of the square's side: resized to 8/7 of the input, as whole pixels, and cut as whole pixels."""
    image, (width, height) = Image.fromarray(picture.upright), picture.size
    scale = max(round(width / CENTRE) / image.width, round(height / CENTRE) / image.height)
    image = image.resize((int(image.width * scale + 1e-6), int(image.height * scale + 1e-6)), Image.Resampling.BILINEAR)
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return np.asarray(image.crop((left, top, left + width, top + height)))


def letterboxed(picture: Original) -> np.ndarray:
    """The whole picture in its own proportions, between black bars."""
    image, (width, height) = Image.fromarray(picture.upright), picture.size
    scale = min(width / image.width, height / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    page = Image.new("RGB", picture.size)
    page.paste(image.resize(inner, Image.Resampling.BILINEAR), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.asarray(page)


def turned(quarters: int) -> View:
    """Turned clockwise by quarters of a circle."""
    return lambda picture: pictures.fit(np.rot90(picture.upright, -quarters).copy(), picture.preprocessing)


def as_stored(picture: Original) -> np.ndarray:
    """Not turned as its EXIF orientation says."""
    return pictures.fit(pictures.whole(picture.content, upright=False), picture.preprocessing)


def mirrored(picture: Original) -> np.ndarray:
    """Left and right exchanged."""
    return picture.right[:, ::-1]


def upside_down(picture: Original) -> np.ndarray:
    """Top and bottom exchanged, as in a buffer that is read from its last row."""
    return picture.right[::-1]


def transposed(picture: Original) -> np.ndarray:
    """Rows taken for columns."""
    return pictures.fit(picture.upright.transpose(1, 0, 2).copy(), picture.preprocessing)


def grey(picture: Original) -> np.ndarray:
    """The brightness in all three channels."""
    return np.repeat(channels(picture.right, "grey"), 3, axis=-1)


def inverted(picture: Original) -> np.ndarray:
    """255 - pixel: dark on light for light on dark."""
    return 255 - picture.right


def chroma_swapped(picture: Original) -> np.ndarray:
    """U taken for V, as when a camera's NV21 frame is read as NV12."""
    planes = Image.fromarray(np.ascontiguousarray(picture.right)).convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (planes[0], planes[2], planes[1])).convert("RGB"))


def _box(picture: Original) -> tuple[float, float, float, float]:
    """The part of the original that the network's rule keeps: left, top, right, bottom."""
    if picture.preprocessing.resize == "crop":
        return _crop(picture)
    height, width = picture.upright.shape[:2]
    return 0.0, 0.0, float(width), float(height)


def _crop(picture: Original) -> tuple[float, float, float, float]:
    """The largest part in the middle that has the input's proportions."""
    (height, width), ratio = picture.upright.shape[:2], picture.size[0] / picture.size[1]
    across, down = (ratio * height, float(height)) if width / height >= ratio else (float(width), width / ratio)
    across, down = across * picture.preprocessing.crop_fraction, down * picture.preprocessing.crop_fraction
    return (width - across) / 2, (height - down) / 2, (width + across) / 2, (height + down) / 2
