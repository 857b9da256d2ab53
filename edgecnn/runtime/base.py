"""What all runners share: checks of shapes, batches, and the way from scores to probabilities."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadData, BadFile, EdgeCNNError
from edgecnn.runtime.batch_check import check_batch_independence
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.scores import ScoreKind, kind_of_values, num_classes, to_probabilities
from edgecnn.runtime.tensor_shapes import describe_size, words

Shape = tuple[int | None, ...]


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
            raise BadData(f"{self.path} is open for pictures of {describe_size(old)}; the new preprocessing says {describe_size(new)}")
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
            self.batch = check_batch_independence(self.path, run, inputs, self.batch, fixed=self.input.shape[0] is not None)
            self._is_batch_checked = True
        rows = np.empty((len(inputs), self.num_scores), np.float32)
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
