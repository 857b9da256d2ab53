"""RandAugment (Cubuk et al., 2019, arXiv:1909.13719): for each picture, a few changes drawn from a list, all of one strength.

A turn, shear or shift only adds to the picture's one transform; changes of pixels come after it, one by one, and round nothing. The paper's fourteenth
change, equalize, is left out: it needs a histogram of each channel of every picture at every step, to use it in one of fourteen.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

from keras import ops

from edgecnn.train import colours
from edgecnn.train.geometry import Affine

Tensor = Any

# Each change with its amount at strength 1, the paper's magnitude 30: degrees, pixels across by pixels down, share of height or width, change of a factor
# that is 1, bits that are lost, share of the range that is inverted. Where two is True, the sign is random.
RANGES: tuple[tuple[str, float, bool], ...] = (
    ("identity", 0.0, False),
    ("rotate", 30.0, True),
    ("shear_x", 0.3, True),
    ("shear_y", 0.3, True),
    ("translate_x", 0.45, True),
    ("translate_y", 0.45, True),
    ("brightness", 0.9, True),
    ("contrast", 0.9, True),
    ("colour", 0.9, True),
    ("sharpness", 0.9, True),
    ("posterize", 4.0, False),
    ("solarize", 1.0, False),
    ("autocontrast", 0.0, False),
)
OPERATIONS = tuple(name for name, _, _ in RANGES)


@dataclass(frozen=True)
class Change:
    """One change of each picture.

    Attributes:
        choice: which one, a number of `OPERATIONS`, float32 [N].
        sign: 1 or -1, float32 [N].
        strength: of all, from 0 to 1.
    """

    choice: Tensor
    sign: Tensor
    strength: float

    def amount(self, name: str) -> Tensor:
        """How much of this change each picture gets, [N]: 0 where it gets another one."""
        number = OPERATIONS.index(name)
        _, most, signed = RANGES[number]
        amount = most * self.strength * (self.sign if signed else ops.ones_like(self.sign))
        return ops.where(self.chosen(name), amount, 0.0)

    def chosen(self, name: str) -> Tensor:
        """Whether each picture gets this change, bool [N]."""
        return ops.equal(self.choice, float(OPERATIONS.index(name)))


def drawn(choice: Tensor, sign: Tensor, strength: float) -> Change:
    """From two columns of draws [N] in [0, 1): every operation at even odds."""
    return Change(ops.floor(choice * len(OPERATIONS)), ops.where(sign < 0.5, -1.0, 1.0), strength)


def move(change: Change, size: tuple[int, int]) -> Affine:
    """The transform of a change: turns and shears keep the centre in place. No transform where the change is one of pixels.

    Args:
        change: of each picture.
        size: height and width, in pixels.
    """
    angle = change.amount("rotate") * (pi / 180)
    cosine, sine = ops.cos(angle), ops.sin(angle)
    right, down = change.amount("translate_x") * size[1], change.amount("translate_y") * size[0]
    return Affine(cosine, change.amount("shear_x") - sine, change.amount("shear_y") + sine, cosine, right, down)


def repaint(pictures: Tensor, change: Change) -> Tensor:
    """Pictures [N, H, W, 3] in 0..255 after a change of pixels, in 0..255; exactly as they were where the change is another.

    Brightness, contrast, colour, sharpness and autocontrast are sums of the picture, of its luma, of its smoothed self and of a constant: one pass does all.
    """
    own, constant, luma, smooth = _shares(pictures, change)
    blended = pictures * own + constant + colours.grey(pictures) * luma + smoothed(pictures) * smooth
    blended = ops.clip(blended, 0.0, 255.0)
    return _solarized(_posterized(blended, change), change)


def smoothed(pictures: Tensor) -> Tensor:
    """Pillow's SMOOTH: the mean of 3x3 pixels with the middle one five times; the border stays as it is."""
    height, width = pictures.shape[1:3]
    if height < 3 or width < 3:
        return pictures
    rows = pictures[:, :-2] + pictures[:, 1:-1] + pictures[:, 2:]
    inner = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    inner = (inner + 4 * pictures[:, 1:-1, 1:-1]) / 13
    inner = ops.concatenate([pictures[:, 1:-1, :1], inner, pictures[:, 1:-1, -1:]], axis=2)
    return ops.concatenate([pictures[:, :1], inner, pictures[:, -1:]], axis=1)


def _shares(pictures: Tensor, change: Change) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shares of the picture [N, 1, 1, 3], of a constant [N, 1, 1, 3], of the luma and of the smoothed picture [N, 1, 1, 1]."""
    light, contrast, colour, sharp = (_wide(change.amount(name)) for name in ("brightness", "contrast", "colour", "sharpness"))
    mean = ops.mean(colours.grey(pictures), axis=(1, 2, 3), keepdims=True)
    darkest, brightest = (reduce(pictures, axis=(1, 2), keepdims=True) for reduce in (ops.min, ops.max))
    spread = brightest - darkest
    stretched = ops.logical_and(_wide(change.chosen("autocontrast")), spread > 0)
    gain = ops.where(stretched, 255.0 / ops.where(spread > 0, spread, 1.0), 1.0)
    own = gain + light + contrast + colour + sharp
    return own, ops.where(stretched, -darkest * gain, -contrast * mean), -colour, -sharp


def _posterized(pictures: Tensor, change: Change) -> Tensor:
    """The lowest bits of the nearest byte set to 0."""
    step = float(2 ** round(RANGES[OPERATIONS.index("posterize")][1] * change.strength))
    return ops.where(_wide(change.chosen("posterize")), ops.floor((pictures + 0.5) / step) * step, pictures)


def _solarized(pictures: Tensor, change: Change) -> Tensor:
    """Bytes from the threshold up inverted. Half a byte lower, as rounding does, so that backends that differ in the last digit agree."""
    threshold = 256.0 - 256.0 * _wide(change.amount("solarize"))
    chosen = ops.logical_and(_wide(change.chosen("solarize")), pictures >= threshold - 0.5)
    return ops.where(chosen, 255.0 - pictures, pictures)


def _wide(values: Tensor) -> Tensor:
    return ops.reshape(values, (-1, 1, 1, 1))
