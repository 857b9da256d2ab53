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
from edgecnn.progress import Progress
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.pool import answers, evaluate
from edgecnn.validate import accuracy, samples, verdict
from edgecnn.validate.report import Change

# Probabilities below this are all the same "no" to an int8 output, whose step it is.
FLOOR = 1 / 256

# The whole interval keeps to a limit; what was measured does; not even that.
PROVEN, OPEN, OVER = "proven", "fits", "not enough"


@dataclass(frozen=True)
class Drop:
    """Loss of top-1 accuracy of a file against its original, on the same pictures.

    Attributes:
        split: of the data set.
        before, after: accuracy of the original and of the file, as shares.
        change: pictures gained and lost, with Tango's 95 % interval.
        divergence: of the file's probabilities from the original's (Kullback-Leibler, nats), the mean over pictures.
    """

    split: str
    before: float
    after: float
    change: Change
    divergence: float

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
        return f"{self.split} {100 * self.before:.1f} -> {100 * self.after:.1f} %, drop {drop:.2f} ({low:.2f} to {high:.2f})"

    def settled_by(self, limit: float) -> str:
        """How many pictures would decide, in words; "" where these do."""
        _, low, high = self.points
        if not low <= limit < high:
            return ""
        needed = verdict.pictures_to_settle(self.change, limit)
        return f"about {needed:,} pictures would decide" if needed else "too near the limit for any number of pictures"


class Judge:
    """Holds the pictures of one split, and what the original says to them."""

    def __init__(self, original: Runner, card: Card, data: Dataset, split: str, cache: Cache, progress: Progress) -> None:
        """Run the original over the split.

        Raises:
            BadData: the split has no pictures, or their classes are not the network's.
        """
        if split not in data.splits or not len(data.splits[split]):
            raise BadData(f"{data.name} has no pictures in split '{split}', on which the drop is judged; give labelled photos with --data FOLDER")
        part, offset = data.splits[split], card.label_offset
        outputs = samples.output_of(data.classes, card.labels, original.classes - offset)
        if outputs is None:
            raise BadData(f"classes of {data.name} ({data.classes[0]}, ...) are not those of {original.path}: the drop cannot be measured; give other --data")
        self.split, self.offset, self.cache, self.progress = split, offset, cache, progress
        self.pictures, self.truth = part.pictures, outputs[part.labels]
        self.about = {"data": data.digest, "split": split, "size": list(self.pictures.shape[1:])}
        with progress.track(f"evaluating {original.path.name} on {split}", len(part)) as advance:
            found = answers(original, self.pictures, advance=advance)
        self.original = found.probabilities[:, offset:]
        self.about["original"] = hashlib.sha256(np.ascontiguousarray(self.original.argmax(-1))).hexdigest()
        self.before = float((self.original.argmax(-1) == self.truth).mean())

    def drop(self, content: bytes, suffix: str) -> Drop:
        """Of a file with this content, from the cache where these very bytes were judged before."""
        key = {"what": "drop", "file": hashlib.sha256(content).hexdigest(), **self.about}
        kept = self.cache.recall(key)
        if kept is not None:
            return Drop(self.split, self.before, kept["after"], Change(**kept["change"]), kept["divergence"])
        given = self._run(content, suffix, self.pictures)
        change = accuracy.change(given, self.original, self.truth)
        found = Drop(self.split, self.before, float((given.argmax(-1) == self.truth).mean()), change, divergence(self.original, given))
        self.cache.keep(key, {"after": found.after, "change": asdict(change), "divergence": found.divergence})
        return found

    def divergence(self, content: bytes, suffix: str, chosen: np.ndarray) -> float:
        """Of the file's probabilities from the original's on some pictures."""
        return divergence(self.original[chosen], self._run(content, suffix, np.asarray(self.pictures[chosen])))

    def some(self, count: int) -> np.ndarray:
        """Rows of `count` pictures, drawn with a fixed seed."""
        return np.sort(np.random.default_rng(0).permutation(len(self.truth))[:count])

    def _run(self, content: bytes, suffix: str, pictures: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"candidate.{suffix}")
            path.write_bytes(content)
            return evaluate(os.fspath(path), pictures).probabilities[:, self.offset :]


def divergence(expected: np.ndarray, given: np.ndarray) -> float:
    """Kullback-Leibler divergence of probabilities [N, classes] from those expected, in nats, the mean over pictures.

    It is felt long before an answer flips, so that few pictures tell much.
    """
    ours, theirs = (np.maximum(values, FLOOR) for values in (given, expected))
    ours, theirs = (values / values.sum(-1, keepdims=True) for values in (ours, theirs))
    return float((theirs * np.log(theirs / ours)).sum(-1).mean())
