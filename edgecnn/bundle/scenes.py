"""Pictures for golden vectors: of other shapes than the input, one turned by EXIF, one see-through, so that every step of an app's way to it matters."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from edgecnn import data, files
from edgecnn.card import Preprocessing
from edgecnn.data import DATASETS, pictures, sources
from edgecnn.errors import BadData, BadFile

OURS = "CC0-1.0 (drawn by edgecnn)"
# Longest side of a golden picture in pixels, so that a bundle stays small whatever the user's camera makes.
LONGEST = 640
# By how much fine lines differ from what they lie on, and over which share of each side they go.
LINES, LINED = 90, 0.7
# Candidates for each place.
TRIES = 6
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Taken:
    """A user's picture file: where it came from, and its bytes."""

    origin: str
    content: bytes


@dataclass(frozen=True)
class Scene:
    """A golden picture as a file.

    Attributes:
        file: its name.
        content: its bytes.
        orientation: EXIF's number; 1 is upright.
        origin: what it was made from.
    """

    file: str
    content: bytes
    orientation: int
    origin: str


@dataclass(frozen=True)
class Shape:
    """Width and height as multiples of the input's, the kind of file, and how it lies in it; `least` is what LONGEST leaves of the height in any case."""

    width: float
    height: float
    suffix: str = "png"
    orientation: int = 1
    alpha: bool = False
    least: float = 0.0


# Landscape and much larger, portrait, a phone's portrait that lies on its side, a see-through one that must be enlarged, and a wide photo.
SHAPES = (
    Shape(7.0, 4.5, least=2.5),
    Shape(1.6, 2.4),
    Shape(1.7, 2.6, "jpg", 6),
    Shape(1.3, 0.8, alpha=True),
    Shape(3.1, 1.9, "jpg"),
    Shape(2.1, 1.4, "jpg", 3),
)


def from_folder(path: str | os.PathLike[str], count: int) -> list[Taken]:
    """`count` pictures of a folder or archive, evenly spread over its names; BadData when it holds none."""
    source = sources.open_source(path)
    names = [name for name, _ in sources.pictures(source)]
    if not names:
        raise BadData(f"{path} holds no pictures; expected files such as .jpg and .png")
    wanted = set(_spread(names, count))
    return [Taken(f"{source.name}/{name}", read()) for name, read in sources.pictures(source) if name in wanted]


def from_data(name: str | os.PathLike[str], preprocessing: Preprocessing, count: int) -> list[Taken]:
    """`count` test pictures of a data set, evenly spread over its classes; BadData when it has none."""
    loaded = data.load(name, preprocessing, need_train=False)
    split = loaded.splits["test"]
    if not len(split):
        raise BadData(f"{name} has no test pictures to cut golden ones from; name a folder of pictures instead")
    in_order = [split.names[i] for i in np.argsort(split.labels, kind="stable")]
    names = _spread(in_order, count)
    found = sorted(data.originals(name, names))
    return [Taken(f"{loaded.name}/{names[i]}", content) for i, content in found]


def licence_of(name: str | os.PathLike[str]) -> str:
    """The licence of a data set that edgecnn knows, else that nobody stated one."""
    row = DATASETS.get(name) if isinstance(name, str) else None
    return f"{row.licence} ({row.title})" if row else f"not stated (pictures of {Path(name).name})"


def candidates(taken: Sequence[Taken] | None, preprocessing: Preprocessing, place: int, count: int) -> Iterator[Scene]:
    """Pictures that could stand at a place among `count`, of that place's shape: from those that were taken, or drawn where there are none."""
    shape = SHAPES[place % len(SHAPES)]
    width, height = _size(shape, preprocessing)
    file = f"{place}.{shape.suffix}"
    if taken is None:
        for seed in range(place, TRIES * count, count):
            yield Scene(file, _file(drawn(seed, width, height), shape), shape.orientation, "drawn")
        return
    # A share of its own for each place, so that pictures sorted by class give golden ones of several classes.
    share = taken[place * len(taken) // count : (place + 1) * len(taken) // count]
    for one in share or [taken[place % len(taken)]]:
        cut, origin = _cut(one, width, height), one.origin
        # Photos may be so soft that a resize without smoothing does no harm: the first, which is much larger than the input, gets what shows it.
        if place == 0:
            cut, origin = lined(cut), f"{origin}, with fine lines"
        yield Scene(file, _file(cut, shape), shape.orientation, origin)


def drawn(seed: int, width: int, height: int) -> Image.Image:
    """A picture of our own, RGB: a coloured slope with shapes and fine lines on it, no two corners and no two channels alike."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(20, 236, (2, 2, 3)).astype(np.uint8)
    image = Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for i in range(7):
        colour = tuple(int(v) for v in rng.permutation([int(rng.integers(180, 256)), int(rng.integers(60, 180)), int(rng.integers(0, 60))]))
        left, top = rng.uniform(-0.1, 0.7, 2)
        box = (left * width, top * height, (left + rng.uniform(0.15, 0.5)) * width, (top + rng.uniform(0.15, 0.5)) * height)
        (pen.ellipse if i % 2 else pen.rectangle)(box, fill=colour)
    return lined(image, *rng.uniform(0, 1 - LINED, 2))


def lined(image: Image.Image, left: float = (1 - LINED) / 2, top: float = (1 - LINED) / 2) -> Image.Image:
    """With slanted lines of a pixel's width over a part that begins at the shares `left` and `top`; only a resize that smooths makes one tone of them."""
    pixels = np.asarray(image).astype(np.int16)
    rows, columns = np.indices(pixels.shape[:2])
    across = (columns >= left * image.width) & (columns < (left + LINED) * image.width)
    down = (rows >= top * image.height) & (rows < (top + LINED) * image.height)
    lines = across & down & ((columns + 2 * rows) % 3 == 0)
    # Darker where it is bright, brighter where it is dark: a black background must show them too.
    pixels[lines] += np.where(pixels[lines] < 128, LINES, -LINES).astype(np.int16)
    return Image.fromarray(pixels.astype(np.uint8))


def _cut(taken: Taken, width: int, height: int) -> Image.Image:
    with pictures.quiet():
        try:
            upright = pictures.whole(taken.content)
        except BadFile as error:
            raise BadFile(f"{taken.origin}: {error}; leave it out, or name other pictures") from error
    return ImageOps.fit(Image.fromarray(upright), (width, height), Image.Resampling.BICUBIC)


def _size(shape: Shape, preprocessing: Preprocessing) -> tuple[int, int]:
    width, height = shape.width * preprocessing.width, shape.height * preprocessing.height
    scale = min(1.0, LONGEST / max(width, height))
    least = 1.25 * shape.least * preprocessing.width, shape.least * preprocessing.height
    return max(8, round(max(width * scale, least[0]))), max(8, round(max(height * scale, least[1])))


def _file(upright: Image.Image, shape: Shape) -> bytes:
    """The picture's file, turned as its EXIF entry will turn it back."""
    image = upright.transpose({3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[shape.orientation]) if shape.orientation != 1 else upright
    if shape.alpha:
        image.putalpha(_clouds(image.size))
    exif, out = Image.Exif(), io.BytesIO()
    if shape.orientation != 1:
        exif[_ORIENTATION] = shape.orientation
    if shape.suffix == "jpg":
        # All three channels at full size, so that decoders agree within a step.
        image.save(out, "JPEG", quality=95, subsampling=0, exif=exif)
    else:
        image.save(out, "PNG")
    return out.getvalue()


def _clouds(size: tuple[int, int]) -> Image.Image:
    """Opaque at the top left, see-through at the bottom right."""
    return Image.fromarray(np.array([[255, 255], [255, 0]], np.uint8)).resize(size, Image.Resampling.BILINEAR)


def _spread(names: Sequence[str], count: int) -> list[str]:
    """`count` of the names at even distances, or all."""
    places = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
    return [names[i] for i in places]


def read_picture(path: str | os.PathLike[str]) -> Taken:
    """A picture file of the user's; BadFile when it is none."""
    return Taken(Path(path).name, files.read_bytes(path, "picture"))
