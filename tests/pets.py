"""A made-up set of pictures for tests: three classes of noise, as a folder or an archive."""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS
from edgecnn.progress import Progress

SIZE = Preprocessing(8, 8)
CLASSES = ("cat", "dog", "owl")


class Recorder(Progress):
    """Keeps what was said."""

    def __init__(self):
        self.steps, self.tracked = [], []

    def step(self, text):
        self.steps.append(text)

    @contextlib.contextmanager
    def track(self, text, total):
        self.tracked.append((text, total))
        yield lambda units, note="": None


def picture(seed: int) -> bytes:
    """A PPM of noise: its bytes, and so its split, are the same with every version of Pillow."""
    return b"P6 10 12 255\n" + np.random.default_rng(seed).integers(0, 256, 360, np.uint8).tobytes()


def fill(folder: Path, count: int = 20, start: int = 0) -> Path:
    """`count` pictures in each of three class folders, all different."""
    for c, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (folder / name / f"{i:03d}.ppm").write_bytes(picture(start + 1000 * c + i))
    return folder


def pack(folder: Path, suffix: str, root: str = "") -> Path:
    """An archive beside `folder` with its files below `root`."""
    path = folder.with_name(folder.name + suffix)
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*"), reverse=True):
                archive.write(file, Path(root) / file.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{suffix[5:]}") as tar:
            tar.add(folder, arcname=root or ".")
    return path


def same(a, b) -> bool:
    return all(np.array_equal(a.splits[s].pictures, b.splits[s].pictures) and a.splits[s].names == b.splits[s].names for s in SPLITS)
