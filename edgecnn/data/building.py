"""What is done with a set that is read for the first time: hash, arrange, decode, find copies, sum up."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, Finding, cache, copies, layout, listing, splitting, tables
from edgecnn.data.catalogue import Catalogue, Entry
from edgecnn.data.decoding import Content, Rows, decode_into, rearrange
from edgecnn.data.layout import Layout
from edgecnn.data.origin import Origin
from edgecnn.data.passing import PassedOver
from edgecnn.data.sources import Digits, Source, pictures
from edgecnn.data.splitting import Arranged
from edgecnn.data.tables import LabelTable
from edgecnn.errors import BadData
from edgecnn.progress import Progress


@dataclass(frozen=True)
class Filled:
    """What became of a source's members.

    Attributes:
        arranged: of the pictures.
        passed: all others.
        table: that says the labels, or None.
    """

    arranged: Arranged
    passed: PassedOver
    table: LabelTable | None


def fill(found: Catalogue, origin: Origin) -> tuple[int, Filled]:
    """Read all pictures once; the number of those that have a split, and what became of the others."""
    passed, place = PassedOver(), origin.source.place
    found.add((name, hashlib.sha256(read()).digest()) for name, read in pictures(origin.source, passed))
    folders = layout.folders_of(found.members(), place)
    if not folders:
        rest = f" ({passed.text()})" if passed.text() else ""
        raise BadData(f"no pictures in {place}{rest}; {layout.EXPECTED}")
    if labels := origin.labels(passed, folders):
        table, folder = labels
        count = listing.place(found, table, folder)
        return count, Filled(splitting.rest(found, Layout(folder), "in no row of the table", together=True), passed, table)
    lists = splitting.read_lists(origin.lists) if origin.lists else splitting.digits_lists(found.members()) if isinstance(origin.source, Digits) else None
    count, arranged = splitting.arrange(found, lists, origin.row.val_last if origin.row else 0, place)
    return count, Filled(arranged, passed, None)


def decode(
    rows: Rows, found: Catalogue, count: int, filled: Filled, origin: Origin, preprocessing: Preprocessing, progress: Progress, need_train: bool
) -> cache.Summary:
    """Decode all entries, bring `rows` into their order where pictures are broken or copies, and say what the rows hold; the tail of `rows` is of no use."""
    with progress.track(f"decoding {origin.name}", count) as advance:
        broken = decode_into(rows, contents(found, origin.source), preprocessing, advance, found.add_pixels)
    place = origin.source.place
    names = found.remove(broken)
    if broken and len(broken) == count:
        row, why = next(iter(broken.items()))
        raise BadData(f"none of the {count} pictures of {place} can be read, the first is {names[row]}: {why}; give whole pictures")
    moved = copies.join(found)
    if broken or moved:
        rearrange(rows, np.fromiter(found.old_rows(), np.int64, count - len(broken)))
    totals = found.totals()
    reasons = {names[row]: why for row, why in broken.items()}
    if filled.table is None and not origin.lists:
        _check_empty_classes({label for _, label in totals}, filled, reasons, place)
    multi_label = bool(filled.table and filled.table.multi)
    summed = tuple((split, label, number) for (split, label), number in totals.items())
    splitting.check(summed, place, need_train=need_train, multi_label=multi_label)
    classes = filled.table.labels if multi_label else tuple(sorted({label for _, label in totals}))
    return cache.Summary(
        classes,
        {split: sum(number for own, _, number in summed if own == split) for split in SPLITS},
        digest(classes, found.entries()),
        tuple(sorted([*filled.arranged.strays, *reasons.items()])),
        tuple(_findings(found, filled, origin, moved)),
        summed,
        multi_label,
    )


def _findings(found: Catalogue, filled: Filled, origin: Origin, moved: int) -> Iterator[Finding]:
    # What lies beside the images of a set that is known by name is known too.
    if not origin.row:
        yield from filled.passed.findings()
    yield from filled.arranged.findings
    if moved:
        yield Finding("joined", moved, (), f"{moved} pictures moved to the split of a copy with the same pixels")
    yield from copies.findings(found)


def _check_empty_classes(classes: set[str], filled: Filled, broken: dict[str, str], place: str) -> None:
    """Refuse a set in which all files of a class folder were passed over or broken: the class would vanish without a word.

    Args:
        classes: that have pictures.
        filled: tells of files that were passed over.
        broken: name below the root -> reason.
        place: of the source.
    """
    plan = filled.arranged.layout
    cut = len(plan.root)
    below = ((name[cut:], why) for folder, (name, why) in filled.passed.folders().items() if f"{folder}/".startswith(plan.root))
    for name, why in itertools.chain(broken.items(), below):
        placed = plan.place(name)
        if placed and placed[1] not in classes:
            raise BadData(f"class '{placed[1]}' of {place} has no picture that can be used; the first of its files is {name}: {why}; add pictures or remove it")


def contents(found: Catalogue, source: Source) -> Iterator[Content]:
    """The row, the name and the file of every entry; a source gives its pictures in the same order each time."""
    rows = found.rows()
    wanted = next(rows, None)
    for member, read in pictures(source):
        if wanted and member == wanted[0]:
            yield wanted[1], member, read()
            wanted = next(rows, None)
    if wanted:
        raise BadData(f"{wanted[0]} is not in {source.place} any more; load the data set again when nothing changes it")


def labels_of(summary: cache.Summary) -> list[np.ndarray]:
    """The number of each row's class, int64, in pieces that hold one value and take no room; -1 in a multi-label set."""
    number = {} if summary.multi_label else {label: i for i, label in enumerate(summary.classes)}
    return [np.broadcast_to(np.int64(number.get(label, -1)), count) for _, label, count in summary.totals]


def targets_of(summary: cache.Summary) -> Iterator[np.ndarray]:
    """The labels of the rows of a multi-label set, uint8 [n, labels], in pieces."""
    for _, joined, count in summary.totals:
        yield np.broadcast_to(tables.targets(summary.classes, joined), (count, len(summary.classes)))


def digest(classes: tuple[str, ...], entries: Iterable[Entry]) -> str:
    """SHA-256 of json.dumps([classes, [[split, label, name, sha256], ...]]), which of a million pictures is not made in one piece."""
    summed = hashlib.sha256(f"[{json.dumps(classes)}, [".encode())
    told, comma = ((e.split, e.label, e.name, e.sha256.hex()) for e in entries), ""
    while some := list(itertools.islice(told, 256)):
        summed.update(f"{comma}{json.dumps(some)[1:-1]}".encode())
        comma = ", "
    summed.update(b"]]")
    return summed.hexdigest()
