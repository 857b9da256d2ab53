"""Decoded pictures on disk: made once, memory-mapped from then on, whole or not there at all."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.data.names import Names

PICTURES, MANIFEST, LABELS, NAMES = "pictures.npy", "manifest.json", "labels.npy", "names"
ENDS = "name_ends.npy"
_BUILDING = ".building-"
_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Manifest:
    """What belongs to the decoded pictures, whose rows lie in the order train, val, test.

    Attributes:
        classes: class names.
        labels: int64 [N], one a row.
        names: one a row.
        counts: split name -> rows.
        digest, skipped: as in `edgecnn.data.Dataset`.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    names: Names
    counts: dict[str, int]
    digest: str
    skipped: tuple[tuple[str, str], ...]


def folder() -> Path:
    """The user's cache folder: EDGECNN_CACHE, or `edgecnn` under XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("EDGECNN_CACHE"):
        return Path(own)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "edgecnn"
    try:
        return Path.home() / ".cache" / "edgecnn"
    except RuntimeError:  # a container whose user number has no home
        return Path(tempfile.gettempdir()) / "edgecnn"


def find(key: str) -> tuple[np.ndarray, Manifest] | None:
    """The decoded pictures under `key`, memory-mapped read-only, or None when they are not there or not whole."""
    place = folder() / "decoded" / key
    try:
        raw = json.loads((place / MANIFEST).read_bytes())
        skipped = tuple((name, why) for name, why in raw["skipped"])
        labels, names = np.load(place / LABELS), _names(place)
        manifest = Manifest(tuple(raw["classes"]), labels, names, raw["counts"], raw["digest"], skipped)
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


def keep(built: Path, key: str, manifest: Manifest) -> None:
    """Finish a folder of `building` by its manifest and rename it; where another process was faster, its result stays."""
    np.save(built / LABELS, manifest.labels)
    (built / NAMES).write_bytes(manifest.names.letters)
    np.save(built / ENDS, manifest.names.ends)
    told = {"classes": manifest.classes, "counts": manifest.counts, "digest": manifest.digest, "skipped": manifest.skipped}
    with (built / MANIFEST).open("w", encoding="utf-8") as stream:
        json.dump(told, stream, ensure_ascii=False)
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
