"""Which picture belongs to which class and split: by a table or lists, by split folders, or by a fixed hash rule."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgecnn import files
from edgecnn.data import SPLITS, Finding, layout
from edgecnn.data.catalogue import Catalogue, Entry
from edgecnn.data.layout import Layout
from edgecnn.data.tables import BETWEEN
from edgecnn.errors import BadData, BadFile, UnlabelledError

# scikit-learn's digits come writer by writer, each with the same form of some 130 digits. Whole writers are held out: a random split would mix a
# person's digits and report too much. The last three forms are the test split, the one before them is val.
DIGITS_STARTS = {"train": 0, "val": 1287, "test": 1415}


@dataclass(frozen=True)
class Arranged:
    """What became of the pictures of a catalogue.

    Attributes:
        layout: how the folders were read; of lists only its root counts.
        strays: (name, reason) of the pictures that belong nowhere.
        findings: what was merged, left out, or may be a mistake.
    """

    layout: Layout
    strays: list[tuple[str, str]]
    findings: list[Finding]


def read_lists(path: Path) -> dict[str, str]:
    """Picture name -> split, from a JSON file {"splits": {"train": [names], "val": [names], "test": [names]}}."""
    try:
        splits = json.loads(files.read_bytes(path, "split lists (.json)"))["splits"]
        return {name: split for split in SPLITS for name in splits[split]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(
            f'{path} holds no split lists ({type(error).__name__}: {error}); expected {{"splits": {{"train": [names], "val": ..., "test": ...}}}}'
        ) from error


def hash_split(sha256: bytes) -> str:
    """The split of a picture by the SHA-256 of its file: 70 % train, 10 % val, 20 % test. Identical pictures share one, whatever they are called."""
    share = int.from_bytes(sha256[:8], "big") % 100
    return "train" if share < 70 else "val" if share < 80 else "test"


def digits_lists(names: Iterable[str]) -> dict[str, str]:
    """Digit name -> split, by its position in the set."""
    return {name: max((s for s in SPLITS if DIGITS_STARTS[s] <= int(PurePosixPath(name).stem)), key=DIGITS_STARTS.__getitem__) for name in names}


def arrange(catalogue: Catalogue, lists: Mapping[str, str] | None, val_last: int, place: str) -> tuple[int, Arranged]:
    """Sort the pictures of a catalogue into classes and splits.

    Args:
        catalogue: of all pictures; gets their entries.
        lists: picture name below the root -> split; None leaves it to folders and hash.
        val_last: files of each class at the end of train that become val; 0 leaves val to folders and hash.
        place: of the source, for errors.

    Returns:
        The number of entries, and what became of the others.

    Raises:
        UnlabelledError: no class folders. BadData: no pictures, folders that can be read in several ways, or lists that name pictures which are not there.
    """
    folders = layout.folders_of(catalogue.members(), place)
    if not folders:
        raise BadData(f"no pictures in {place}; {layout.EXPECTED}")
    plan = Layout(layout.root(folders)) if lists is not None else layout.resolve(folders, place)
    catalogue.place(_by_folders(catalogue, plan) if lists is None else _by_lists(catalogue, len(plan.root), lists, place))
    if val_last:
        catalogue.last_to_val(val_last)
    count = catalogue.number_rows()
    if not count:
        raise UnlabelledError(f"the pictures of {place} lie in no class folder; {layout.EXPECTED}, {layout.TABLE_HINT}")
    return count, rest(catalogue, plan, "in no class folder" if lists is None else "in no split list")


def rest(catalogue: Catalogue, plan: Layout, why: str, *, together: bool = False) -> Arranged:
    """What is told of pictures that belong nowhere: each by its name, but those of whole folders without classes, or all, `together`."""
    strays, left, names = [], 0, []
    for member in catalogue.strays():
        name = member[len(plan.root) :]
        if not (together or plan.left_out(name)):
            strays.append((name, why))
            continue
        left += 1
        if len(names) < 3:
            names.append(name)
    findings = list(plan.findings())
    if left:
        because = why if together else f"as {', '.join(sorted(plan.unlabelled))} has no class folders"
        findings.append(Finding("left out", left, tuple(names), f"{left} pictures left out, {because}", strict=True))
    return Arranged(plan, strays, findings)


def check(totals: Iterable[tuple[str, str, int]], place: str, *, need_train: bool = True, multi_label: bool = False) -> None:
    """Refuse, in words, what cannot be trained and validated: one class, a class without training pictures, an empty split.

    Args:
        totals: (split, class, pictures); of a multi-label set the class is all labels of a picture, see `edgecnn.data.tables`.
        place: of the source.
        need_train: False takes any set with a class.
        multi_label: a picture may have several labels or none; one label is enough.
    """
    classes, splits, trained = Counter(), Counter(), set()
    for split, label, count in totals:
        splits[split] += count
        for name in filter(None, label.split(BETWEEN) if multi_label else [label]):
            classes[name] += count
            trained |= {name} if split == "train" else set()
    if not need_train and classes:
        return
    if len(classes) < (1 if multi_label else 2):
        raise UnlabelledError(f"{place} has one class only ({', '.join(classes) or 'none'}); expected two or more class folders with pictures")
    if not splits["train"]:
        raise BadData(
            f"{place} has pictures in {' and '.join(sorted(splits))} only, none in train; "
            "add train/<class>/, or name the folder that holds the class folders, which is then split"
        )
    for label in sorted(classes.keys() - trained):
        near = next((f"; there is '{other}' in train" for other in sorted(trained) if other.casefold() == label.casefold()), "")
        raise BadData(f"class '{label}' of {place} has no picture in train (it has {classes[label]} in all{near}); add pictures of it")
    for split in sorted({*SPLITS} - {*splits}):
        count = splits.total()
        raise BadData(f"{place} has {count} pictures and none in {split}; add pictures, or put some in {split}/<class>/ and the others in train/<class>/")


def _by_lists(catalogue: Catalogue, cut: int, lists: Mapping[str, str], place: str) -> Iterator[tuple[int, Entry]]:
    """Numbers and entries; `cut` is the length of the root folder's path. Names are the same in every form that Unicode has for them."""
    split_of = {unicodedata.normalize("NFC", name): split for name, split in lists.items()}
    missing = set(split_of)
    for number, member, sha256 in catalogue.found():
        name = member[cut:]
        composed = unicodedata.normalize("NFC", name)
        if composed in split_of:
            missing.discard(composed)
            yield number, Entry(split_of[composed], layout.class_name([name.partition("/")[0]]), name, sha256)
    if missing:
        raise BadData(f"{len(missing)} of {len(lists)} pictures of the split lists are not in {place}, the first is {min(missing)}; get the whole data set")


def _by_folders(catalogue: Catalogue, plan: Layout) -> Iterator[tuple[int, Entry]]:
    """Numbers and entries."""
    given = set(plan.splits.values())
    for number, member, sha256 in catalogue.found():
        name = member[len(plan.root) :]
        if placed := plan.place(name):
            own, label = placed
            yield number, Entry(choose(own, given, sha256), label, name, sha256, drawn=own not in ("val", "test"))


def choose(own: str, given: set[str], sha256: bytes) -> str:
    """The split of a picture that lies in split folder `own` ("" when there are none): train gives to those that have no folder."""
    if own in ("val", "test"):
        return own
    wanted = hash_split(sha256)
    return "train" if wanted in given else wanted
