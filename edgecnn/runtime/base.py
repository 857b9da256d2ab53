"""What all runners share: checks of shapes, batches, and the way from scores to probabilities."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadData, BadFile, EdgeCNNError
from edgecnn.runtime.contract import Tensor

Shape = tuple[int | None, ...]

# Pixels of an input from which on a file is taken to be damaged: one picture as floats would fill a gigabyte.
MOST_PIXELS = 1 << 26


@dataclass(frozen=True)
class Layout:
    """How an input tensor holds pictures; None where the file leaves a dimension open."""

    batch: int | None
    height: int | None
    width: int | None
    channels: int
    channels_first: bool

    def shape(self, batch: int, height: int, width: int) -> tuple[int, int, int, int]:
        """The whole shape with its open dimensions filled."""
        return (batch, self.channels, height, width) if self.channels_first else (batch, height, width, self.channels)


def words(tensor: Tensor) -> str:
    """A tensor as errors and `info` show it, such as `image uint8 [?, 96, 96, 3]`."""
    return f"{tensor.name} {tensor.dtype} [{', '.join('?' if d is None else str(d) for d in tensor.shape)}]"


def only(path: Path, tensors: list[Tensor], what: str) -> Tensor:
    """The single input or output of an image classifier; BadFile when there are several or none."""
    if len(tensors) != 1:
        found = "; ".join(words(t) for t in tensors) or "none"
        raise BadFile(f"{path} has {len(tensors)} {what}s ({found}); expected an image classifier with one {what}")
    return tensors[0]


def input_layout(path: Path, tensor: Tensor) -> Layout:
    """Read the layout off an input's shape; BadFile when it does not hold pictures of one or three channels."""
    shape = tensor.shape
    if len(shape) == 4:
        first = shape[1] in (1, 3) and shape[3] not in (1, 3)
        batch, (height, width, channels) = shape[0], (shape[2], shape[3], shape[1]) if first else shape[1:]
        if channels in (1, 3):
            return Layout(batch, height, width, channels, first)
    raise BadFile(f"{path}: input {words(tensor)}; expected pictures [batch, height, width, 1 or 3] or [batch, 1 or 3, height, width]")


def output_classes(path: Path, tensor: Tensor) -> int | None:
    """Length of the row of scores; None when the file leaves it open; BadFile when the output is no row of two scores or more."""
    row = [d for d in (tensor.shape[1:] if len(tensor.shape) > 1 else tensor.shape) if d != 1]
    if len(row) > 1 or not row:
        raise BadFile(f"{path}: output {words(tensor)}; expected an image classifier that gives one row of 2 or more class scores a picture")
    return row[0]


def settle(path: Path, layout: Layout, card: Card | None, given: Preprocessing | None) -> Preprocessing:
    """The preprocessing to use: the one given, else the card's, else (pixel - 128) / 128 at the file's own size.

    Raises:
        BadFile: it does not fit the file's input, or the file leaves its size open and nothing says it.
    """
    if (layout.height or 1) * (layout.width or 1) > MOST_PIXELS:
        raise BadFile(f"{path} takes pictures of {layout.width:,}x{layout.height:,} pixels; expected {MOST_PIXELS:,} pixels at most")
    chosen = given or (card.preprocessing if card else None)
    if chosen is None:
        if layout.height is None or layout.width is None:
            raise BadFile(f"{path} leaves the height and width of its input open and has no card; say them in preprocessing")
        order, middle = ("grey", (128.0,)) if layout.channels == 1 else ("rgb", (128.0,) * 3)
        return Preprocessing(layout.height, layout.width, order, mean=middle, std=middle)
    takes = (layout.height or chosen.height, layout.width or chosen.width, layout.channels)
    says = (chosen.height, chosen.width, chosen.channels)
    if takes != says:
        raise BadFile(f"{path} takes pictures of {_size(takes)}; the preprocessing {'given' if given else 'in its card'} says {_size(says)}")
    return chosen


def _size(size: tuple[int, int, int]) -> str:
    return "{}x{} pixels with {} channel(s)".format(*size)


@contextlib.contextmanager
def in_words(path: Path, runtime: str) -> Iterator[None]:
    """Around a run: what a runtime raises, which has no common base, becomes BadFile."""
    try:
        yield
    except (EdgeCNNError, MemoryError):
        raise
    except Exception as error:
        raise BadFile(f"{path}: {runtime} cannot run it: {' '.join(str(error).split())[:240] or type(error).__name__}") from error


def as_rows(path: Path, scores: np.ndarray, pictures: int, classes: int) -> np.ndarray:
    """Scores as [pictures, classes]; BadFile where a file gives other ones than it declares."""
    if scores.size != pictures * classes:
        raise BadFile(f"{path} gave scores of shape {list(scores.shape)} for {pictures} picture(s); expected {classes} for each, as it declares")
    return scores.reshape(pictures, classes)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis of [N, classes], float32."""
    grown = np.exp(scores - scores.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def are_probabilities(scores: np.ndarray) -> bool:
    """Whether rows [N, classes] lie in 0..1 and sum to 1, within rounding of a quantized output."""
    if scores.min() < 0 or scores.max() > 1 + 1e-3:
        return False
    step, values = 0.0, np.unique(scores)
    if 1 < len(values) <= 256:
        step = float(np.diff(values).min())
        # Real numbers have no common step; a quantized output has nothing else.
        step = step if np.allclose(values / step, np.rint(values / step), atol=1e-2) and step > 1e-4 else 0.0
    return bool(np.abs(scores.sum(-1, dtype=np.float64) - 1).max() <= 1e-3 + step * scores.shape[-1] / 2)


class PictureRunner(abc.ABC):
    """Base of the runners of this package; see `contract.Runner` for what it promises.

    A child implements `_run`, `_feed`, `latencies` and `close`.

    Attributes:
        batch: pictures of one run.
        parallel: whether several of these side by side, one thread each, are the fastest way to run many pictures.
        gives_probabilities: True or False where the file says so, None to judge by the scores.
    """

    parallel = True

    def __init__(self, path: Path, card: Card | None, preprocessing: Preprocessing, tensors: tuple[Tensor, Tensor], classes: int, batch: int) -> None:
        self.path, self.card, self.preprocessing = path, card, preprocessing
        self.input, self.output = tensors
        self.classes, self.batch = classes, batch
        self.gives_probabilities: bool | None = None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities [N, classes], float32."""
        return self.probabilities(self.scores(pictures))

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Add the softmax that a file with logits lacks; judged once a file, by its operators or its first scores."""
        if self.gives_probabilities is None and len(scores):
            self.gives_probabilities = are_probabilities(scores)
        return scores if self.gives_probabilities else softmax(scores)

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """What the file itself gives, dequantized, [N, classes], float32."""
        self._check(pictures)
        rows = self._in_batches(self._run, pictures)
        if not np.isfinite(rows).all():
            raise BadFile(f"{self.path}: the network gives NaN or infinity; its weights are damaged or a layer overflows")
        return rows

    def feed(self, stored: np.ndarray) -> np.ndarray:
        """Scores [N, classes], float32, for inputs as the file stores them; see `contract.Runner`."""
        wanted, got = self.input.shape[1:], stored.shape[1:]
        if stored.dtype != self.input.dtype or len(got) != len(wanted) or any(w not in (None, g) for w, g in zip(wanted, got, strict=True)):
            raise BadData(f"inputs {stored.dtype} {list(stored.shape)}; {self.path} expects {words(self.input)}")
        return self._in_batches(self._feed, stored)

    def _in_batches(self, run: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> np.ndarray:
        rows = np.empty((len(inputs), self.classes), np.float32)
        for start in range(0, len(inputs), self.batch):
            rows[start : start + self.batch] = run(inputs[start : start + self.batch])
        return rows

    @abc.abstractmethod
    def _run(self, pictures: np.ndarray) -> np.ndarray:
        """Scores [n, classes] for n <= batch pictures."""

    @abc.abstractmethod
    def _feed(self, stored: np.ndarray) -> np.ndarray:
        """Scores [n, classes] for n <= batch inputs as the file stores them."""

    @abc.abstractmethod
    def latencies(self, runs: int) -> list[float]:
        """Seconds a picture of each of `runs` runs; a file of a fixed larger batch is timed by its batch, divided by it."""

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of what the runner holds."""

    def _check(self, pictures: np.ndarray) -> None:
        wanted = (self.preprocessing.height, self.preprocessing.width, 3)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != wanted:
            raise BadData(f"pictures {pictures.dtype} {list(pictures.shape)}; {self.path} expects uint8 RGB [N, {wanted[0]}, {wanted[1]}, 3]")

    def _sample(self) -> np.ndarray:
        """A fixed picture of noise, [batch, H, W, 3]: zeros would let a runtime with sparse or denormal paths look too fast."""
        shape = (self.batch, self.preprocessing.height, self.preprocessing.width, 3)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def padded(pictures: np.ndarray, batch: int) -> np.ndarray:
    """Repeat the last picture until there are `batch` of them."""
    missing = batch - len(pictures)
    return pictures if missing == 0 else np.concatenate([pictures, np.repeat(pictures[-1:], missing, axis=0)])
