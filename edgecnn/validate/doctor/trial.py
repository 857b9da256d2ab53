"""Runs a file over original pictures in every way, right and wrong, and keeps the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from edgecnn.progress import Progress
from edgecnn.runtime import pool
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.preprocess import channels
from edgecnn.validate.doctor.levels import Input
from edgecnn.validate.doctor.mistakes import RIGHT, Way, ways
from edgecnn.validate.doctor.views import Original, View

# Pictures that are decoded at once: originals may be large.
CHUNK = 8
# No answer: the network gives NaN, or the app shows a name that is not among the labels.
NONE = -1

Item = TypeVar("Item")


@dataclass(frozen=True)
class Answers:
    """What a file answers in one way.

    Attributes:
        way: the first of `names`.
        names: of all ways that fed the file with the very same numbers.
        found: int64 [N], places in the list of labels; NONE for no answer.
        scores: float32 [N], probability of each answer.
    """

    way: Way
    names: tuple[str, ...]
    found: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class _Task:
    """What all pictures have in common."""

    into: Input
    ways: tuple[Way, ...]
    tables: tuple[np.ndarray, ...]
    offset: int
    sorted_labels: np.ndarray


def run(
    runner: Runner, into: Input, contents: Iterable[tuple[int, bytes]], count: int, *, labels: tuple[str, ...], offset: int, name: str, progress: Progress
) -> list[Answers]:
    """Answers of the right way, then of each mistake whose input or labels differ from the right ones.

    Args:
        runner: of the file; others of its kind are opened beside it where that is faster.
        into: its input.
        contents: (index, bytes of a picture file) of `count` pictures.
        labels: names of the outputs after the background ones.
        offset: outputs before the first label.
        name: of the file, for the progress.
    """
    tried = tuple(ways(into, labels))
    # sorted_labels[i] is the place in the right list of the name that stands at place i of the sorted one.
    turned = np.array(sorted(range(len(labels)), key=labels.__getitem__), np.int64)
    task = _Task(into, tried, tuple(way.levels(into) for way in tried), offset, turned)
    found, scores = np.empty((len(tried), count), np.int64), np.empty((len(tried), count), np.float32)
    seals = [hashlib.sha256(repr(way.label).encode()) for way in tried]
    with progress.track(f"trying {len(tried) - 1} mistakes on {name}", count) as advance:
        for part in pool.each(runner, _chunks(contents, CHUNK), lambda one, chunk: _try(one, chunk, task), preprocessing=into.preprocessing):
            found[:, part.places], scores[:, part.places] = part.found, part.scores
            for seal, digest in zip(seals, part.digests, strict=True):
                seal.update(digest)
            advance(len(part.places), "")
    return list(_grouped(tried, [seal.hexdigest() for seal in seals], found, scores))


@dataclass(frozen=True)
class _Part:
    """A chunk's answers: its pictures' places [n], and by way the answers [ways, n], their scores, and the digest of what was fed."""

    places: np.ndarray
    found: np.ndarray
    scores: np.ndarray
    digests: tuple[bytes, ...]


def _try(runner: Runner, chunk: Sequence[tuple[int, bytes]], task: _Task) -> _Part:
    pixels = _pixels([content for _, content in chunk], task)
    known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    rows, digests = [], []
    for way, table in zip(task.ways, task.tables, strict=True):
        stored = stored_of(pixels[way.view], way, table, task.into)
        digest = hashlib.sha256(stored).digest()
        if digest not in known:
            known[digest] = _best(runner, stored, task.offset)
        best, score = known[digest]
        rows.append((_shown(best, way, task, runner.classes - task.offset), score))
        digests.append(digest)
    return _Part(np.array([i for i, _ in chunk]), np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]), tuple(digests))


def _pixels(contents: Sequence[bytes], task: _Task) -> dict[View, np.ndarray]:
    """Every view that is needed -> uint8 RGB [n, H, W, 3]; one original at a time, because it may be large."""
    wanted: list[View] = list(dict.fromkeys(way.view for way in task.ways))
    made: dict[View, list[np.ndarray]] = {view: [] for view in wanted}
    for content in contents:
        original = Original(content, task.into.preprocessing)
        for view in wanted:
            made[view].append(view(original))
    return {view: np.stack(pictures) for view, pictures in made.items()}


def stored_of(pixels: np.ndarray, way: Way, table: np.ndarray, into: Input) -> np.ndarray:
    """What the app writes into the input for uint8 RGB [n, H, W, 3]."""
    own = into.preprocessing.order
    order = {"": own, "other": "rgb" if own == "bgr" else "bgr"}.get(way.order, way.order)
    pixels = channels(pixels, "bgr" if order == "bgr" else "rgb")
    pixels = channels(pixels, own) if own in ("grey", "rgba") else pixels
    stored = np.stack([table[:, c][pixels[..., c]] for c in range(pixels.shape[-1])], axis=-1)
    if not into.layout.has_channel_axis:
        return np.ascontiguousarray(stored[..., 0])
    planes = np.ascontiguousarray(stored.transpose(0, 3, 1, 2))
    if not way.memory:
        return planes if into.layout.channels_first else np.ascontiguousarray(stored)
    # The same numbers, one after the other in the order of the other layout.
    return stored.reshape(planes.shape) if into.layout.channels_first else planes.reshape(stored.shape)


def _best(runner: Runner, stored: np.ndarray, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the best answers [n] and their probabilities [n]."""
    scores = runner.feed(stored)
    lost = ~np.isfinite(scores).all(1)
    scores[lost] = 0
    probabilities = runner.probabilities(scores)
    best = probabilities[:, offset:].argmax(1)
    chances = probabilities[np.arange(len(best)), best + offset]
    return np.where(lost, NONE, best), np.where(lost, 0, chances).astype(np.float32)


def _shown(best: np.ndarray, way: Way, task: _Task, count: int) -> np.ndarray:
    """The right place, among `count`, of the name that the app shows for the outputs `best`."""
    place = task.sorted_labels[best] if way.label is None else best + way.label
    return np.where((best == NONE) | (place < 0) | (place >= count), NONE, place)


def _grouped(tried: Sequence[Way], seals: Sequence[str], found: np.ndarray, scores: np.ndarray) -> Iterator[Answers]:
    """One result for all ways that did the same thing; what did the right thing is no mistake."""
    for i, seal in enumerate(seals):
        if seals.index(seal) == i:
            names = tuple(way.name for way, other in zip(tried, seals, strict=True) if other == seal and way is not RIGHT)
            yield Answers(tried[i], (RIGHT.name,) if tried[i] is RIGHT else names, found[i], scores[i])


def _chunks(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, count)):
        yield chunk
