"""Which output of a network means which class of a data set."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np


def map_classes_to_outputs(classes: Sequence[str], labels: Sequence[str], num_outputs: int, label_offset: int = 0) -> np.ndarray | None:
    """Which answer each class of the data means, int32 [classes]; None where the network knows other classes than the data has.

    Args:
        classes: names of the data set's classes.
        labels: names of the outputs, without background classes; empty where they are not known: then classes and outputs go by their order.
        num_outputs: of the network, background classes included.
        label_offset: outputs before the first label.

    Example:
        >>> map_classes_to_outputs(("cat", "dog"), ("dog", "emu", "cat"), 3)
        array([2, 0], dtype=int32)
    """
    if not labels:
        return np.arange(len(classes), dtype=np.int32) if len(classes) == num_outputs - label_offset else None
    place = {name: i for i, name in reversed(list(enumerate(labels)))}
    if any(name not in place for name in classes):
        return None
    return np.array([place[name] for name in classes], np.int32)


def natural_order(names: Sequence[str]) -> list[str]:
    """Names sorted as people count: 2 before 10.

    Example:
        >>> natural_order(["10", "2", "1"])
        ['1', '2', '10']
    """
    return sorted(names, key=lambda name: [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part])


def differs_from_natural_order(classes: Sequence[str]) -> bool:
    """Whether classes sorted by their letters stand in another order than people would count them."""
    return list(classes) != natural_order(classes) and sorted(classes) == list(classes)
