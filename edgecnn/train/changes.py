"""Random changes of training pictures and labels, on the device, by random numbers that NumPy drew on the host.

So every backend changes pictures identically for one seed, and a resumed training sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops

from edgecnn.settings import Augment
from edgecnn.train import colours, geometry, mixing, randaugment

Tensor = Any
Draws = dict[str, Tensor]


class Changes:
    """What `Augment` asks for, in this order: one resampling, contrast, colour, brightness, RandAugment's pixels, erasing, mixing.

    Attributes:
        columns: random numbers that each picture needs; 0 where nothing is changed.
    """

    def __init__(self, settings: Augment) -> None:
        self.settings = settings
        self._names = tuple(_names(settings))
        self.columns = len(self._names)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Random numbers for `count` pictures, float32 [count, columns]: uniform in [0, 1), and Beta(alpha, alpha) for the lambdas of mixing."""
        draws = rng.random((count, self.columns), dtype="float32")
        for name in ("mixup", "cutmix"):
            alpha = getattr(self.settings, name)
            if alpha:
                draws[:, self._names.index(name)] = rng.beta(alpha, alpha, count)
        return draws

    def __call__(self, pictures: Tensor, labels: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Changed pictures and their labels.

        Args:
            pictures: float32 [N, H, W, 3] in 0..255; H and W are static.
            labels: float32 [N, classes], one-hot.
            draws: float32 [N, columns], from `draw`.

        Returns:
            The same shapes; pictures in 0..255.
        """
        if not self.columns:
            return pictures, labels
        draws = ops.cast(draws, "float32")
        drawn = {name: draws[:, i] for i, name in enumerate(self._names)}
        steps = self._operations(drawn)
        pictures = self._moved(ops.cast(pictures, "float32"), drawn, steps)
        pictures = ops.clip(self._coloured(pictures, drawn), 0.0, 255.0)
        for step in steps:
            pictures = randaugment.repaint(pictures, step)
        if self.settings.erase:
            places = (drawn[f"erase_{name}"] for name in ("area", "aspect", "right", "down"))
            pictures = mixing.erase(pictures, drawn["erase"] < self.settings.erase, *places)
        return self._mixed(pictures, labels, drawn) if self.settings.mixes else (pictures, labels)

    def _operations(self, drawn: Draws) -> list[randaugment.Change]:
        steps = range(self.settings.operations)
        return [randaugment.drawn(drawn[f"operation_{i}"], drawn[f"sign_{i}"], self.settings.strength) for i in steps]

    def _moved(self, pictures: Tensor, drawn: Draws, steps: list[randaugment.Change]) -> Tensor:
        settings, size = self.settings, tuple(pictures.shape[1:3])
        none = ops.zeros_like(next(iter(drawn.values())))
        mirror = geometry.mirrors(drawn["flip"]) if settings.flip else none + 1
        right, down = none, none
        if settings.crop:
            right, down = (geometry.whole_shift(drawn[f"crop_{name}"], settings.crop, size[axis]) for name, axis in (("right", 1), ("down", 0)))
        if not (settings.rotation or settings.shift or settings.zoom or settings.area < 1 or steps):
            return geometry.shift_exactly(pictures, mirror, right, down, settings.fill) if settings.flip or settings.crop else pictures
        if settings.shift:
            right, down = (whole + (2 * drawn[f"shift_{name}"] - 1) * (settings.shift * size[axis]) for name, whole, axis in _axes(right, down))
        angle = geometry.degrees(drawn["rotation"], settings.rotation) if settings.rotation else none
        scale = 1 + (2 * drawn["zoom"] - 1) * settings.zoom if settings.zoom else none + 1
        transform = geometry.turned(angle, scale, mirror, right, down)
        if settings.area < 1:
            places = (drawn[f"area_{name}"] for name in ("share", "aspect", "right", "down"))
            transform = transform.after(geometry.cropped(*places, settings.area, size))
        for step in steps:
            transform = randaugment.move(step, size).after(transform)
        return geometry.sample(pictures, transform, settings.fill)

    def _coloured(self, pictures: Tensor, drawn: Draws) -> Tensor:
        for name, change, least in (("contrast", colours.spread, 1), ("colour", colours.saturate, 1), ("brightness", colours.brighten, 0)):
            most = getattr(self.settings, name)
            if most:
                pictures = change(pictures, least + ops.reshape((2 * drawn[name] - 1) * most, (-1, 1, 1, 1)))
        return pictures

    def _mixed(self, pictures: Tensor, labels: Tensor, drawn: Draws) -> tuple[Tensor, Tensor]:
        settings, size = self.settings, tuple(pictures.shape[1:3])
        if not settings.cutmix:
            none = ops.zeros_like(drawn["mixup"])
            return mixing.mix(pictures, labels, drawn["mixup"], (none, none), (none, none))
        share, kept = 1 - drawn["cutmix"], ops.ones_like(drawn["cutmix"])
        if settings.mixup:
            pasted = drawn["mixup_or_cutmix"] < 0.5
            share, kept = ops.where(pasted, share, 0.0), ops.where(pasted, 1.0, drawn["mixup"])
        return mixing.mix(pictures, labels, kept, *mixing.pasted(size, share, drawn["cutmix_right"], drawn["cutmix_down"]))


def _axes(right: Tensor, down: Tensor) -> tuple[tuple[str, Tensor, int], ...]:
    return ("right", right, 1), ("down", down, 0)


def _names(settings: Augment) -> Iterator[str]:
    """The random numbers that each picture needs, in the order of their columns."""
    plain = ("rotation", "zoom", "flip", "contrast", "colour", "brightness")
    yield from (name for name in plain if getattr(settings, name))
    for name in ("shift", "crop"):
        if getattr(settings, name):
            yield from (f"{name}_right", f"{name}_down")
    if settings.area < 1:
        yield from ("area_share", "area_aspect", "area_right", "area_down")
    for i in range(settings.operations):
        yield from (f"operation_{i}", f"sign_{i}")
    if settings.erase:
        yield from ("erase", "erase_area", "erase_aspect", "erase_right", "erase_down")
    yield from (name for name in ("mixup", "cutmix") if getattr(settings, name))
    if settings.cutmix:
        yield from ("cutmix_right", "cutmix_down")
    if settings.mixup and settings.cutmix:
        yield "mixup_or_cutmix"
