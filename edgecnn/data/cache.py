"""Decoded pictures on disk: made once, memory-mapped from then on, whole or not there at all."""

from __future__ import annotations

import contextlib
import json
import mmap
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

from edgecnn import files
from edgecnn.data.names import Names, packed

PICTURES, MANIFEST, LABELS, NAMES = "pictures.npy", "manifest.json", "labels.npy", "names"
ENDS = "name_ends.npy"
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
        digest, skipped: as in `edgecnn.data.Dataset`.
    """

    classes: tuple[str, ...]
    counts: dict[str, int]
    digest: str
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Manifest:
    """What belongs to the decoded pictures.

    Attributes:
        summary: of all.
        labels: int64 [N], one a row.
        names: one a row.
    """

    summary: Summary
    labels: np.ndarray
    names: Names


def folder() -> Path:
    """The user's cache folder, as `files.cache_folder`."""
    return files.cache_folder()


def find(key: str) -> tuple[np.ndarray, Manifest] | None:
    """The decoded pictures under `key`, memory-mapped read-only, or None when they are not there or not whole."""
    place = folder() / "decoded" / key
    try:
        raw = json.loads((place / MANIFEST).read_bytes())
        skipped = tuple((name, why) for name, why in raw["skipped"])
        labels, names = np.asarray(np.load(place / LABELS, mmap_mode="r")), _names(place)
        manifest = Manifest(Summary(tuple(raw["classes"]), raw["counts"], raw["digest"], skipped), labels, names)
        pictures = np.load(place / PICTURES, mmap_mode="r")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (pictures, manifest) if len(pictures) >= len(names) == len(labels) else None


def _names(place: Path) -> Names:
    """Names that stay on the disk until they are asked for; ValueError where the files do not fit each other."""
    with (place / NAMES).open("rb") as stream:
        letters = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    ends = np.load(place / ENDS, mmap_mode="r")
    if not len(ends) or ends[-1] != len(letters) - 1:
        raise ValueError("names are cut off")
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


def write(built: Path, labels: Sequence[np.ndarray], names: Iterable[str]) -> None:
    """Write the labels and the name of each row into a folder of `building`.

    Args:
        built: the folder.
        labels: int64 [n], one piece after the other.
        names: one a row.
    """
    count = sum(map(len, labels))
    with _column(built / LABELS, count) as stream:
        for piece in labels:
            stream.write(piece.tobytes())
    with (built / NAMES).open("wb") as letters, _column(built / ENDS, count) as ends:
        for some, places in packed(names):
            letters.write(some)
            ends.write(places.tobytes())


@contextlib.contextmanager
def _column(path: Path, count: int) -> Iterator[IO[bytes]]:
    """A new .npy file for `count` int64, past its header."""
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": np.dtype(np.int64).str, "fortran_order": False, "shape": (count,)})
        yield stream


def keep(built: Path, key: str, summary: Summary) -> None:
    """Finish a folder of `building` by its summary and rename it; where another process was faster, its result stays."""
    with (built / MANIFEST).open("w", encoding="ascii") as stream:
        json.dump(asdict(summary), stream)  # a name that is no UTF-8 has no other form than ASCII's escapes
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
