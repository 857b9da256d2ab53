"""Decoding: any picture file becomes upright uint8 RGB of the asked size."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageCms, ImageOps

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.data import image_formats, resampling
from edgecnn.errors import BadData, BadFile

# Bytes of a hash of decoded pixels: a million have two alike by chance once in 10^26 sets.
HASH_BYTES = 16

T = TypeVar("T")

# Pillow's own limit against decompression bombs: a quarter of a gigabyte as RGB.
MOST_PIXELS = 1024 * 1024 * 1024 // 4 // 3


EXPECTED = "expected a whole JPEG, PNG, BMP, GIF, WebP, AVIF, TIFF or PPM picture"


def decode_file(path: str | os.PathLike[str], preprocessing: Preprocessing) -> np.ndarray:
    """One picture file as upright uint8 RGB [height, width, 3]; BadFile names the file and says what is wrong with it."""
    content = files.read_bytes(path, "picture")
    with quiet():
        try:
            return decode_bytes(content, preprocessing, image_formats.suffix_of(Path(path).name))
        except BadFile as error:
            raise BadFile(f"{Path(path)}: {error}; {EXPECTED}") from error


def decode_bytes(content: bytes, preprocessing: Preprocessing, suffix: str = "") -> np.ndarray:
    """A picture file's bytes as upright uint8 RGB [height, width, 3] by the resize rule of `preprocessing`.

    Transparent pixels are laid over white, as a page shows them: what lies hidden under them is arbitrary. Of an animation the first frame counts.

    Args:
        content: of the file; its first bytes say what it is.
        preprocessing: size and resize rule.
        suffix: of the file's name, for formats that have no mark of their own, such as TGA.

    Raises:
        BadFile: not a picture, cut short, or too large; the message is the bare reason.
    """
    return _decoded(content, lambda image: resampling.resize(_rgb(ImageOps.exif_transpose(image)), preprocessing), suffix)


def decode_by_rules(content: bytes, preprocessings: Sequence[Preprocessing], suffix: str = "") -> list[np.ndarray]:
    """As `decode_bytes`, by several resize rules: the file is decoded once."""

    def finish(image: Image.Image) -> list[np.ndarray]:
        upright = _rgb(ImageOps.exif_transpose(image))
        return [resampling.resize(upright, one) for one in preprocessings]

    return _decoded(content, finish, suffix)


def decode_and_hash(content: bytes, preprocessing: Preprocessing, suffix: str = "") -> tuple[np.ndarray, bytes]:
    """As `decode_bytes`, and the hash of the upright RGB pixels at their own size: equal for all files that show the same pixels.

    A copy saved again without loss has the same hash; one that was compressed anew or resized has not.
    """

    def finish(image: Image.Image) -> tuple[np.ndarray, bytes]:
        upright = _rgb(ImageOps.exif_transpose(image))
        pixels = np.ascontiguousarray(upright)
        digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=HASH_BYTES)
        digest.update(pixels)
        return resampling.resize(upright, preprocessing), digest.digest()

    return _decoded(content, finish, suffix)


def any_picture(picture: str | os.PathLike[str] | bytes | np.ndarray | Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """A picture in whatever form, as upright uint8 RGB [height, width, 3] of the size of `preprocessing`.

    Args:
        picture: a path, the bytes of a picture file, an image of Pillow's, or upright uint8 RGB [any height, any width, 3].
        preprocessing: size and resize rule.

    Raises:
        BadFile: not a picture. BadData: an array of another shape or type, or an object of another kind.
    """
    if isinstance(picture, (str, os.PathLike)):
        return decode_file(picture, preprocessing)
    if isinstance(picture, np.ndarray):
        return fit(picture, preprocessing)
    if not isinstance(picture, (bytes, bytearray, memoryview, Image.Image)):
        raise BadData(f"a picture as {type(picture).__name__}; expected a path, the bytes of a picture file, a Pillow image or an array uint8 RGB")
    with quiet():
        try:
            if isinstance(picture, Image.Image):
                return resampling.resize(_rgb(ImageOps.exif_transpose(picture)), preprocessing)
            return decode_bytes(bytes(picture), preprocessing)
        except BadFile as error:
            raise BadFile(f"{type(picture).__name__} given as a picture: {error}; {EXPECTED}") from error
        except OSError as error:  # Pillow reads an image's pixels when they are first asked for
            raise BadFile(f"{type(picture).__name__} given as a picture: damaged picture ({error})") from error


def whole(content: bytes, *, upright: bool = True) -> np.ndarray:
    """A picture file's bytes as uint8 RGB [height, width, 3] at its own size, else as `decode_bytes`.

    Args:
        content: of the file.
        upright: turned as its EXIF orientation says; as it is stored where False.
    """
    return _decoded(content, lambda image: np.asarray(_rgb(ImageOps.exif_transpose(image) if upright else image)))


def _decoded(content: bytes, finish: Callable[[Image.Image], T], suffix: str = "") -> T:
    """What `finish` makes of the opened picture, and every failure of Pillow's in words."""
    if not content:
        raise BadFile("empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(content), formats=image_formats.formats(suffix)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            return finish(image)
    except BadFile:
        raise
    except Image.DecompressionBombError:
        raise BadFile(f"too large (more than {MOST_PIXELS:,} pixels)") from None
    except Image.UnidentifiedImageError:
        raise BadFile(image_formats.needs_package(content[: image_formats.HEAD]) or "not a picture") from None
    except Exception as error:  # Pillow's readers raise nearly every kind of error on damaged bytes
        raise BadFile(f"damaged picture ({str(error) or type(error).__name__})".replace("\n", " ")) from error


def fit(picture: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Upright uint8 RGB [any height, any width, 3] at the size of `preprocessing`; BadData for anything else."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise BadData(f"a picture of shape {list(picture.shape)} and type {picture.dtype}; expected uint8 RGB [height, width, 3] with values from 0 to 255")
    return resampling.resize(Image.fromarray(picture), preprocessing)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd metadata off the user's terminal while pictures are decoded, in all threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_16_bits(image).convert("RGB")
    if image.mode == "F":
        raise BadFile("floating-point pixels, whose range nobody states")
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    """CIE L*a*b*, which print shops keep in TIFF files, as sRGB."""
    return ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit grey, 65535 becoming 255: Pillow's own conversion clips at 255, which turns a photo white."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise BadFile("32-bit pixels, whose range nobody states")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
