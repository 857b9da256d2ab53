"""Decoded pictures on disk: made once, memory-mapped from then on, whole or not there at all."""

from __future__ import annotations

import contextlib
import mmap
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from edgecnn import files
from edgecnn.data import Finding, cache_check
from edgecnn.data.cache_check import DamagedCache, Seal
from edgecnn.data.names import Names, packed

PICTURES, MANIFEST, LABELS, NAMES = "pictures.npy", "manifest.json", "labels.npy", "names"
ENDS, TARGETS = "name_ends.npy", "targets.npy"
# There while a folder is built.
CATALOGUE = "catalogue.sqlite"
_BUILDING = ".building-"
_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Summary:
    """What is told of the decoded pictures, whose rows lie in the order train, val, test.

    Attributes:
        classes: class names.
        counts: split name -> rows.
        digest, skipped, findings: as in `edgecnn.data.Dataset`.
        totals: (split, class, rows) in the order of the rows; of a multi-label set the class is all labels of an image.
        multi_label: whether there are targets.
        seals: file -> what it was when it was written; empty of what is in memory alone.
    """

    classes: tuple[str, ...]
    counts: dict[str, int]
    digest: str
    skipped: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...] = ()
    totals: tuple[tuple[str, str, int], ...] = ()
    multi_label: bool = False
    seals: dict[str, Seal] | None = None


@dataclass(frozen=True)
class Manifest:
    """What belongs to the decoded pictures.

    Attributes:
        summary: of all.
        labels: int64 [N], one a row.
        names: one a row.
        targets: uint8 [N, labels] of a multi-label set, else None.
    """

    summary: Summary
    labels: np.ndarray
    names: Names
    targets: np.ndarray | None = None


def folder() -> Path:
    """The user's cache folder, as `files.cache_folder`."""
    return files.cache_folder()


def find(key: str) -> tuple[np.ndarray, Manifest] | None:
    """The decoded pictures under `key`, memory-mapped read-only, or None when they are not there or not whole; see `cache_check` for what that costs."""
    place = folder() / "decoded" / key
    try:
        summary = Summary(**cache_check.manifest((place / MANIFEST).read_bytes()))
        _check(place, summary)
        count, names = sum(summary.counts.values()), _names(place)
        labels = _array(place / LABELS, np.int64, (count,))
        pictures = np.load(place / PICTURES, mmap_mode="r")
        targets = _array(place / TARGETS, np.uint8, (count, len(summary.classes))) if summary.multi_label else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, MemoryError, SyntaxError):
        return None
    fits = pictures.dtype == np.uint8 and pictures.ndim == 4 and len(pictures) >= count == len(names)
    fits = fits and (not count or (labels.min() >= -1 and labels.max() < len(summary.classes)))
    return (pictures, Manifest(summary, labels, names, targets)) if fits else None


def _check(place: Path, summary: Summary) -> None:
    """DamagedCache where a file is not what was written."""
    if set(summary.seals) != _parts(summary.multi_label):
        raise DamagedCache("manifest: other files")
    for name, sealed in summary.seals.items():
        cache_check.check(place / name, sealed, whole=name != PICTURES)


def _parts(multi_label: bool) -> set[str]:
    return {PICTURES, LABELS, NAMES, ENDS, *([TARGETS] if multi_label else [])}


def _array(path: Path, kind: type, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(np.load(path, mmap_mode="r"))
    if array.dtype != kind or array.shape != shape:
        raise DamagedCache(f"{path.name} has another shape")
    return array


def _names(place: Path) -> Names:
    """Names that stay on the disk until they are asked for; ValueError where the files do not fit each other."""
    with (place / NAMES).open("rb") as stream:
        letters = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    ends = np.load(place / ENDS, mmap_mode="r")
    if ends.dtype != np.int64 or ends.ndim != 1 or not len(ends) or ends[-1] != len(letters) - 1:
        raise DamagedCache("names are cut off")
    return Names(letters, ends)


@contextlib.contextmanager
def building() -> Iterator[Path]:
    """A fresh folder to build in, removed unless `keep` has renamed it.

    Raises:
        OSError: the cache folder cannot be written.
    """
    parent = folder() / "decoded"
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    place = Path(tempfile.mkdtemp(dir=parent, prefix=_BUILDING))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write(built: Path, labels: Sequence[np.ndarray], names: Iterable[str], targets: Iterable[np.ndarray] | None = None) -> None:
    """Write the label, the name and the targets of each row into a folder of `building`.

    Args:
        built: the folder.
        labels: int64 [n], one piece after the other.
        names: one a row.
        targets: uint8 [n, labels], one piece after the other; None for a set with one class for each picture.
    """
    count = sum(map(len, labels))
    with _column(built / LABELS, np.int64, (count,)) as stream:
        for piece in labels:
            stream.write(piece.tobytes())
    with (built / NAMES).open("wb") as letters, _column(built / ENDS, np.int64, (count,)) as ends:
        for some, places in packed(names):
            letters.write(some)
            ends.write(places.tobytes())
    if targets is not None:
        _write_targets(built / TARGETS, count, targets)


def _write_targets(path: Path, count: int, targets: Iterable[np.ndarray]) -> None:
    pieces = iter(targets)
    first = next(pieces)
    with _column(path, np.uint8, (count, first.shape[1])) as stream:
        stream.write(first.tobytes())
        for piece in pieces:
            stream.write(piece.tobytes())


@contextlib.contextmanager
def _column(path: Path, kind: type, shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """A new .npy file, past its header."""
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape})
        yield stream


def keep(built: Path, key: str, summary: Summary) -> None:
    """Finish a folder of `building` by its summary and rename it; where another process was faster, its result stays."""
    summary = replace(summary, seals={name: cache_check.seal(built / name) for name in sorted(_parts(summary.multi_label))})
    (built / MANIFEST).write_text(cache_check.signed(asdict(summary)), encoding="ascii")
    place = folder() / "decoded" / key
    if not _renamed(built, place) and find(key) is None:
        damaged = built.with_name(f"{built.name}-damaged")
        place.rename(damaged)
        _renamed(built, place)
        shutil.rmtree(damaged, ignore_errors=True)


def _renamed(built: Path, place: Path) -> bool:
    """Whether `place` was free for `built`; an OSError that has another cause goes on."""
    try:
        built.rename(place)
    except OSError:
        if not place.exists():
            raise
        return False
    return True


def _sweep(parent: Path) -> None:
    """Remove what killed builds left, once nobody can still be at work on it."""
    for left in parent.glob(f"{_BUILDING}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)
