"""Images of the study: class folders on disk, the split of each file, and arrays as a Keras user makes them."""

from __future__ import annotations

import csv
import hashlib
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.data.splitting import hash_split
from edgecnn.errors import BadData

SUFFIXES = (".jpg", ".jpeg", ".png")

# Folder name -> archive below EDGECNN_DATA.
ARCHIVES = {"trashnet": "trashnet-224x168.tar", "sign-digits": "sign-language-digits.tar"}

# The two classes of the binary models, in the order of their folders.
TWO_CLASSES = ("glass", "paper")

# Attributes that several classes of TrashNet share: the labels of the multi-label models.
ATTRIBUTES = {"fibre": ("cardboard", "paper"), "see_through": ("glass", "plastic"), "other": ("metal", "trash")}


@dataclass(frozen=True)
class ImageSet:
    """Labelled image files.

    Attributes:
        folder: that holds one folder a class.
        classes: names of these folders, sorted.
        paths, labels, splits: one entry an image: its file, the index of its class, and "train", "val" or "test".
    """

    folder: Path
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: np.ndarray
    splits: np.ndarray

    def select(self, split: str) -> tuple[list[Path], np.ndarray]:
        """The files and labels of one split."""
        chosen = np.flatnonzero(self.splits == split)
        return [self.paths[i] for i in chosen], self.labels[chosen]


def image_set(name: str, work: Path) -> ImageSet:
    """The set called `name` as class folders below `work`, made there when first asked for; split as edgecnn splits a folder without split folders.

    Args:
        name: "trashnet", "trashnet-two", "trashnet-attributes", "sign-digits" or "digits".
        work: folder of the study.
    """
    folder = work / "images" / name
    if not folder.is_dir():
        staged = folder.with_name(f"{name}.partial")
        _fill(name, staged, work)
        staged.rename(folder)
    classes = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))
    pairs = [(path, k) for k, label in enumerate(classes) for path in sorted((folder / label).iterdir()) if path.suffix.lower() in SUFFIXES]
    splits = [hash_split(hashlib.sha256(path.read_bytes()).digest()) for path, _ in pairs]
    return ImageSet(folder, classes, tuple(path for path, _ in pairs), np.array([k for _, k in pairs]), np.array(splits))


def decode_all(paths: list[Path], height: int, width: int, order: str, *, antialias: bool = False) -> np.ndarray:
    """Images as `image_dataset_from_directory` gives them: float32 0..255 [N, height, width, channels], bilinear without antialias.

    Args:
        paths: of JPEG or PNG files.
        height, width: of the arrays.
        order: "rgb", "gray" (channels 1) or "rgba" (an opaque fourth channel).
        antialias: resized by Pillow's bilinear filter to whole numbers instead.
    """
    import tensorflow as tf

    rows = np.empty((len(paths), height, width, {"gray": 1, "rgba": 4}.get(order, 3)), np.float32)
    for row, path in zip(rows, paths, strict=True):
        image = tf.io.decode_image(path.read_bytes(), channels=1 if order == "gray" else 3, expand_animations=False)
        row[...] = 255.0
        row[..., : image.shape[-1]] = _by_pillow(image.numpy(), height, width) if antialias else tf.image.resize(image, (height, width)).numpy()
    return rows


def _by_pillow(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [height, width, channels]."""
    from PIL import Image

    resized = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized).reshape(height, width, -1)


def attribute_targets(image_set: ImageSet) -> np.ndarray:
    """Which attributes an image has: float32 0 or 1 [N, 3]."""
    table = np.array([[label in labels for labels in ATTRIBUTES.values()] for label in image_set.classes], np.float32)
    return table[image_set.labels]


def _fill(name: str, folder: Path, work: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if name in ARCHIVES:
        _unpack(ARCHIVES[name], folder)
    elif name == "digits":
        _write_digits(folder)
    else:
        _link(image_set("trashnet", work), folder, two_only=name == "trashnet-two")
        if name == "trashnet-attributes":
            _write_attributes(folder)


def _unpack(archive: str, folder: Path) -> None:
    """Write the images of an archive as <class>/<name>."""
    place = Path(os.environ.get("EDGECNN_DATA", "")) / archive
    if not os.environ.get("EDGECNN_DATA") or not place.is_file():
        raise BadData(f"no {archive} in EDGECNN_DATA ({os.environ.get('EDGECNN_DATA') or 'not set'}); expected the folder that holds it")
    with tarfile.open(place) as tar:
        for member in tar:
            parts = Path(member.name).parts
            if member.isreg() and Path(member.name).suffix.lower() in SUFFIXES and len(parts) >= 2:
                target = folder / parts[-2] / parts[-1]
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(tar.extractfile(member).read())


def _write_digits(folder: Path) -> None:
    """scikit-learn's digits as gray PNG files of 8x8 pixels."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        target = folder / str(label) / f"{i:04}.png"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(target)


def _link(source: ImageSet, folder: Path, *, two_only: bool) -> None:
    for path in source.paths:
        if not two_only or path.parent.name in TWO_CLASSES:
            target = folder / path.parent.name / path.name
            target.parent.mkdir(exist_ok=True)
            target.unlink(missing_ok=True)
            os.link(path, target)


def _write_attributes(folder: Path) -> None:
    """`labels.csv` beside the class folders: a column `file`, then one of 0 or 1 for each attribute."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    with files.replacing(folder / "labels.csv") as staged, staged.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", *ATTRIBUTES])
        rows.writerows([path.relative_to(folder).as_posix(), *(int(path.parent.name in labels) for labels in ATTRIBUTES.values())] for path in paths)
