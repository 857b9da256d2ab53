"""Whether the description of a network asks for far more memory or time than classifiers take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# More layers than any network of keras.applications has (NASNetLarge: 1,039).
MOST_LAYERS = 2_000
# The largest number that the layers of usual classifiers are made with: VGG's 4,096 units.
LARGEST_NUMBER = 4_096
# Layers that enlarge an image, and the number of them that a classifier may have.
ENLARGING = frozenset({"UpSampling2D", "Conv2DTranspose", "ZeroPadding2D", "Resizing"})
MOST_ENLARGING_NUMBER, MOST_ENLARGING = 1_024, 40


def is_demanding(config: dict[str, Any]) -> bool:
    """Whether a network as Keras describes it had better be tried in a process of its own: a rough look, which ordinary classifiers pass.

    Example:
        >>> is_demanding({"class_name": "Conv2D", "config": {"filters": 60_000_000}})
        True
    """
    layers = list(_layers(config))
    enlarging = [numbers for kind, numbers in layers if kind in ENLARGING]
    return (
        len(layers) > MOST_LAYERS
        or any(number > LARGEST_NUMBER for _, numbers in layers for number in numbers)
        or len(enlarging) > MOST_ENLARGING
        or any(number > MOST_ENLARGING_NUMBER for numbers in enlarging for number in numbers)
    )


def _layers(value: Any) -> Iterator[tuple[str, list[int]]]:
    """Class and whole numbers of everything in a configuration that has a class; of inner ones apart."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict) and isinstance(one.get("class_name"), str):
            numbers: list[int] = []
            inner = [one.get("config")]
            while inner:
                part = inner.pop()
                if isinstance(part, bool):
                    continue
                if isinstance(part, int):
                    numbers.append(abs(part))
                elif isinstance(part, dict) and isinstance(part.get("class_name"), str):
                    waiting.append(part)
                elif isinstance(part, (dict, list)):
                    inner.extend(part.values() if isinstance(part, dict) else part)
            yield one["class_name"], numbers
        elif isinstance(one, (dict, list)):
            waiting.extend(one.values() if isinstance(one, dict) else one)
