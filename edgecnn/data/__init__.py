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
        targets: of a multi-label set, uint8 [N, labels], 1 where a label holds; `labels` are then all -1. None where each picture has one class.
    """

    pictures: np.ndarray
    labels: np.ndarray
    names: Sequence[str]
    targets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Finding:
    """Something about a source that its user should know, though the set can be used.

    Attributes:
        kind: "passed over", "left out", "leak", "two labels", "merged", "case" or "nested".
        count: files or classes that it is about.
        names: the first few of them.
        text: one line without the names.
        strict: whether `load(strict=True)` refuses the set for it.
    """

    kind: str
    count: int
    names: tuple[str, ...]
    text: str
    strict: bool = False

    def line(self) -> str:
        """The text, and the first names."""
        more = ", ..." if self.count > len(self.names) else ""
        return f"{self.text}: {', '.join(self.names)}{more}" if self.names else self.text


@dataclass(frozen=True)
class Dataset:
    """A labelled data set, decoded at one picture size.

    Attributes:
        name: table name, or the folder's or archive's stem.
        classes: class names in the order of their numbers; of a multi-label set the names of the columns of `Split.targets`.
        splits: "train", "val" and "test".
        digest: SHA-256 over names, labels, splits and bytes of the pictures; the same for a folder and for the archive made of it.
        skipped: (picture name, reason) of every file that could not be decoded.
        flip: whether a mirrored picture keeps its label; False where nobody said so.
        findings: what was passed over, left out, merged or found twice.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    digest: str
    skipped: tuple[tuple[str, str], ...] = ()
    flip: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def multi_label(self) -> bool:
        """Whether a picture may have several labels or none: then `Split.targets` say which."""
        return any(split.targets is not None for split in self.splits.values())

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
    need_train: bool = True,
) -> Dataset:
    """Load a data set at the size and by the resize rule of `preprocessing`.

    Layouts, below any folders that hold everything: `<class>/<image>`; `<split>/<class>/<image>` with splits train, val (also valid, validation, dev) and
    test (also eval), alone or with words such as `_set`, `_images` or `seg_`; class folders in folders (`animals/cat/<image>`: the class is `animals/cat`);
    or a table `labels.csv` beside the images, see `edgecnn.data.tables`. Unlabelled folders beside labelled splits are left out.

    What has no split of its own is split by the SHA-256 of the image's file: 70 % train, 10 % val, 20 % test. Images with the same pixels go together.
    Where only val or only test has no folder, train gives its 10 % or 20 %.

    Args:
        source: a name from DATASETS, a folder, a .tar, .tar.gz, .tar.xz, .tar.bz2 or .zip file, or a table of labels (.csv) beside the images.
        preprocessing: only height, width and resize are used: pictures always come out as uint8 RGB.
        strict: refuse a data set with corrupt, passed-over, left-out or leaking images instead of telling of them.
        progress: told of all that was skipped or found.
        need_train: refuse what cannot be trained and validated; False takes sets with test images alone.

    Raises:
        UnknownName: neither a data set nor a path. BadFile: the archive or the table cannot be read. BadData: empty, one class only, a class whose
            files can all not be used, a class without pictures in train, or (strict) any finding.
    """
    from edgecnn.data import loading

    return loading.load(source, preprocessing, strict=strict, progress=progress, need_train=need_train)


def load_unlabelled(source: str | os.PathLike[str], preprocessing: Preprocessing, count: int, seed: int = 0, *, strict: bool = False) -> Calibration:
    """Draw `count` images of a folder or an archive whatever its layout, for calibration alone; fewer when it has fewer.

    Only those that are drawn are decoded. The manifest holds {"dataset", "digest", "split": "unlabelled", "count", "seed"}, the digest that of the drawn files.

    Raises:
        UnknownName, BadFile: as `load`. BadData: no image can be read, or (strict) one that was drawn cannot.
    """
    from edgecnn.data import unlabelled

    return unlabelled.load(source, preprocessing, count, seed, strict=strict)


def class_counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Class -> split -> images; of a multi-label set the images with that label."""
    from edgecnn.data import loading

    return loading.class_counts(dataset)


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
