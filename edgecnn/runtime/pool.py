"""Runs a model over many pictures as fast as the machine can: one single-threaded runner a core."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.runtime import open_model
from edgecnn.runtime.contract import Runner

# Pictures that a worker takes at once, and how few are worth opening one more worker for.
CHUNK, WORTH_ONE = 16, 4

Item, Result = TypeVar("Item"), TypeVar("Result")


@dataclass(frozen=True)
class Answers:
    """What a file says to pictures.

    Attributes:
        scores: as the file gives them, dequantized, [N, classes], float32.
        probabilities: with the softmax added that a file with logits lacks, [N, classes], float32.
    """

    scores: np.ndarray
    probabilities: np.ndarray


def evaluate(
    path: str | os.PathLike[str],
    pictures: np.ndarray,
    *,
    preprocessing: Preprocessing | None = None,
    workers: int | None = None,
    advance: Callable[[int, str], None] | None = None,
) -> Answers:
    """Run a file over uint8 RGB pictures [N, H, W, 3].

    Args:
        path: a model or an export, as `open_model` takes it.
        pictures: at the size of the file's input; may be memory-mapped.
        preprocessing: as `open_model` takes it.
        workers: runners side by side, each on one thread; one a usable core when left out.
        advance: called with the number of pictures done and an empty note.

    Raises:
        BadFile, BadData: as the runner raises.
    """
    with closing(open_model(path, preprocessing=preprocessing, threads=1)) as first:
        return answers(first, pictures, preprocessing=preprocessing, workers=workers, advance=advance)


def answers(
    first: Runner,
    pictures: np.ndarray,
    *,
    preprocessing: Preprocessing | None = None,
    workers: int | None = None,
    advance: Callable[[int, str], None] | None = None,
) -> Answers:
    """`evaluate` with a runner that is open already; it opens more of its kind where that is faster."""
    count = _workers(first, len(pictures), workers)
    chunk = min(CHUNK, -(-len(pictures) // count)) if count > 1 else 64
    parts: dict[int, np.ndarray] = {}
    with _runners(first, count, preprocessing) as idle, ThreadPoolExecutor(count) as executor:

        def work(start: int) -> int:
            runner = idle.get()
            try:
                parts[start] = runner.scores(pictures[start : start + chunk])
            finally:
                idle.put(runner)
            return len(parts[start])

        waiting = [executor.submit(work, start) for start in range(0, len(pictures), chunk)]
        try:
            for done in as_completed(waiting):
                if advance is not None:
                    advance(done.result(), "")
                done.result()
        finally:
            executor.shutdown(cancel_futures=True)
    scores = np.concatenate([parts[start] for start in sorted(parts)]) if parts else np.empty((0, first.classes), np.float32)
    return Answers(scores, first.probabilities(scores))


def each(first: Runner, items: Iterable[Item], do: Callable[[Runner, Item], Result], *, preprocessing: Preprocessing | None = None) -> Iterator[Result]:
    """`do(runner, item)` for every item, in their order, on one runner a core; few items are taken ahead, so that they may be large.

    Args:
        first: a runner that is open already; it opens more of its kind where that is faster.
        items: taken in this thread, one after the other.
        do: called in several threads, each with a runner of its own.
        preprocessing: as `open_model` takes it.
    """
    count = usable_cores() if first.parallel else 1
    with _runners(first, count, preprocessing) as idle, ThreadPoolExecutor(count) as executor:

        def work(item: Item) -> Result:
            runner = idle.get()
            try:
                return do(runner, item)
            finally:
                idle.put(runner)

        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(cancel_futures=True)


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(first: Runner, pictures: int, wanted: int | None) -> int:
    if not first.parallel:
        return 1
    return max(1, min(wanted or usable_cores(), pictures // WORTH_ONE))


@contextmanager
def _runners(first: Runner, count: int, preprocessing: Preprocessing | None) -> Iterator[queue.SimpleQueue[Runner]]:
    more: list[Runner] = []
    idle: queue.SimpleQueue[Runner] = queue.SimpleQueue()
    try:
        idle.put(first)
        for _ in range(count - 1):
            more.append(open_model(Path(first.path), preprocessing=preprocessing, threads=1))
            idle.put(more[-1])
        yield idle
    finally:
        for runner in more:
            runner.close()
