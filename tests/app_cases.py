"""Pictures and models that an app's pre-processing must treat as edgecnn does: cases.json and N.in for the app, and what it must write as N.out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from edgecnn.card import Preprocessing
from edgecnn.data import pictures
from edgecnn.data.geometry import short_sides
from edgecnn.resize_rules import FILTERS
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.scores import ScoreKind, to_probabilities

# Older than 13, Pillow never goes down before it goes across, which rounds otherwise.
STEPS = 0 if int(PIL.__version__.split(".")[0]) >= 13 else 1
# Types of an input with scale and zero point; of the last one the bytes run over both ends.
STORED = (("float32", None, 0), ("uint8", 0.0078125, 128), ("int8", 0.02, -3), ("int8", 0.001, 5))
# Heights and widths: a pixel, two, lines, very tall and very wide ones, and photos.
EXTREME = ((1, 1), (2, 2), (1, 700), (700, 1), (3000, 5), (5, 3000), (900, 300), (1600, 1200), (1200, 1600))
MEAN, STD = (103.939, 116.779, 123.68), (57.1, 58.2, 59.3)


def turning(width: int, height: int) -> list[tuple[int, int]]:
    """Heights and widths of pictures about where Pillow 13 changes from going across first to going down first, for a result of this size."""
    return [(height + 2 * more + off, width + more) for more in (0, 1, 9) for off in (-1, 0, 1, 2) if height + 2 * more + off > 0]


def resizing(folder: Path, count: int) -> list[np.ndarray]:
    """Extreme sizes and `count` of any size, by every mode and filter, in every EXIF orientation. Returns the pixels that edgecnn makes of them.

    The first ones by Pillow alone, stretched and cropped.
    """
    rng, cases, wanted = np.random.default_rng(7), [], []
    sizes = [*((sides, rng.integers(1, 230, 2)) for sides in EXTREME), *((sides, (32, 48)) for sides in turning(48, 32))]
    sizes += [(rng.integers(1, 300, 2), rng.integers(1, 230, 2)) for _ in range(count)]
    rules = [("stretch", "crop")[i % 2] for i in range(len(sizes))]
    others = [f"{mode},{name}" for mode, name in itertools.product(("stretch", "crop", "crop,0.875", "pad,#1020f0"), FILTERS)]
    sizes += [(rng.integers(1, 200, 2), rng.integers(1, 100, 2)) for _ in range(3 * len(others))]
    for i, (((height, width), (tall, wide)), rule) in enumerate(zip(sizes, [*rules, *(3 * others)], strict=True)):
        picture = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        image, orientation = Image.fromarray(picture), i % 8 + 1
        image.getexif()[0x0112] = orientation
        image, size = ImageOps.exif_transpose(image), (int(wide), int(tall))
        said = Preprocessing(size[1], size[0], resize=rule)
        by_pillow = {"stretch": Image.Image.resize, "crop": ImageOps.fit}.get(rule)
        right = by_pillow(image, size, Image.Resampling.BILINEAR) if by_pillow else pictures.fit(np.asarray(image), said)
        wanted.append(np.asarray(right).astype(int))
        (folder / f"{i}.in").write_bytes(picture.tobytes())
        model = {"width": size[0], "height": size[1], "resize": said.resize, "filter": said.resize_filter, "bars": said.pad_color}
        model["scaled"] = short_sides(said) if said.crop_fraction < 1 else None
        cases.append({"width": int(width), "height": int(height), "orientation": orientation, "model": model})
    (folder / "cases.json").write_text(json.dumps(cases))
    return wanted


def farthest(folder: Path, wanted: list[np.ndarray]) -> int:
    """How many steps of 255 the app's pixels are off at most."""
    return max(int(np.abs(np.frombuffer((folder / f"{i}.out").read_bytes(), np.uint8).reshape(want.shape) - want).max()) for i, want in enumerate(wanted))


def inputs(folder: Path) -> list[bytes]:
    """One picture for every type, order and layout of an input. Returns the bytes that the runners feed."""
    picture = np.random.default_rng(3).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    cases, wanted = [], []
    for (dtype, scale, zero), order, first in itertools.product(STORED, ("rgb", "bgr", "grey", "rgba"), (False, True)):
        mean, std = {"grey": ((128.0,), (127.3,)), "rgba": ((*MEAN, 127.0), (*STD, 64.0))}.get(order, (MEAN, STD))
        said = Preprocessing(7, 5, order, mean, std)
        wanted.append(Encoder(said, dtype, scale, zero, channels_first=first)(picture[None]).tobytes())
        stored = {"dtype": dtype, "scale": scale, "zeroPoint": zero, "channelsFirst": first}
        cases.append({"width": 5, "height": 7, "order": order, "mean": said.mean, "std": said.std, "input": stored})
    (folder / "cases.json").write_text(json.dumps(cases))
    (folder / "picture").write_bytes(picture.tobytes())
    return wanted


def scores(folder: Path) -> list[np.ndarray]:
    """A row of scores of every kind. Returns the probabilities that the runners make of them."""
    rng, cases, wanted = np.random.default_rng(5), [], []
    for kind in ScoreKind:
        row = rng.normal(0, 3, 1 if kind in (ScoreKind.SIGMOID, ScoreKind.LOGIT) else 5).astype(np.float32)
        row = row if kind.are_logits else np.abs(np.tanh(row))
        wanted.append(to_probabilities(row[None], kind)[0])
        cases.append({"kind": kind.value, "row": row.tolist()})
    (folder / "cases.json").write_text(json.dumps(cases))
    return wanted


def far_off(folder: Path, wanted: list[np.ndarray]) -> list[int]:
    """Numbers of the cases whose probabilities, float32 with the least byte first, are others."""
    written = [np.frombuffer((folder / f"{i}.out").read_bytes(), "<f4") for i in range(len(wanted))]
    return [i for i, want in enumerate(wanted) if written[i].shape != want.shape or np.abs(written[i] - want).max() > 1e-6]


def differing(folder: Path, wanted: list[bytes]) -> list[int]:
    """Numbers of the cases whose bytes are others."""
    return [i for i, want in enumerate(wanted) if (folder / f"{i}.out").read_bytes() != want]


def tighten(golden: Path) -> None:
    """Leave golden.json no tolerance for the input, where Pillow rounds as the apps do."""
    if STEPS == 0:
        told = json.loads(golden.read_text())
        for one in told["pictures"]:
            one["tolerance"]["input"] = 0
        golden.write_text(json.dumps(told))
