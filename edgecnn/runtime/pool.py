"""Runs a model over many pictures as fast as the machine can: one single-threaded runner a core."""

from __future__ import annotations

import mmap
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.runtime import open_model
from edgecnn.runtime.contract import Runner

# Pictures that a worker takes at once, and how few are worth opening one more worker for.
CHUNK, WORTH_ONE = 16, 4
# Pictures after which the pages of a memory-mapped array are given back: some tens of megabytes.
FORGET = 1024


class Pictures(Protocol):
    """What slices into uint8 RGB [n, H, W, 3]: an array, or rows that are read when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


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
    scores = np.empty((len(pictures), first.num_scores), np.float32)

    def take(start: int, rows: np.ndarray) -> None:
        scores[start : start + len(rows)] = rows

    stream(first, pictures, take, preprocessing=preprocessing, workers=workers, advance=advance)
    return Answers(scores, first.probabilities(scores))


def stream(
    first: Runner,
    pictures: Pictures,
    take: Callable[[int, np.ndarray], None],
    *,
    preprocessing: Preprocessing | None = None,
    workers: int | None = None,
    advance: Callable[[int, str], None] | None = None,
) -> None:
    """Run over any number of pictures in constant memory and hand their scores on, a chunk at a time.

    Args:
        first: a runner that is open; more of its kind are opened where that is faster.
        pictures: uint8 RGB [N, H, W, 3] or what slices like it; the pages of a memory-mapped array are given back as they are done.
        take: called with the index of a chunk's first picture and the chunk's scores [n, classes], once a chunk, in no order and from several threads.
        preprocessing, workers, advance: as in `evaluate`.
    """
    count = _workers(first, len(pictures), workers)
    chunk = max(1, min(CHUNK, -(-len(pictures) // count))) if count > 1 else 64
    starts, turn, stopped = iter(range(0, len(pictures), chunk)), threading.Lock(), threading.Event()
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work(runner: Runner) -> None:
        try:
            while not stopped.is_set():
                with turn:
                    start = next(starts, None)
                if start is None:
                    return
                rows = runner.scores(pictures[start : start + chunk])
                take(start, rows)
                done.put(len(rows))
        except BaseException:
            stopped.set()
            raise
        finally:
            done.put(0)

    with _runners(first, count, preprocessing) as runners, ThreadPoolExecutor(count) as executor:
        working = [executor.submit(work, runner) for runner in runners]
        try:
            _follow(done, count, pictures, advance)
        finally:
            stopped.set()
        for future in working:
            future.result()


def _follow(done: queue.SimpleQueue[int], workers: int, pictures: Pictures, advance: Callable[[int, str], None] | None) -> None:
    """Tell of the progress until every worker has said 0, that it is through."""
    since = 0
    while workers:
        units = done.get()
        workers -= not units
        since += units
        if units and advance is not None:
            advance(units, "")
        if since >= FORGET:
            _forget(pictures)
            since = 0


def _forget(pictures: Pictures) -> None:
    """Give the pages of a memory-mapped array back to the system, which reads them again if need be."""
    mapped = getattr(pictures, "_mmap", None)
    if mapped is not None and hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)


def each(first: Runner, items: Iterable[Item], do: Callable[[Runner, Item], Result], *, preprocessing: Preprocessing | None = None) -> Iterator[Result]:
    """`do(runner, item)` for every item, in their order, on one runner a core; few items are taken ahead, so that they may be large.

    Args:
        first: a runner that is open already; it opens more of its kind where that is faster.
        items: taken in this thread, one after the other.
        do: called in several threads, each with a runner of its own.
        preprocessing: as `open_model` takes it.
    """
    count = usable_cores() if first.parallel else 1
    idle: queue.SimpleQueue[Runner] = queue.SimpleQueue()
    with _runners(first, count, preprocessing) as runners, ThreadPoolExecutor(count) as executor:
        for runner in runners:
            idle.put(runner)

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
def _runners(first: Runner, count: int, preprocessing: Preprocessing | None) -> Iterator[list[Runner]]:
    more: list[Runner] = []
    try:
        for _ in range(count - 1):
            more.append(open_model(Path(first.path), preprocessing=preprocessing or first.preprocessing, threads=1))
        yield [first, *more]
    finally:
        for runner in more:
            runner.close()
