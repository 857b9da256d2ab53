"""From a name or a path to splits: find, hash, split, decode once, cache, map."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.data import DATASETS, SPLITS, Calibration, Dataset, Named, Split, cache, catalogue, splitting
from edgecnn.data.catalogue import Catalogue, Entry
from edgecnn.data.decoding import FileRows, Rows, decode_into
from edgecnn.data.names import Names
from edgecnn.data.sources import Digits, Source, open_source, pictures
from edgecnn.errors import BadData, BadSetting, unknown
from edgecnn.progress import Progress

# Part of the cache's key: raise it when the same files and settings would give other pictures, splits or manifests.
CODE_VERSION = 3


@dataclass(frozen=True)
class Origin:
    """A source and what is known beside it: the table's row for a named set, the file of split lists where it has one."""

    source: Source
    row: Named | None = None
    lists: Path | None = None

    @property
    def name(self) -> str:
        return self.row.name if self.row else self.source.name

    def identity(self) -> list[str]:
        """What the decoded pictures depend on, besides size and resize rule."""
        return [self.source.identity(), self.name, files.sha256(self.lists) if self.lists else "", str(self.row and self.row.val_last)]


def load(source: str | os.PathLike[str], preprocessing: Preprocessing, *, strict: bool, progress: Progress) -> Dataset:
    """See `edgecnn.data.load`."""
    origin = _origin(source)
    parts = [CODE_VERSION, *origin.identity(), preprocessing.height, preprocessing.width, preprocessing.resize_rule]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    rows, manifest = cache.find(key) or _build(origin, key, preprocessing, progress)
    if manifest.summary.skipped:
        told = _tell_skipped(manifest, origin.source.place)
        if strict:
            raise BadData(f"{told}; mend or remove them, or leave out --strict to skip them")
        progress.step(f"skipped {told}")
    return _dataset(origin, rows, manifest)


def calibration(dataset: Dataset, count: int, seed: int) -> Calibration:
    """See `edgecnn.data.calibration`."""
    if count < 1:
        raise BadSetting(f"{count} calibration pictures: expected 1 or more")
    train = dataset.splits["train"]
    rng = np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(train.labels == label)) for label in rng.permutation(len(dataset.classes))]
    in_turn = (i for turn in itertools.zip_longest(*by_class) for i in turn if i is not None)
    chosen = list(itertools.islice(in_turn, count))
    manifest = {"dataset": dataset.name, "digest": dataset.digest, "split": "train", "count": len(chosen), "seed": seed}
    return Calibration(train.pictures[chosen], manifest)


def originals(source: str | os.PathLike[str], names: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """See `edgecnn.data.originals`."""
    origin = _origin(source)
    wanted = {name: index for index, name in enumerate(names)}
    # The root folder is known when all names have been seen; until then whatever ends like a wanted name may be one.
    may_be = set()

    def noted() -> Iterator[str]:
        for member, _ in pictures(origin.source):
            if any(tail in wanted for tail in _tails(member)):
                may_be.add(member)
            yield member

    cut = len(splitting.root(noted()))
    there = {member[cut:]: member for member in may_be}
    missing = [name for name in names if name not in there]
    if missing:
        raise BadData(f"{len(missing)} of {len(names)} pictures are not in {origin.source.place} any more, the first is {missing[0]}; load the data set again")
    members = {there[name]: index for name, index in wanted.items()}
    return ((members.pop(member), read()) for member, read in pictures(origin.source) if member in members)


def _origin(source: str | os.PathLike[str]) -> Origin:
    if isinstance(source, str) and (row := DATASETS.get(source)):
        if not row.archive:
            return Origin(Digits(), row)
        return Origin(open_source(_find(row, row.archive)), row, _find(row, row.splits) if row.splits else None)
    if isinstance(source, str) and not Path(source).exists() and not Path(source).suffix and len(Path(source).parts) == 1:
        raise unknown("data set", source, DATASETS)
    return Origin(open_source(source))


def _find(row: Named, file: str) -> Path:
    given = os.environ.get("EDGECNN_DATA")
    places = [*([Path(given)] if given else []), cache.folder()]
    for place in places:
        if (place / file).exists():
            return place / file
    looked = " and ".join(map(str, places))
    raise BadData(
        f"data set '{row.name}' needs the file {file}; looked in {looked}; set EDGECNN_DATA to the folder that holds it (--data digits needs no file)"
    )


def _build(origin: Origin, key: str, preprocessing: Preprocessing, progress: Progress) -> tuple[np.ndarray, cache.Manifest]:
    progress.step(f"reading {origin.source.place}")
    try:
        return _build_on_disk(origin, key, preprocessing, progress)
    except OSError as error:
        why = files.reason(error)
    with catalogue.opened(None) as found:
        count, strays = _fill(found, origin)
        progress.step(f"no cache in {cache.folder()} ({why}): the pictures stay in memory and are decoded again next time")
        rows = np.zeros((count, preprocessing.height, preprocessing.width, 3), np.uint8)
        summary = _decode(rows, found, count, strays, origin, preprocessing, progress)
        return rows, cache.Manifest(summary, np.concatenate(_labels(found, summary)), Names.of(found.names()))


def _build_on_disk(origin: Origin, key: str, preprocessing: Preprocessing, progress: Progress) -> tuple[np.ndarray, cache.Manifest]:
    with cache.building() as folder:
        with catalogue.opened(folder / cache.CATALOGUE) as found:
            count, strays = _fill(found, origin)
            with contextlib.closing(FileRows(folder / cache.PICTURES, (count, preprocessing.height, preprocessing.width, 3))) as rows:
                summary = _decode(rows, found, count, strays, origin, preprocessing, progress)
            cache.write(folder, _labels(found, summary), found.names())
        cache.keep(folder, key, summary)
    kept = cache.find(key)
    if kept is None:
        raise OSError(f"{key} is gone again")
    return kept


def _fill(found: Catalogue, origin: Origin) -> tuple[int, list[tuple[str, str]]]:
    """Read all pictures once; the number of those that have a split, and the others with the reason."""
    found.add((name, hashlib.sha256(read()).digest()) for name, read in pictures(origin.source))
    lists = splitting.read_lists(origin.lists) if origin.lists else splitting.digits_lists(found.members()) if isinstance(origin.source, Digits) else None
    return splitting.arrange(found, lists, origin.row.val_last if origin.row else 0, origin.source.place)


def _tell_skipped(manifest: cache.Manifest, place: str) -> str:
    skipped = manifest.summary.skipped
    name, why = skipped[0]
    return f"{len(skipped)} of {len(skipped) + len(manifest.names)} files of {place} that cannot be used, the first is {name}: {why}"


def _decode(
    rows: Rows, found: Catalogue, count: int, strays: list[tuple[str, str]], origin: Origin, preprocessing: Preprocessing, progress: Progress
) -> cache.Summary:
    """Decode all entries, close the gaps that broken pictures leave in `rows`, and say what the rows now hold; the tail of `rows` is of no use any more."""
    with progress.track(f"decoding {origin.name}", count) as advance:
        broken = decode_into(rows, _contents(found, origin.source), preprocessing, advance)
    place = origin.source.place
    names = found.remove(broken)
    if broken and len(broken) == count:
        row, why = next(iter(broken.items()))
        raise BadData(f"none of the {count} pictures of {place} can be read, the first is {names[row]}: {why}; give whole pictures")
    if broken:
        first = min(broken)
        for new, old in enumerate((row for row in range(first, count) if row not in broken), first):
            rows[new] = rows[old]
    totals = found.totals()
    splitting.check(totals, place)
    if twins := found.twins():
        progress.step(f"{twins} val or test pictures are byte for byte in train too: their figures flatter")
    skipped = sorted([*strays, *((names[row], why) for row, why in broken.items())])
    classes = tuple(sorted({label for _, label in totals}))
    counts = {split: sum(number for (own, _), number in totals.items() if own == split) for split in SPLITS}
    return cache.Summary(classes, counts, _digest(classes, found.entries()), tuple(skipped))


def _contents(found: Catalogue, source: Source) -> Iterator[tuple[int, bytes]]:
    """The row and the file of every entry; a source gives its pictures in the same order each time."""
    rows = found.rows()
    wanted = next(rows, None)
    for member, read in pictures(source):
        if wanted and member == wanted[0]:
            yield wanted[1], read()
            wanted = next(rows, None)
    if wanted:
        raise BadData(f"{wanted[0]} is not in {source.place} any more; load the data set again when nothing changes it")


def _labels(found: Catalogue, summary: cache.Summary) -> list[np.ndarray]:
    """The number of each row's class, int64, in pieces that hold one value and take no room."""
    number = {label: i for i, label in enumerate(summary.classes)}
    return [np.broadcast_to(np.int64(number[label]), count) for (_, label), count in found.totals().items()]


def _digest(classes: tuple[str, ...], entries: Iterable[Entry]) -> str:
    """SHA-256 of json.dumps([classes, [[split, label, name, sha256], ...]]), which of a million pictures is not made in one piece."""
    digest = hashlib.sha256(f"[{json.dumps(classes)}, [".encode())
    told, comma = ((e.split, e.label, e.name, e.sha256.hex()) for e in entries), ""
    while some := list(itertools.islice(told, 256)):
        digest.update(f"{comma}{json.dumps(some)[1:-1]}".encode())
        comma = ", "
    digest.update(b"]]")
    return digest.hexdigest()


def _tails(member: str) -> Iterator[str]:
    """A path, and what is left of it below each of its folders."""
    yield member
    while member := member.partition("/")[2]:
        yield member


def _dataset(origin: Origin, rows: np.ndarray, manifest: cache.Manifest) -> Dataset:
    summary, splits, start = manifest.summary, {}, 0
    for split in SPLITS:
        own = slice(start, start := start + summary.counts[split])
        splits[split] = Split(rows[own], manifest.labels[own], manifest.names[own])
    return Dataset(origin.name, summary.classes, splits, summary.digest, summary.skipped, bool(origin.row and origin.row.flip))
