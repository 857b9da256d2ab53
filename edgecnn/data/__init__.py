"""DOOR to the data: a name, a folder or an archive becomes three splits of upright RGB pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.card import DataRef, Preprocessing
from edgecnn.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Named:
    """A data set that edgecnn knows by name: a row of the table below.

    Attributes:
        name: as typed after --data.
        title: one line for `edgecnn list datasets`, with number of pictures, size and source.
        licence: as the source states it.
        archive, splits: file names under EDGECNN_DATA; "" where the pictures are embedded.
        image_size: of the networks trained on it, when nothing else is asked for.
        flip: whether a mirrored picture keeps its label.
        val_last: files of each class, the last by name, that train gives to val; 0 where lists say it.
    """

    name: str
    title: str
    licence: str
    archive: str
    splits: str
    image_size: int
    flip: bool
    val_last: int = 0


DATASETS: dict[str, Named] = {
    row.name: row
    for row in (
        Named("digits", "1,797 handwritten digits, 8x8 grey, shipped with scikit-learn (Alpaydin and Kaynak, 1998)", "CC BY 4.0", "", "", 32, False),
        Named(
            "sign-digits", "2,062 photos of hands signing 0-9, 100x100 (Mavi, 2020, arXiv:2011.08927)", "Apache-2.0",
            "sign-language-digits.tar", "sign-language-digits.splits.json", 96, False,
        ),
        Named("trashnet", "2,527 photos of waste in 6 classes, 224x168 (Thung, Yang, 2016)", "MIT", "trashnet-224x168.tar", "trashnet.splits.json", 224, True),
        Named(
            "cifar10", "60,000 photos in 10 classes, 32x32, stored as lossy JPEG (Krizhevsky, 2009)", "none stated",
            "cifar10-jpeg.tar.xz", "", 32, True, val_last=500,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Split:
    """Pictures of one split, in a fixed order.

    Attributes:
        pictures: uint8 RGB [N, H, W, 3], upright; may be memory-mapped, never written.
        labels: int64 [N], indices into the data set's class names.
        names: of the picture files inside the source, [N].
    """

    pictures: np.ndarray
    labels: np.ndarray
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Dataset:
    """A labelled data set, decoded at one picture size.

    Attributes:
        name: table name, or the folder's or archive's stem.
        classes: class names, sorted as they are numbered.
        splits: "train", "val" and "test".
        digest: SHA-256 over names, labels, splits and bytes of the pictures; the same for a folder and for the archive made of it.
        skipped: (picture name, reason) of every file that could not be decoded.
        flip: whether a mirrored picture keeps its label; False where nobody said so.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    digest: str
    skipped: tuple[tuple[str, str], ...] = ()
    flip: bool = False

    def ref(self) -> DataRef:
        """What a card keeps of the data set."""
        return DataRef(self.name, self.digest, {name: len(split) for name, split in self.splits.items()})


@dataclass(frozen=True)
class Calibration:
    """Training pictures to take activation ranges from, and the manifest that goes into the file."""

    pictures: np.ndarray
    manifest: Mapping[str, object]


def load(
    source: str | os.PathLike[str],
    preprocessing: Preprocessing,
    *,
    strict: bool = False,
    progress: Progress = SILENT,
) -> Dataset:
    """Load a data set at the size and by the resize rule of `preprocessing`.

    Args:
        source: a name from DATASETS, a folder, or a .tar, .tar.gz, .tar.xz or .zip file. Layout `<class>/<picture>` below one optional root folder, or
            `<split>/<class>/<picture>` with splits train, val (also valid, validation) and test. What has no split of its own is split by the SHA-256 of
            the picture's file, so that identical files never part: 70 % train, 10 % val, 20 % test. Where only val or only test has no folder, train
            gives its 10 % or 20 %.
        preprocessing: only height, width and resize are used: pictures always come out as uint8 RGB.
        strict: refuse a data set with a corrupt picture instead of skipping it.

    Raises:
        UnknownName: neither a data set nor a path. BadFile: the archive cannot be read. BadData: empty, one class only, a class without
            pictures in train, or (strict) a corrupt picture.
    """
    from edgecnn.data import loading

    return loading.load(source, preprocessing, strict=strict, progress=progress)


def originals(source: str | os.PathLike[str], names: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """The picture files of a data set as they are stored: (index into `names`, bytes of the file), in the order of the source.

    Args:
        source: as `load` takes it.
        names: of pictures, as in `Split.names`.

    Raises:
        UnknownName, BadFile: as `load`. BadData: a picture is not there any more.
    """
    from edgecnn.data import loading

    return loading.originals(source, names)


def decode(path: str | os.PathLike[str], preprocessing: Preprocessing) -> np.ndarray:
    """One picture file as upright uint8 RGB [H, W, 3] at the size of `preprocessing`; BadFile when it is not a picture."""
    from edgecnn.data import pictures

    return pictures.decode_file(path, preprocessing)


def calibration(dataset: Dataset, count: int, seed: int = 0) -> Calibration:
    """Draw `count` pictures from the training split, classes in turn, in an order that `seed` decides; fewer when it has fewer.

    The manifest holds {"dataset", "digest", "split": "train", "count", "seed"}.
    """
    from edgecnn.data import loading

    return loading.calibration(dataset, count, seed)
