"""Preprocessing inside of a network: what the first operations do to a pixel tells which pixels they were made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

# Least and largest value of what a network may be fed with.
RANGES = {"0..255": (0.0, 255.0), "0..1": (0.0, 1.0)}
# Mean and deviation of pixel / 255: x * 2 - 1, ImageNet, CIFAR-10 (two spellings), CIFAR-100, MNIST.
UNIT_STATISTICS = (
    ((0.5,), (0.5,)),
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.201)),
    ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    ((0.1307,), (0.3081,)),
)
# Tried only where neither of these makes sense.
SIGNED_RANGE = ("-1..1", (-1.0, 1.0))


@dataclass(frozen=True)
class GraphPreprocessing:
    """What the graph shows.

    Attributes:
        value_range: of the pixels that the input wants: "0..255", "0..1" or "-1..1".
        channel_order: "rgb" or "bgr" where the graph proves it, else None.
        resizes: whether the graph resizes the image itself.
        evidence: in words.
    """

    value_range: str
    channel_order: str | None
    resizes: bool
    evidence: str


@dataclass
class AffineWalk:
    """What the operations since the input do to a value together: scale * value + offset, a channel each.

    Attributes:
        scale, offset: [channels], or [1] for all.
        flipped: whether the order of the channels was turned round.
        resizes: whether the image was resized.
        steps: the operations, in words.
        is_declared: whether a layer whose only purpose is preprocessing was among them; else small factors may be a batch norm's.
    """

    scale: np.ndarray = field(default_factory=lambda: np.ones(1))
    offset: np.ndarray = field(default_factory=lambda: np.zeros(1))
    flipped: bool = False
    resizes: bool = False
    steps: list[str] = field(default_factory=list)
    is_declared: bool = False

    def multiply(self, factor: np.ndarray, step: str) -> bool:
        """Scale by one number or one a channel; whether the constant fits."""
        return self._apply(factor, np.zeros(1), step)

    def add(self, term: np.ndarray, step: str) -> bool:
        """Add one number or one a channel; whether the constant fits."""
        return self._apply(np.ones(1), term, step)

    def combine(self, kind: str, constant: np.ndarray, tensor_is_first: bool, step: str) -> bool:
        """Follow `mul`, `add`, `sub` or `div` of the tensor and a constant; whether it is one that is followed."""
        if kind == "mul":
            return self.multiply(constant, step)
        if kind == "add":
            return self.add(constant, step)
        if kind == "sub":
            return self.add(-constant, step) if tensor_is_first else self.multiply(np.array(-1.0), step) and self.add(constant, step)
        return kind == "div" and tensor_is_first and bool(constant.all()) and self.multiply(1 / constant, step)

    def permute(self, order: Sequence[int]) -> bool:
        """Take channels one by one in this order; whether it is one that is followed."""
        if list(order) == [2, 1, 0]:
            self.flip()
        return list(order) in ([0, 1, 2], [2, 1, 0])

    def mix(self, matrix: np.ndarray, bias: np.ndarray, step: str) -> bool:
        """Apply a 1x1 convolution [outputs, inputs] that leaves each channel by itself or turns their order round; whether it is one."""
        channels = len(matrix)
        if matrix.shape != (channels, channels) or len(bias) not in (1, channels) or (np.count_nonzero(matrix, axis=1) != 1).any():
            return False
        order = np.abs(matrix).argmax(1).tolist()
        if order != list(range(channels)) and not (channels == 3 and self.permute(order)):
            return False
        return self.multiply(matrix.sum(1), step) and self.add(bias, step)

    def copy(self) -> AffineWalk:
        """The walk up to here; what is done later does not change it."""
        return replace(self, steps=[*self.steps])

    @property
    def is_identity(self) -> bool:
        """Whether the value is still the pixel itself."""
        return not self.flipped and bool((self.scale == 1).all()) and not self.offset.any()

    def same_values(self, other: AffineWalk) -> bool:
        """Whether another walk gives the same value for every pixel."""
        return self.flipped == other.flipped and np.array_equal(self.scale, other.scale) and np.array_equal(self.offset, other.offset)

    def flip(self) -> None:
        """Turn the order of the channels round."""
        self.scale, self.offset, self.flipped = self.scale[::-1], self.offset[::-1], not self.flipped
        self.steps.append("channels turned round")

    def _apply(self, factor: np.ndarray, term: np.ndarray, step: str) -> bool:
        factor, term = (np.asarray(value, np.float64).reshape(-1) for value in (factor, term))
        sizes = {len(value) for value in (factor, term, self.scale) if len(value) != 1}
        if len(sizes) > 1 or not sizes <= {3, 4} or not (np.isfinite(factor).all() and np.isfinite(term).all()):
            return False
        self.scale, self.offset = self.scale * factor, self.offset * factor + term
        self.steps.append(step)
        return True

    def conclude(self) -> GraphPreprocessing | None:
        """The range for which the walk makes a usual network input; None where no operation or no usual range was found."""
        if np.array_equal(self.scale, np.ones(1)) and not self.offset.any():
            return None
        fitting = [name for name, ends in RANGES.items() if _is_usual(self.scale, self.offset, *ends)]
        if "0..1" in fitting and not self._is_made_for_unit():
            return None
        if not fitting and self.is_declared and _is_usual(self.scale, self.offset, *SIGNED_RANGE[1]):
            fitting = [SIGNED_RANGE[0]]
        if len(fitting) != 1:
            return None
        steps = ", ".join(dict.fromkeys(self.steps))
        return GraphPreprocessing(fitting[0], self._order(), self.resizes, f"in the graph: {steps}")

    def _is_made_for_unit(self) -> bool:
        """Whether factors near 1 are preprocessing of pixel / 255: declared, 2x - 1, or the known mean and deviation of a data set."""
        if np.abs(self.scale).min() < 1.5:
            return False
        mean, std = -self.offset / self.scale, 1 / self.scale
        known = any(_close(mean, known_mean) and _close(std, known_std) for known_mean, known_std in UNIT_STATISTICS)
        return self.is_declared or known

    def _order(self) -> str | None:
        """The order that ImageNet's mean color proves, which is that of the values behind the flip."""
        if len(self.offset) != 3 or not self.offset.all():
            return None
        mean = -self.offset / self.scale if abs(float(self.scale[0]) - 1) > 1e-6 else -self.offset
        mean = mean * (255 if mean.max() <= 1 else 1)
        if np.ptp(mean) < 5 or not (mean.min() >= 95 and mean.max() <= 135):
            return None
        behind = "rgb" if mean[0] > mean[-1] else "bgr"
        if not self.flipped:
            return behind
        return "rgb" if behind == "bgr" else "bgr"


def conclude(followed: Sequence[tuple[object, AffineWalk]]) -> GraphPreprocessing | None:
    """What all operations on the image show, or the first of them where a batch norm that came later hides it; None where they disagree.

    Args:
        followed: tensors and what was done to the image up to each, from the input on.
    """
    conclusions = [one for one in (walk.conclude() for _, walk in followed) if one is not None]
    return conclusions[-1] if len({one.value_range for one in conclusions}) == 1 else None


def _close(values: np.ndarray, known: Sequence[float]) -> bool:
    return any(len(one) in (1, len(values)) and np.allclose(values, one, rtol=0.02) for one in (known, known[::-1]))


def _is_usual(scale: np.ndarray, offset: np.ndarray, low: float, high: float) -> bool:
    """Whether every channel of [low, high] becomes a range that networks are trained on."""
    ends = np.sort(np.stack([scale * low + offset, scale * high + offset]), axis=0)
    return all(_is_usual_channel(float(a), float(b)) for a, b in ends.T)


def _is_usual_channel(low: float, high: float) -> bool:
    width = high - low
    if 0.9 <= width <= 1.1:  # pixel / 255, and pixel / 255 - 0.5
        return -0.6 <= low <= 0.05
    if 1.8 <= width <= 2.2:  # pixel / 127.5 - 1
        return -1.2 <= low <= -0.8
    if 2.3 <= width <= 9:  # (pixel - mean) / std of a data set
        return -5 <= low <= 0.01 and high >= 0.5
    return 250 <= width <= 260 and -140 <= low <= -90  # pixel - mean, as Caffe has it


def describe_constant(value: Sequence[float] | np.ndarray) -> str:
    """One number as it is, several as their first."""
    numbers = np.asarray(value, np.float64).reshape(-1)
    shown = [f"{number:.4g}" for number in numbers[:3]]
    return shown[0] if len(set(shown)) == 1 else f"({', '.join(shown)})"
