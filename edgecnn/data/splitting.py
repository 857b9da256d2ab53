"""Which picture belongs to which class and split: by given lists, by split folders, or by a fixed hash rule."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from edgecnn import files
from edgecnn.data import SPLITS
from edgecnn.errors import BadData, BadFile

FOLDERS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test"}

LAYOUT = "expected <class>/<picture> or <train|val|test>/<class>/<picture>, below one root folder at most"

# scikit-learn's digits come writer by writer, each with the same form of some 130 digits. Whole writers are held out: a random split would mix a
# person's digits and report too much. The last three forms are the test split, the one before them is val.
DIGITS_STARTS = {"train": 0, "val": 1287, "test": 1415}


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture: its name in the source, its name below the root folder, its class, its split and the SHA-256 of its file."""

    member: str
    name: str
    label: str
    split: str
    sha256: str


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


def hash_split(sha256: str) -> str:
    """The split of a picture by the SHA-256 of its file: 70 % train, 10 % val, 20 % test. Identical pictures share one, whatever they are called."""
    share = int(sha256[:16], 16) % 100
    return "train" if share < 70 else "val" if share < 80 else "test"


def digits_lists(names: Iterable[str]) -> dict[str, str]:
    """Digit name -> split, by its position in the set."""
    return {name: max((s for s in SPLITS if DIGITS_STARTS[s] <= int(PurePosixPath(name).stem)), key=DIGITS_STARTS.__getitem__) for name in names}


def arrange(hashes: Mapping[str, str], lists: Mapping[str, str] | None, val_last: int, place: str) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Sort pictures into classes and splits.

    Args:
        hashes: member name -> SHA-256 of its bytes.
        lists: picture name below the root -> split; None leaves it to folders and hash.
        val_last: files of each class at the end of train that become val; 0 leaves val to folders and hash.
        place: of the source, for errors.

    Returns:
        The entries by split, class and name; and (name, reason) of the pictures that belong nowhere.

    Raises:
        BadData: no pictures, no class folders, or lists that name pictures which are not there.
    """
    if not hashes:
        raise BadData(f"no pictures in {place}; {LAYOUT}")
    names = names_below_root(hashes)
    entries = _by_folders(hashes, names, place) if lists is None else _by_lists(hashes, names, lists, place)
    if not entries:
        raise BadData(f"the pictures of {place} lie in no class folder; {LAYOUT}")
    taken = {entry.member for entry in entries}
    strays = [(names[m], "in no split list" if lists is not None else "in no class folder") for m in sorted(hashes) if m not in taken]
    entries = _last_to_val(entries, val_last) if val_last else entries
    return sorted(entries, key=lambda e: (SPLITS.index(e.split), e.label, e.name)), strays


def names_below_root(members: Collection[str]) -> dict[str, str]:
    """Member of a source -> its name below the root folder that holds all of them."""
    root = _root(members)
    return {member: str(PurePosixPath(member).relative_to(root)) for member in members}


def check(entries: Iterable[Entry], place: str) -> None:
    """Refuse, in words, what cannot be trained and validated: one class, a class without training pictures, an empty split."""
    entries = list(entries)
    totals = Counter(e.label for e in entries)
    if len(totals) < 2:
        raise BadData(f"{place} has one class only ({', '.join(totals) or 'none'}); expected two or more class folders with pictures")
    lacking = sorted(set(totals) - {e.label for e in entries if e.split == "train"})
    if lacking:
        label = lacking[0]
        raise BadData(f"class '{label}' of {place} has no picture in train (it has {totals[label]} in all); add pictures of it")
    for split in sorted({*SPLITS} - {e.split for e in entries}):
        raise BadData(
            f"{place} has {len(entries)} pictures and none in {split}; add pictures, or put some in {split}/<class>/ and the others in train/<class>/"
        )


def duplicates(entries: Iterable[Entry]) -> int:
    """How many val and test pictures are byte for byte in train too."""
    by_split = defaultdict(list)
    for entry in entries:
        by_split[entry.split].append(entry.sha256)
    train = set(by_split["train"])
    return sum(sha in train for split in ("val", "test") for sha in by_split[split])


def _root(members: Iterable[str]) -> PurePosixPath:
    """The one folder that holds everything and can have class folders below it, and a lone split folder in it."""
    folders = {tuple(member.split("/")[:-1]) for member in members}
    deepest = (*max(folders, key=len), "")
    depth = 0
    while len(deepest) >= depth + 3 and len({p[: depth + 1] for p in folders}) == 1 and (depth == 0 or deepest[depth].lower() in FOLDERS):
        depth += 1
    return PurePosixPath(*deepest[:depth])


def _by_lists(hashes: Mapping[str, str], names: Mapping[str, str], lists: Mapping[str, str], place: str) -> list[Entry]:
    there = {name: member for member, name in names.items()}
    missing = sorted(set(lists) - set(there))
    if missing:
        raise BadData(f"{len(missing)} of {len(lists)} pictures of the split lists are not in {place}, the first is {missing[0]}; get the whole data set")
    return [Entry(there[name], name, PurePosixPath(name).parts[0], split, hashes[there[name]]) for name, split in lists.items()]


def _by_folders(hashes: Mapping[str, str], names: Mapping[str, str], place: str) -> list[Entry]:
    given = _split_folders({name.partition("/")[0] for name in names.values() if "/" in name}, place)
    entries = []
    for member, name in names.items():
        folders = PurePosixPath(name).parts[:-1]
        own = FOLDERS[folders[0].lower()] if given and folders else ""
        classes = folders[1:] if given else folders
        if classes:
            entries.append(Entry(member, name, classes[0], _choose(own, given, hashes[member]), hashes[member]))
    return entries


def _split_folders(tops: set[str], place: str) -> set[str]:
    """The splits that have folders of their own; one such folder alone is taken for a class or a root."""
    splits = {top for top in tops if top.lower() in FOLDERS}
    if len(splits) < 2:
        return set()
    if splits != tops:
        raise BadData(f"{place} has the split folders {', '.join(sorted(splits))} and beside them {', '.join(sorted(tops - splits)[:3])}; {LAYOUT}")
    return {FOLDERS[top.lower()] for top in tops}


def _choose(own: str, given: set[str], sha256: str) -> str:
    """The split of a picture that lies in split folder `own` ("" when there are none): train gives to those that have no folder."""
    if own in ("val", "test"):
        return own
    wanted = hash_split(sha256)
    return "train" if wanted in given else wanted


def _last_to_val(entries: list[Entry], count: int) -> list[Entry]:
    """Move the last `count` training pictures of each class, by name, to val; hashed ones return to train first."""
    train = defaultdict(list)
    for entry in sorted(entries, key=lambda e: e.name):
        if entry.split != "test":
            train[entry.label].append(entry)
    last = {entry.member for pictures in train.values() for entry in pictures[-count:]}
    return [e if e.split == "test" else replace(e, split="val" if e.member in last else "train") for e in entries]
