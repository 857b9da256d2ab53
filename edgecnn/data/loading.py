"""From a name or a path to splits: find, hash, split, decode once, cache, map."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence

import numpy as np

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, Calibration, Dataset, Split, cache, catalogue, image_formats, layout, splitting
from edgecnn.data.building import decode, fill, labels_of, targets_of
from edgecnn.data.decoding import FileRows
from edgecnn.data.names import Names
from edgecnn.data.origin import Origin, open_origin, root_of
from edgecnn.data.passing import PassedOver
from edgecnn.data.sources import pictures
from edgecnn.errors import BadData, BadSetting
from edgecnn.progress import Progress

# Part of the cache's key: raise it when the same files and settings would give other pictures, splits or manifests.
CODE_VERSION = 4


def load(source: str | os.PathLike[str], preprocessing: Preprocessing, *, strict: bool, progress: Progress, need_train: bool) -> Dataset:
    """See `edgecnn.data.load`."""
    origin = open_origin(source)
    parts = [CODE_VERSION, *origin.identity(), preprocessing.height, preprocessing.width, preprocessing.resize_rule, sorted(image_formats.suffixes())]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    rows, manifest = cache.find(key) or _build(origin, key, preprocessing, progress, need_train)
    splitting.check(manifest.summary.totals, origin.source.place, need_train=need_train, multi_label=manifest.summary.multi_label)
    _tell(manifest, origin.source.place, strict, progress)
    return _dataset(origin, rows, manifest)


def calibration(dataset: Dataset, count: int, seed: int) -> Calibration:
    """See `edgecnn.data.calibration`."""
    if count < 1:
        raise BadSetting(f"{count} calibration pictures: expected 1 or more")
    train = dataset.splits["train"]
    if not len(train):
        raise BadData(f"{dataset.name} has no pictures in train to calibrate on; name a set that has some")
    rng = np.random.default_rng(seed)
    numbers = range(-1, 0) if train.targets is not None else range(len(dataset.classes))
    by_class = [rng.permutation(np.flatnonzero(train.labels == label)) for label in rng.permutation(numbers)]
    in_turn = (i for turn in itertools.zip_longest(*by_class) for i in turn if i is not None)
    chosen = list(itertools.islice(in_turn, count))
    manifest = {"dataset": dataset.name, "digest": dataset.digest, "split": "train", "count": len(chosen), "seed": seed}
    return Calibration(train.pictures[chosen], manifest)


def class_counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """See `edgecnn.data.class_counts`."""
    counts: dict[str, dict[str, int]] = {name: {} for name in dataset.classes}
    for split, own in dataset.splits.items():
        each = np.bincount(own.labels, minlength=len(dataset.classes)) if own.targets is None else own.targets.sum(axis=0, dtype=np.int64)
        for name, count in zip(dataset.classes, each, strict=True):
            counts[name][split] = int(count)
    return counts


def originals(source: str | os.PathLike[str], names: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """See `edgecnn.data.originals`."""
    origin = open_origin(source)
    wanted = {name: index for index, name in enumerate(names)}
    # The root folder is known when all names have been seen; until then whatever ends like a wanted name may be one.
    may_be, passed = set(), PassedOver()

    def noted() -> Iterator[str]:
        for member, _ in pictures(origin.source, passed):
            if any(tail in wanted for tail in _tails(member)):
                may_be.add(member)
            yield member

    cut = len(root_of(origin, passed, layout.folders_of(noted(), origin.source.place)))
    there = {member[cut:]: member for member in may_be}
    missing = [name for name in names if name not in there]
    if missing:
        raise BadData(f"{len(missing)} of {len(names)} pictures are not in {origin.source.place} any more, the first is {missing[0]}; load the data set again")
    members = {there[name]: index for name, index in wanted.items()}
    return ((members.pop(member), read()) for member, read in pictures(origin.source) if member in members)


def _build(origin: Origin, key: str, preprocessing: Preprocessing, progress: Progress, need_train: bool) -> tuple[np.ndarray, cache.Manifest]:
    progress.step(f"reading {origin.source.place}")
    try:
        return _build_on_disk(origin, key, preprocessing, progress, need_train)
    except OSError as error:
        why = files.reason(error)
    with catalogue.opened(None) as found:
        count, arranged = fill(found, origin)
        progress.step(f"no cache in {cache.folder()} ({why}): the pictures stay in memory and are decoded again next time")
        rows = np.zeros((count, preprocessing.height, preprocessing.width, 3), np.uint8)
        summary = decode(rows, found, count, arranged, origin, preprocessing, progress, need_train)
        targets = np.concatenate(list(targets_of(summary))) if summary.multi_label else None
        return rows, cache.Manifest(summary, np.concatenate(labels_of(summary)), Names.of(found.names()), targets)


def _build_on_disk(origin: Origin, key: str, preprocessing: Preprocessing, progress: Progress, need_train: bool) -> tuple[np.ndarray, cache.Manifest]:
    with cache.building() as folder:
        with catalogue.opened(folder / cache.CATALOGUE) as found:
            count, arranged = fill(found, origin)
            with contextlib.closing(FileRows(folder / cache.PICTURES, (count, preprocessing.height, preprocessing.width, 3))) as rows:
                summary = decode(rows, found, count, arranged, origin, preprocessing, progress, need_train)
            cache.write(folder, labels_of(summary), found.names(), targets_of(summary) if summary.multi_label else None)
        cache.keep(folder, key, summary)
    kept = cache.find(key)
    if kept is None:
        raise OSError(f"{key} is gone again")
    return kept


def _tell(manifest: cache.Manifest, place: str, strict: bool, progress: Progress) -> None:
    """Say what was skipped and found; BadData where `strict` refuses it."""
    skipped, mend = manifest.summary.skipped, "mend or remove them, or leave out --strict"
    if skipped:
        name, why = skipped[0]
        text = f"{len(skipped)} of {len(skipped) + len(manifest.names)} files of {place} that cannot be used, the first is {name}: {why}"
        if strict:
            raise BadData(f"{text}; {mend} to skip them")
        progress.note(f"skipped {text}")
    for finding in manifest.summary.findings:
        if strict and finding.strict:
            raise BadData(f"{place}: {finding.line()}; {mend}")
        progress.note(f"{place}: {finding.line()}")


def _tails(member: str) -> Iterator[str]:
    """A path, and what is left of it below each of its folders."""
    yield member
    while member := member.partition("/")[2]:
        yield member


def _dataset(origin: Origin, rows: np.ndarray, manifest: cache.Manifest) -> Dataset:
    summary, splits, start = manifest.summary, {}, 0
    for split in SPLITS:
        own = slice(start, start := start + summary.counts[split])
        splits[split] = Split(rows[own], manifest.labels[own], manifest.names[own], None if manifest.targets is None else manifest.targets[own])
    flip = bool(origin.row and origin.row.flip)
    return Dataset(origin.name, summary.classes, splits, summary.digest, summary.skipped, flip, summary.findings)
