"""What a file answers to an app that makes a usual mistake, so that the app's failing golden test can name it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.runtime.contract import Runner
from edgecnn.validate.doctor.levels import Input
from edgecnn.validate.doctor.mistakes import RIGHT, Way, ways
from edgecnn.validate.doctor.trial import stored_of
from edgecnn.validate.doctor.views import Original

if TYPE_CHECKING:
    from edgecnn.bundle.golden_picture import Picture

# A signature holds the mean and the roughness of each channel in each field of a grid of so many rows and columns.
GRID = 4

# Filters that are no mistake: tolerances are measured with them. And labels, which no input shows.
_RIGHT_ENOUGH = ("bicubic", "area")
_SHORT = {
    "BGR for RGB": "bgr", "RGB for BGR": "rgb", "pixel / 255": "div255", "pixel / 127.5 - 1": "minus1to1", "(pixel - 128) / 128": "div128",
    "no scaling, 0..255": "unscaled", "128 off (int8 / uint8)": "off128", "EXIF ignored": "unrotated", "cropped, not stretched": "cropped",
    "stretched, not cropped": "stretched", "NCHW / NHWC mixed up": "layout",
    "resized without antialias": "unsmoothed",
}  # fmt: skip


@dataclass(frozen=True)
class Trap:
    """A mistake.

    Attributes:
        key: one word.
        cause: its name, or names where several feed the same numbers.
        advice: how it is mended.
        probabilities: picture's stem -> float32 [classes], for pictures whose input the mistake changes.
        signatures: picture's stem -> signature of the wrong input.
    """

    key: str
    cause: str
    advice: str
    probabilities: Mapping[str, np.ndarray]
    signatures: Mapping[str, tuple[float, ...]]


def traps_of(runner: Runner, into: Input, pictures: Sequence[Picture]) -> tuple[Trap, ...]:
    """Every mistake that changes the input of a picture; those that feed the same numbers are one."""
    fed = {picture.stem: Original(picture.content, into.preprocessing) for picture in pictures}
    right = {picture.stem: picture.input.tobytes() for picture in pictures}
    found: dict[tuple[bytes, ...], list[tuple[Way, dict[str, np.ndarray]]]] = {}
    for way in ways(into, ()):
        if way is RIGHT or way.label != 0 or way.name in _RIGHT_ENOUGH:
            continue
        table = way.levels(into)
        stored = {stem: stored_of(way.view(original)[None], way, table, into) for stem, original in fed.items()}
        changed = {stem: one for stem, one in stored.items() if one.tobytes() != right[stem]}
        if changed:
            found.setdefault(tuple(one.tobytes() for one in stored.values()), []).append((way, changed))
    return tuple(_trap(runner, into, [way for way, _ in same], same[0][1]) for same in found.values())


def signature(stored: np.ndarray, into: Input) -> tuple[float, ...]:
    """GRID x GRID x channels pairs of what is stored in an input [1, ...]: row by row, field by field, channel by channel.

    A pair is the mean, and the mean absolute difference to the pixel on the left (0 in the first column), which tells a smoothed picture from one that is not.
    Row r of the grid covers the picture's rows from r * H // GRID up to (r + 1) * H // GRID, or one row where that is empty; columns alike.
    """
    picture = stored[0].astype(np.float64)
    if not into.layout.has_channel_axis:
        picture = picture[..., None]
    picture = picture.transpose(1, 2, 0) if into.layout.channels_first else picture
    rough = np.abs(np.diff(picture, axis=1, prepend=picture[:, :1]))
    rows, columns = (_bounds(side) for side in picture.shape[:2])
    fields = [(slice(*row), slice(*column)) for row in rows for column in columns]
    return tuple(round(float(v), 4) for field in fields for pair in zip(picture[field].mean((0, 1)), rough[field].mean((0, 1)), strict=True) for v in pair)


def _bounds(side: int) -> list[tuple[int, int]]:
    starts = [i * side // GRID for i in range(GRID)]
    return [(start, max(start + 1, (i + 1) * side // GRID)) for i, start in enumerate(starts)]


def _trap(runner: Runner, into: Input, same: Sequence[Way], stored: Mapping[str, np.ndarray]) -> Trap:
    answers = {stem: _answer(runner, one) for stem, one in stored.items()}
    cause = " or ".join(way.name for way in same)
    return Trap(_key(same[0].name), cause, same[0].advice, answers, {stem: signature(one, into) for stem, one in stored.items()})


def _answer(runner: Runner, stored: np.ndarray) -> np.ndarray:
    """Probabilities [classes]; all zero where the mistake makes the network overflow."""
    scores = runner.feed(stored)
    return runner.probabilities(scores)[0] if np.isfinite(scores).all() else np.zeros(runner.classes, np.float32)


def _key(name: str) -> str:
    return _SHORT.get(name) or re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
