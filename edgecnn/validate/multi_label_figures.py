"""Figures of classifiers whose labels are independent, as the report says them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelFigures:
    """One of several labels that may hold together.

    Attributes:
        label: its name.
        positives: images for which it holds.
        average_precision: of its scores; NaN where it never holds.
        f1: at a threshold of 0.5.
        agreement: share of the images on which the file says the same of it as its original; None without an original.
    """

    label: str
    positives: int
    average_precision: float
    f1: float
    agreement: float | None = None


@dataclass(frozen=True)
class MultiLabel:
    """Figures of a classifier whose labels are independent.

    Attributes:
        labels: each of them.
        map, map_low, map_high: mean average precision, and its 95 % bootstrap interval over the images.
        f1_micro, f1_macro: at a threshold of 0.5, of all answers together and as the mean over labels.
        label_accuracy: share of all answers that are right.
        exact_match: share of the images with every label right.
        change, change_low, change_high: of the mean average precision against the original, paired bootstrap interval; None without an original.
    """

    labels: tuple[LabelFigures, ...]
    map: float
    map_low: float
    map_high: float
    f1_micro: float
    f1_macro: float
    label_accuracy: float
    exact_match: float
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
