"""From pictures, or from what a card has recorded of them, to what integer formats need: mean inputs and activation ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgecnn.card import Card
from edgecnn.errors import NoCalibration
from edgecnn.export.formats import Format
from edgecnn.export.pictures import Material
from edgecnn.export.ranges import Means, Range, Ranges, choose, with_exact_input
from edgecnn.progress import Progress
from edgecnn.settings import PostTraining

# Pictures for the means: a mean over all positions of so many is known to a fraction of a weight's rounding.
FOR_MEANS = 16

# Pictures for the second moments that weights are reconstructed by. Agreement of the networks in tools/post_training.py with rounded weights alone, by 32
# pictures and by 200: SqueezeNet 98.2 and 98.4 %, MobileNet 0.25 93.0 and 91.8 %.
FOR_PRODUCTS = 32


@dataclass(frozen=True)
class Calibrated:
    """What the quantized files of one format are derived from.

    Attributes:
        content: the float form with int8's weights and corrected biases.
        ranges: of its activations; None where no scheme that is asked for needs them.
        manifest: of the pictures behind both; empty where there were none.
        source: the same in words.
    """

    content: Any
    ranges: Ranges | None
    manifest: Mapping[str, object]
    source: str


def calibrate(writer: Format, content: Any, card: Card, material: Material, how: PostTraining, *, with_ranges: bool, progress: Progress) -> Calibrated:
    """Take what the card has recorded where that serves, else measure it on training pictures, in the way of `how`.

    Raises:
        NoCalibration: ranges are needed, and there are neither pictures nor records that fit this converter's tensors.
    """
    if material.recorded_serve and _as_recorded(how) and card.ranges.get(writer.suffix):
        found = _recorded(writer, content, card, material)
        if found is not None:
            return found
    if material.real:
        _, snapped, ranges = measure(writer, content, card, material, how, with_ranges=with_ranges, progress=progress)
        return Calibrated(snapped, ranges, material.manifest, "activations measured on them")
    if with_ranges and not _as_recorded(how):
        raise NoCalibration(f"the activations in {card.name}'s card serve the usual way to int8 only; for another, give labelled photos with --data FOLDER")
    if with_ranges:
        raise NoCalibration(f"the activation ranges in {card.name}'s card were recorded with another converter; give labelled photos with --data FOLDER")
    return Calibrated(writer.snap(content, {}, {}), None, {}, "")


def measure(
    writer: Format, content: Any, card: Card, material: Material, how: PostTraining, *, with_ranges: bool, progress: Progress
) -> tuple[Means, Any, Ranges | None]:
    """Mean inputs of the float form; that form snapped; and the ranges that the snapped form has."""
    means = writer.means(content, material.pictures[:FOR_MEANS], card.preprocessing)
    products = writer.products(content, material.pictures[:FOR_PRODUCTS], card.preprocessing) if how.rounding == "reconstructed" else {}
    snapped = writer.snap(content, means if how.correct else {}, products)
    if not with_ranges:
        return means, snapped, None
    ranges = choose(writer.extremes(snapped, material.pictures, card.preprocessing, progress), how.ranges)
    return means, snapped, with_exact_input(ranges, card.preprocessing)


def _as_recorded(how: PostTraining) -> bool:
    """Whether what a card holds is what this way would have measured; which operators are wide does not matter to it."""
    return replace(how, head="int8", wide=()) == PostTraining()


def _recorded(writer: Format, content: Any, card: Card, material: Material) -> Calibrated | None:
    """What the card holds, or None when it names other tensors than this converter made."""
    ranges = {name: Range(*limits) for name, limits in card.ranges[writer.suffix].items()}
    needed = writer.means(content, material.pictures[:1], card.preprocessing)
    if not needed.keys() <= ranges.keys():
        return None
    means = {name: np.array(values) for name, values in card.means.get(writer.suffix, {}).items()}
    snapped = writer.snap(content, means, {})
    return Calibrated(snapped, with_exact_input(ranges, card.preprocessing), card.calibration, "activations as recorded in the model's card")
