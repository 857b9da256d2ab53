"""What a file costs in accuracy on one split, beside its original on the same pictures."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgecnn.card import Card
from edgecnn.data import Dataset
from edgecnn.errors import BadData
from edgecnn.optimize.cache import Cache
from edgecnn.optimize.right_answers import RightAnswers, right_answers_of
from edgecnn.progress import Progress
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.pool import answers, evaluate
from edgecnn.runtime.probe import PROBE
from edgecnn.runtime.scores import ScoreKind
from edgecnn.validate import verdict
from edgecnn.validate.report import Change

# Probabilities below this are all the same "no" to an int8 output, whose step it is.
FLOOR = 1 / 256

# The whole interval keeps to a limit; what was measured does; not even that.
PROVEN, OPEN, OVER = "proven", "fits", "not enough"


@dataclass(frozen=True)
class Drop:
    """Loss of accuracy of a file against its original, on the same pictures.

    Attributes:
        split: of the data set.
        before, after: accuracy of the original and of the file, as shares: of the pictures whose best class is right, or of all label decisions that are.
        change: pictures (or label decisions) gained and lost, with Tango's 95 % interval.
        divergence: of the file's probabilities from the original's (Kullback-Leibler, nats), the mean over pictures.
        labels: that each picture has or has not, decided one by one; 0 where its best class counts.
    """

    split: str
    before: float
    after: float
    change: Change
    divergence: float
    labels: int = 0

    @property
    def pictures(self) -> int:
        """How many were judged."""
        return self.change.total // max(self.labels, 1)

    @property
    def points(self) -> tuple[float, float, float]:
        """The drop in percentage points, and the ends of its 95 % interval."""
        return tuple(-100 * value + 0.0 for value in (self.change.value, self.change.high, self.change.low))

    def verdict(self, limit: float) -> str:
        """PROVEN where the whole interval keeps to `limit` points, OPEN where what was measured does, else OVER."""
        drop, _, high = self.points
        return PROVEN if high <= limit else OPEN if drop <= limit + 1e-9 else OVER

    def text(self) -> str:
        """`val 74.9 -> 74.2 %, drop 0.71 (-0.40 to 1.90)`."""
        drop, low, high = self.points
        what = " labels" if self.labels else ""
        return f"{self.split}{what} {100 * self.before:.1f} -> {100 * self.after:.1f} %, drop {drop:.2f} ({low:.2f} to {high:.2f})"

    def settled_by(self, limit: float) -> str:
        """How many pictures would decide, in words; "" where these do."""
        _, low, high = self.points
        if not low <= limit < high:
            return ""
        total = self.change.total
        needed = verdict.images_to_settle(self.change.gained / total, self.change.lost / total, self.pictures, limit)
        return f"about {needed:,} pictures would decide" if needed else "too near the limit for any number of pictures"


class Judge:
    """Holds the pictures of one split, and what the original says to them.

    Attributes:
        card: of the original: names of its outputs, what its scores mean, and how its input is known.
        right: the answers that are right.
    """

    def __init__(self, original: Runner, card: Card, data: Dataset, split: str, cache: Cache, progress: Progress) -> None:
        """Run the original over the split.

        Raises:
            BadData: the split has no pictures, or nobody says which output means which of their classes.
        """
        if split not in data.splits or not len(data.splits[split]):
            raise BadData(f"{data.name} has no pictures in split '{split}', on which the drop is judged; give labelled photos with --data FOLDER")
        self.right: RightAnswers = right_answers_of(data, split, card, original)
        self.split, self.card, self.cache, self.progress = split, card, cache, progress
        self.pictures = data.splits[split].pictures
        if original.score_kind is None and card.score_kind:
            # What the values alone tell is told once.
            original.score_kind = ScoreKind(card.score_kind)
        with progress.track(f"evaluating {Path(original.path).name} on {split}", len(self.pictures)) as advance:
            found = answers(original, self.pictures, advance=advance)
        self.independent = original.score_kind is not None and original.score_kind.is_multi_label
        self.original = found.probabilities[:, card.label_offset :]
        self._was_right = self.right.hits(self.original)
        self.before = float(self._was_right.mean())
        about = {"data": data.digest, "split": split, "size": list(self.pictures.shape[1:]), "independent": self.independent}
        self.about = about | {"right": self.right.digest, "original": _digest(self.right.decide(self.original))}

    def drop(self, content: bytes, suffix: str) -> Drop:
        """Of a file with this content, from the cache where these very bytes were judged before."""
        key = {"what": "drop", "file": hashlib.sha256(content).hexdigest(), **self.about}
        kept = self.cache.recall(key)
        if kept is None:
            given = self._run(content, suffix, self.pictures)
            hits = self.right.hits(given)
            change = self.right.change(hits, self._was_right)
            kept = {"after": float(hits.mean()), "change": asdict(change), "divergence": divergence(self.original, given, independent=self.independent)}
            self.cache.keep(key, kept)
        return Drop(self.split, self.before, kept["after"], Change(**kept["change"]), kept["divergence"], self.right.labels)

    def divergence(self, content: bytes, suffix: str, chosen: np.ndarray) -> float:
        """Of the file's probabilities from the original's on some pictures."""
        given = self._run(content, suffix, np.asarray(self.pictures[chosen]))
        return divergence(self.original[chosen], given, independent=self.independent)

    def some(self, count: int) -> np.ndarray:
        """Rows of `count` pictures, drawn with a fixed seed."""
        return np.sort(np.random.default_rng(0).permutation(len(self.pictures))[:count])

    def _run(self, content: bytes, suffix: str, pictures: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"candidate.{suffix}")
            path.write_bytes(content)
            PROBE.trust(path)
            return evaluate(os.fspath(path), pictures).probabilities[:, self.card.label_offset :]


def divergence(expected: np.ndarray, given: np.ndarray, *, independent: bool = False) -> float:
    """Kullback-Leibler divergence of probabilities [N, classes] from those expected, in nats, the mean over pictures.

    It is felt long before an answer flips, so that few pictures tell much. Where each class is a yes or no of its own (`independent`), it is the sum over
    classes of the divergences of these.
    """
    if independent:
        expected, given = (np.stack([values, 1 - values], -1) for values in (expected, given))
    ours, theirs = (np.maximum(values, FLOOR) for values in (given, expected))
    ours, theirs = (values / values.sum(-1, keepdims=True) for values in (ours, theirs))
    return float((theirs * np.log(theirs / ours)).sum(-1).reshape(len(theirs), -1).sum(-1).mean())


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values)).hexdigest()
