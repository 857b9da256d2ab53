"""One golden picture: what becomes of it on its way into a file and out again, and how far an app may be off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgecnn import resize_rules
from edgecnn.bundle import scenes
from edgecnn.data import pictures as decoding
from edgecnn.errors import BadFile
from edgecnn.runtime.contract import Runner, Tensor
from edgecnn.runtime.scores import ScoreKind
from edgecnn.validate.doctor import views
from edgecnn.validate.doctor.levels import Input
from edgecnn.validate.doctor.mistakes import RIGHT
from edgecnn.validate.doctor.trial import stored_of
from edgecnn.validate.doctor.views import Original

# Filters that smooth when they shrink: other platforms have other ones, and an app with any of them is right. Tolerances are measured with them.
FILTERS = (Image.Resampling.HAMMING, Image.Resampling.BICUBIC, Image.Resampling.BOX)
# Over what the filters differ by, and at least: a step of a pixel, a hundredth of probability.
MARGIN, LEAST_PIXELS, LEAST_PROBABILITY = 1.5, 1.0, 0.01
# A picture with a tolerance of probability up to this is good enough.
STEADY = 0.05


@dataclass(frozen=True)
class Tolerance:
    """How far an app may be off: mean absolute difference of pixels and of stored inputs, largest difference of a probability."""

    pixels: float
    input: float
    probabilities: float


@dataclass(frozen=True)
class Picture:
    """One golden picture and what becomes of it.

    Attributes:
        file: name of the picture file.
        content: its bytes.
        orientation: EXIF's number of how it lies in the file; 1 is upright.
        origin: what it was made from.
        decoded: uint8 RGB [h, w, 3] as it lies in the file, see-through pixels laid over white.
        pixels: uint8 RGB [H, W, 3], upright and of the input's size.
        input: what is fed, [1, ...] in the type and layout of the tensor.
        output: what the tensor gives, [scores] in its own type.
        probabilities: float32 [classes], dequantized and brought to 0..1 as the kind of scores asks.
        tolerance: of an app that decodes and resizes by other libraries.
    """

    file: str
    content: bytes
    orientation: int
    origin: str
    decoded: np.ndarray
    pixels: np.ndarray
    input: np.ndarray
    output: np.ndarray
    probabilities: np.ndarray
    tolerance: Tolerance

    @property
    def stem(self) -> str:
        """The name without suffix, which its other files bear too."""
        return Path(self.file).stem

    @property
    def top(self) -> int:
        """Place of the likeliest output."""
        return int(self.probabilities.argmax())


def steadiest(runner: Runner, into: Input, candidates: Iterable[scenes.Scene]) -> Picture:
    """The first candidate whose answer other filters hardly change, else the one that they change least: near a border between classes nothing is proven."""
    best = None
    for scene in candidates:
        found = _picture(runner, into, scene)
        if best is None or found.tolerance.probabilities < best.tolerance.probabilities:
            best = found
        if best.tolerance.probabilities <= STEADY:
            break
    return best


def _picture(runner: Runner, into: Input, scene: scenes.Scene) -> Picture:
    original = Original(scene.content, runner.preprocessing)
    stored = encoded(original.right, into)
    scores = runner.feed(stored)
    if not np.isfinite(scores).all():
        raise BadFile(f"{runner.path}: the network gives NaN or infinity; its weights are damaged or a layer overflows")
    row = runner.probabilities(scores)[0]
    return Picture(
        scene.file, scene.content, scene.orientation, scene.origin, decoding.whole(scene.content, upright=False), original.right, stored,
        as_stored(scores[0], runner.output), row, _tolerance(runner, into, original, stored, row),
    )  # fmt: skip


def encoded(pixels: np.ndarray, into: Input) -> np.ndarray:
    """What the file is fed for uint8 RGB [H, W, 3]: [1, ...]."""
    return stored_of(pixels[None], RIGHT, RIGHT.levels(into), into)


def as_stored(real: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Real numbers as a tensor stores them."""
    if tensor.scale is None:
        return real.astype(tensor.dtype)
    return (np.rint(real / np.float32(tensor.scale)) + tensor.zero_point).astype(tensor.dtype)


def _tolerance(runner: Runner, into: Input, original: Original, stored: np.ndarray, row: np.ndarray) -> Tolerance:
    """What other filters change, with a margin."""
    pixels, inputs, answers = 0.0, 0.0, 0.0
    shrinks = original.upright.shape[0] >= original.size[1] and original.upright.shape[1] >= original.size[0]
    # Where the training did not smooth, another filter of these is a mistake: only the decoder may differ.
    smooth = resize_rules.FILTERS[runner.preprocessing.resize_filter].antialias
    for method in () if not smooth else FILTERS if shrinks else FILTERS[:-1]:  # a box that enlarges is the nearest pixel
        other = views.resized_by(method)(original)
        fed = encoded(other, into)
        pixels = max(pixels, _off(other, original.right))
        inputs = max(inputs, _off(fed, stored))
        answers = max(answers, float(np.abs(runner.probabilities(runner.feed(fed))[0] - row).max()))
    step = 1.0 if into.integer else LEAST_PIXELS / min(into.preprocessing.std)
    quantum = (runner.output.scale or 0.0) / (100 if runner.score_kind is ScoreKind.PERCENT else 1)
    least = max(LEAST_PROBABILITY, quantum)
    return Tolerance(max(LEAST_PIXELS, MARGIN * pixels), max(step, MARGIN * inputs), min(1.0, MARGIN * answers + least))


def _off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).mean())
