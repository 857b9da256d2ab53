"""What all runners share: checks of shapes, batches, and the way from scores to probabilities."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadData, BadFile, EdgeCNNError, UnknownInputError
from edgecnn.formats.keras import trust
from edgecnn.runtime.batch_check import check_batch_independence
from edgecnn.runtime.contract import RawPixels, Tensor
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.scores import ScoreKind, kind_of_values, num_classes, to_probabilities

Shape = tuple[int | None, ...]

# Pixels of an input from which on a file is taken to be damaged: one picture as floats would fill a gigabyte.
MOST_PIXELS = 1 << 26

# Gray, RGB, RGBA.
CHANNELS = (1, 3, 4)

# An output of these holds the number of a class, not scores; int8 and uint8 are quantized scores.
INDEX_TYPES = ("int32", "int64", "bool", "string")

# How to say what an input wants.
CHOICES = (
    "say it with --mean 0 --std 1 (pixels 0 to 255 as they are: the model scales them itself), --mean 0 --std 255 (pixel / 255) or "
    "--mean 127.5 --std 127.5 (pixel / 127.5 - 1), or give labelled photos with --data FOLDER to measure it"
)


@dataclass(frozen=True)
class Layout:
    """How an input tensor holds images; None where the file leaves a dimension open. Gray images may lack the axis of channels: [batch, height, width]."""

    batch: int | None
    height: int | None
    width: int | None
    channels: int
    channels_first: bool
    has_channel_axis: bool = True

    def shape(self, batch: int, height: int, width: int) -> tuple[int, ...]:
        """The whole shape with its open dimensions filled."""
        if not self.has_channel_axis:
            return (batch, height, width)
        return (batch, self.channels, height, width) if self.channels_first else (batch, height, width, self.channels)


def words(tensor: Tensor) -> str:
    """A tensor as errors and `info` show it, such as `image uint8 [?, 96, 96, 3]`."""
    return f"{tensor.name} {tensor.dtype} [{', '.join('?' if d is None else str(d) for d in tensor.shape)}]"


def only(path: Path, tensors: list[Tensor], what: str) -> Tensor:
    """The single input of an image classifier; BadFile when there are several or none."""
    if len(tensors) != 1:
        found = "; ".join(words(t) for t in tensors) or "none"
        raise BadFile(f"{path} has {len(tensors)} {what}s ({found}); expected an image classifier with one {what}")
    return tensors[0]


def select_output(path: Path, tensors: list[Tensor]) -> int:
    """Index of the output with the class scores: the single one, else the one that --output names.

    Raises:
        BadFile: there are several and none was named, or none of that name.
    """
    if len(tensors) == 1:
        return 0
    wanted = trust.current().output
    named = [i for i, tensor in enumerate(tensors) if tensor.name == wanted]
    if len(named) == 1:
        return named[0]
    found = "; ".join(words(t) for t in tensors) or "none"
    missing = f"no output '{wanted}'" if wanted and tensors else f"{len(tensors)} outputs"
    raise BadFile(f"{path} has {missing} ({found}); say which has the class scores: --output NAME")


def input_layout(path: Path, tensor: Tensor) -> Layout:
    """Read the layout off an input's shape; BadFile when it does not hold images of one, three or four channels."""
    shape = tensor.shape
    if len(shape) == 4:
        first = shape[1] in CHANNELS and shape[3] not in CHANNELS
        batch, (height, width, channels) = shape[0], (shape[2], shape[3], shape[1]) if first else shape[1:]
        if channels in CHANNELS:
            return Layout(batch, height, width, channels, first)
    if len(shape) == 3 and shape[2] not in CHANNELS:
        return Layout(shape[0], shape[1], shape[2], 1, False, has_channel_axis=False)
    kinds = "[batch, height, width, 1, 3 or 4], [batch, 1, 3 or 4, height, width] or gray [batch, height, width]"
    raise BadFile(f"{path}: input {words(tensor)}; expected images {kinds}")


def output_scores(path: Path, tensor: Tensor) -> int | None:
    """Length of the row of scores; None when the file leaves it open; BadFile when the output is no row of scores of real numbers.

    One score is enough: the probability or the logit of the second of two classes.
    """
    row = [d for d in (tensor.shape[1:] if len(tensor.shape) > 1 else tensor.shape) if d != 1]
    if tensor.dtype in INDEX_TYPES:
        hint = "it gives the number of a class and no scores; export the network without the final ArgMax"
        raise BadFile(f"{path}: output {words(tensor)}: {hint}")
    if len(row) > 1 or (not row and len(tensor.shape) < 2):
        raise BadFile(f"{path}: output {words(tensor)}; expected an image classifier that gives one row of class scores an image")
    return row[0] if row else 1


def settle(path: Path, layout: Layout, card: Card | None, given: Preprocessing | RawPixels | None) -> Preprocessing:
    """The preprocessing to use: the one given, else the card's; never an assumption. `RawPixels` take the size from the card, else from the file.

    Raises:
        UnknownInputError: neither says it; `edgecnn.sources` finds evidence where there is some.
        BadFile: it does not fit the file's input.
    """
    if (layout.height or 1) * (layout.width or 1) > MOST_PIXELS:
        raise BadFile(f"{path} takes pictures of {layout.width:,}x{layout.height:,} pixels; expected {MOST_PIXELS:,} pixels at most")
    if isinstance(given, RawPixels):
        return given.at_size_of(path, layout, card)
    chosen = given or (card.preprocessing if card else None)
    if chosen is None:
        raise UnknownInputError(f"{path} does not say how a pixel becomes its input, and nothing was given; {CHOICES}")
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


def as_rows(path: Path, scores: np.ndarray, pictures: int, num_scores: int) -> np.ndarray:
    """Scores as [pictures, num_scores]; BadFile where a file gives other ones than it declares."""
    if scores.size != pictures * num_scores:
        raise BadFile(f"{path} gave scores of shape {list(scores.shape)} for {pictures} picture(s); expected {num_scores} for each, as it declares")
    return scores.reshape(pictures, num_scores)


class PictureRunner(abc.ABC):
    """Base of the runners of this package; see `contract.Runner` for what it promises.

    A child implements `_run`, `_feed`, `latencies` and `close`.

    Attributes:
        batch: pictures of one run.
        parallel: whether several of these side by side, one thread each, are the fastest way to run many pictures.
        checks_batch: whether the first run finds out if images can be run in batches.
        num_scores: length of the row of scores that the file gives.
        score_kind: what the scores mean, where the file or its card says so; None until the first scores are judged by their values.
    """

    parallel = True
    checks_batch = False

    def __init__(self, path: Path, card: Card | None, preprocessing: Preprocessing, tensors: tuple[Tensor, Tensor], num_scores: int, batch: int) -> None:
        self.path, self.card, self.preprocessing = path, card, preprocessing
        self.input, self.output = tensors
        self.num_scores, self.batch = num_scores, batch
        self._is_batch_checked = not self.checks_batch
        self.score_kind: ScoreKind | None = ScoreKind(card.score_kind) if card and card.score_kind else None

    @property
    def classes(self) -> int:
        """Classes that can be answered, background classes included: two where the file gives one score."""
        return num_classes(self.score_kind, self.num_scores)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities [N, classes], float32."""
        return self.probabilities(self.scores(pictures))

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities [N, classes] of scores; what these mean is judged once a file, by what it says or by its first scores."""
        if self.score_kind is None and len(scores):
            self.score_kind = kind_of_values(scores)
        return to_probabilities(scores, self.score_kind or ScoreKind.SOFTMAX)

    def set_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Feed images in another way from now on, at the same size.

        Raises:
            BadData: another size or number of channels.
        """
        old, new = ((p.height, p.width, p.channels) for p in (self.preprocessing, preprocessing))
        if old != new:
            raise BadData(f"{self.path} is open for pictures of {_size(old)}; the new preprocessing says {_size(new)}")
        self.preprocessing = preprocessing
        self._encode = self._encoder(preprocessing)

    @abc.abstractmethod
    def _encoder(self, preprocessing: Preprocessing) -> Encoder:
        """The way from pixels to the input."""

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
        if not self._is_batch_checked and len(inputs):
            fixed = self.input.shape[0] is not None
            self.batch = check_batch_independence(self.path, run, inputs, self.batch, fixed=fixed, is_by_design=self._rounds_by_batch)
            self._is_batch_checked = True
        rows = np.empty((len(inputs), self.num_scores), np.float32)
        for start in range(0, len(inputs), self.batch):
            rows[start : start + self.batch] = run(inputs[start : start + self.batch])
        return rows

    def _rounds_by_batch(self) -> bool:
        """Whether operators choose their scales by the whole batch."""
        return False

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
