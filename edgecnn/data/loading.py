"""From a name or a path to splits: find, hash, split, decode once, cache, map."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.data import DATASETS, SPLITS, Calibration, Dataset, Named, Split, cache, splitting
from edgecnn.data.decoding import FileRows, decode_into
from edgecnn.data.names import Names
from edgecnn.data.sources import Digits, Source, open_source, pictures
from edgecnn.data.splitting import Entry
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
    parts = [CODE_VERSION, *origin.identity(), preprocessing.height, preprocessing.width, preprocessing.resize]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    rows, manifest = cache.find(key) or _build(origin, key, preprocessing, progress)
    if manifest.skipped:
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
    place = {name: member for member, name in splitting.names_below_root([name for name, _ in pictures(origin.source)]).items()}
    missing = [name for name in names if name not in place]
    if missing:
        raise BadData(f"{len(missing)} of {len(names)} pictures are not in {origin.source.place} any more, the first is {missing[0]}; load the data set again")
    wanted = {place[name]: index for index, name in enumerate(names)}
    return ((wanted[member], read()) for member, read in pictures(origin.source) if member in wanted)


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
    hashes = {name: hashlib.sha256(read()).hexdigest() for name, read in pictures(origin.source)}
    lists = splitting.read_lists(origin.lists) if origin.lists else splitting.digits_lists(hashes) if isinstance(origin.source, Digits) else None
    entries, strays = splitting.arrange(hashes, lists, origin.row.val_last if origin.row else 0, origin.source.place)
    try:
        return _build_on_disk(origin, key, entries, strays, preprocessing, progress)
    except OSError as error:
        progress.step(f"no cache in {cache.folder()} ({files.reason(error)}): the pictures stay in memory and are decoded again next time")
    rows = np.zeros((len(entries), preprocessing.height, preprocessing.width, 3), np.uint8)
    broken = _decode(rows, origin, entries, preprocessing, progress)
    return rows, _compact(rows, entries, broken, strays, origin, progress)


def _build_on_disk(
    origin: Origin, key: str, entries: list[Entry], strays: list[tuple[str, str]], preprocessing: Preprocessing, progress: Progress
) -> tuple[np.ndarray, cache.Manifest]:
    with cache.building() as folder:
        path = folder / cache.PICTURES
        with contextlib.closing(FileRows(path, (len(entries), preprocessing.height, preprocessing.width, 3))) as rows:
            broken = _decode(rows, origin, entries, preprocessing, progress)
        manifest = _compact(np.load(path, mmap_mode="r+"), entries, broken, strays, origin, progress)
        cache.keep(folder, key, manifest)
    found = cache.find(key)
    if found is None:
        raise OSError(f"{key} is gone again")
    return found


def _tell_skipped(manifest: cache.Manifest, place: str) -> str:
    name, why = manifest.skipped[0]
    skipped = len(manifest.skipped)
    return f"{skipped} of {skipped + len(manifest.names)} files of {place} that cannot be used, the first is {name}: {why}"


def _decode(rows: np.ndarray | FileRows, origin: Origin, entries: list[Entry], preprocessing: Preprocessing, progress: Progress) -> dict[int, str]:
    wanted = {entry.member: row for row, entry in enumerate(entries)}
    with progress.track(f"decoding {origin.name}", len(wanted)) as advance:
        return decode_into(rows, pictures(origin.source), wanted, preprocessing, advance)


def _compact(
    rows: np.ndarray, entries: list[Entry], broken: dict[int, str], strays: list[tuple[str, str]], origin: Origin, progress: Progress
) -> cache.Manifest:
    """Close the gaps that broken pictures leave in `rows`, and say what the rows now hold; the tail of `rows` is of no use any more."""
    kept = [row for row in range(len(entries)) if row not in broken]
    for new, old in enumerate(kept):
        if new != old:
            rows[new] = rows[old]
    left = [entries[row] for row in kept]
    if broken and not left:
        row, why = next(iter(broken.items()))
        raise BadData(f"none of the {len(broken)} pictures of {origin.source.place} can be read, the first is {entries[row].name}: {why}; give whole pictures")
    splitting.check(left, origin.source.place)
    if twins := splitting.duplicates(left):
        progress.step(f"{twins} val or test pictures are byte for byte in train too: their figures flatter")
    skipped = sorted([*strays, *((entries[row].name, why) for row, why in broken.items())])
    return _manifest(left, skipped)


def _manifest(entries: list[Entry], skipped: list[tuple[str, str]]) -> cache.Manifest:
    classes = tuple(sorted({e.label for e in entries}))
    number = {label: i for i, label in enumerate(classes)}
    counts = {split: sum(e.split == split for e in entries) for split in SPLITS}
    labels = np.fromiter((number[e.label] for e in entries), np.int64, len(entries))
    return cache.Manifest(classes, labels, Names.of(e.name for e in entries), counts, _digest(classes, entries), tuple(skipped))


def _digest(classes: tuple[str, ...], entries: list[Entry]) -> str:
    """SHA-256 of json.dumps([classes, [[split, label, name, sha256], ...]]), which of a million pictures is not made in one piece."""
    digest = hashlib.sha256(f"[{json.dumps(classes)}, [".encode())
    for i, e in enumerate(entries):
        digest.update(((", " if i else "") + json.dumps((e.split, e.label, e.name, e.sha256))).encode())
    digest.update(b"]]")
    return digest.hexdigest()


def _dataset(origin: Origin, rows: np.ndarray, manifest: cache.Manifest) -> Dataset:
    labels = manifest.labels
    ends = itertools.accumulate(manifest.counts[split] for split in SPLITS)
    splits = {
        split: Split(rows[end - manifest.counts[split] : end], labels[end - manifest.counts[split] : end], manifest.names[end - manifest.counts[split] : end])
        for split, end in zip(SPLITS, ends, strict=True)
    }
    return Dataset(origin.name, manifest.classes, splits, manifest.digest, manifest.skipped, bool(origin.row and origin.row.flip))
