"""An original's answers from an earlier validation: the same file, pictures, labels and versions give the same answers, so that only the new file runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.data import cache
from edgecnn.errors import BadFile
from edgecnn.runtime.model_files import digest
from edgecnn.validate.host import this_host
from edgecnn.validate.outcome import Outcome
from edgecnn.validate.samples import Sample
from edgecnn.validate.subjects import Subject

# Part of every key: raise it when the same inputs would give another `Outcome`.
CODE_VERSION = 1
# Files kept; the least recently used go first.
MOST = 100


def key(subject: Subject, sample: Sample, truth: np.ndarray | None, more: Sequence[object] = ()) -> str:
    """Digest of all that the answers depend on; `more` is whatever JSON can hold."""
    host = this_host()
    parts = [
        CODE_VERSION, digest(subject.path), subject.path.suffix, asdict(subject.preprocessing), subject.label_offset, asdict(sample.about),
        hashlib.sha256(truth).hexdigest() if truth is not None else "", host.processor, host.versions, *more,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def find(name: str) -> Outcome | None:
    """The answers kept under `name`, or None when there are none that can be read."""
    path = _folder() / f"{name}.npz"
    try:
        with np.load(path) as arrays:
            found = Outcome.from_arrays(dict(arrays))
        path.touch()
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        # Cut off or damaged: gone, so that the next answers take its place.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    return found


def keep(name: str, outcome: Outcome) -> None:
    """Keep answers under `name`, if they are not kept already; a cache that cannot be written is done without."""
    if (_folder() / f"{name}.npz").exists():
        return
    with contextlib.suppress(BadFile), files.replacing(_folder() / f"{name}.npz") as temporary:
        np.savez_compressed(temporary, **outcome.arrays())
    _sweep()


def find_text(name: str) -> str | None:
    """The text kept under `name`, or None when there is none that can be read."""
    path = _folder() / f"{name}.txt"
    try:
        text = path.read_text()
        path.touch()
    except (OSError, ValueError):
        return None
    return text or None


def keep_text(name: str, text: str) -> None:
    """Keep a text under `name`; a cache that cannot be written is done without."""
    with contextlib.suppress(BadFile):
        files.write_text(_folder() / f"{name}.txt", text)
    _sweep("txt")


def _sweep(suffix: str = "npz") -> None:
    with contextlib.suppress(OSError):
        kept = sorted(_folder().glob(f"*.{suffix}"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST]:
            path.unlink(missing_ok=True)


def _folder() -> Path:
    return cache.folder() / "answers"
