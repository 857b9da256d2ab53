"""Inception modules, stems and bottlenecks as a course prints them: with biases, without batch norm, without classifier.

Andrew Ferlitsch, 2019, Keras idiomatic programmer, handbook 1, part 3, https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer
"""

from __future__ import annotations

from edgecnn.arch import googlenet
from edgecnn.arch.blocks import Tensor, check_choice
from edgecnn.arch.branches import Conv, Pool, Style, sequence
from edgecnn.arch.branches import module as side_by_side

NAIVE = ((Pool("max"),), (Conv(64),), (Conv(96, 3),), (Conv(48, 5),))
V1 = ((Pool("max"), Conv(64)), (Conv(64),), (Conv(64), Conv(96, 3)), (Conv(64), Conv(48, 5)))
V2 = ((Pool("max"), Conv(64)), (Conv(64),), (Conv(64), Conv(96, 3)), (Conv(64), Conv(48, 3), Conv(48, 3)))
NOTEBOOK = googlenet.branches(*googlenet.MODULES["4c"])
MODULES = {"naive": NAIVE, "v1": V1, "v2": V2, "notebook": NOTEBOOK}

# As the papers' but for the padding, and a convolution with stride 2 at the end.
V3_STEM = (Conv(32, 3, 2), Conv(32, 3), Conv(64, 3), Pool("max", 2), Conv(80), Conv(192, 3), Conv(256, 3, 2))

# The printed code overwrites its branch of 1x1, 7x1, 1x7 and 3x3, which so gets lost, and joins the 3x3 of the other branch with that branch's own 1x1.
V4_STEM = (
    Conv(32, 3, 2),
    Conv(32, 3),
    Conv(64, 3),
    ((Pool("max", 2),), (Conv(96, 3, 2),)),
    Conv(64),
    ((Conv(96, 3),), ()),
    ((Pool("max", 2),), (Conv(192, 3, 2),)),
)
STEMS = {"v3": V3_STEM, "v4": V4_STEM}

ACTIVATIONS = ("", "relu")


def module(x: Tensor, *, form: str, act: str) -> Tensor:
    """One Inception module: [N, H, W, C] -> [N, H, W, channels of its four branches].

    `form` is "naive" (no bottlenecks), "v1", "v2" (two 3x3 for a 5x5) or "notebook" (inception_4c of GoogLeNet); `act` follows each convolution, "" as printed.
    """
    check_choice("form", form, tuple(MODULES))
    return side_by_side(x, MODULES[form], name="module", style=_style(act))


def stem(x: Tensor, *, form: str, act: str) -> Tensor:
    """The stem of Inception "v3" or "v4" as printed: [N, H, W, 3] -> [N, H/8, W/8, 256 or 352], rounded up."""
    check_choice("form", form, tuple(STEMS))
    return sequence(x, STEMS[form], name="stem", style=_style(act))


def bottleneck(x: Tensor, *, reduce: int, filters: int, expand: int, act: str) -> Tensor:
    """A 3x3 convolution of `filters` between 1x1 convolutions of `reduce` and `expand` filters, each left out at 0: [N, H, W, C] -> [N, H, W, the last]."""
    steps = (Conv(reduce), Conv(filters, 3), Conv(expand))
    return sequence(x, [step for step in steps if step.filters], name="bottleneck", style=_style(act))


def _style(act: str) -> Style:
    check_choice("act", act, ACTIVATIONS)
    return Style(normed=False, act=act)
