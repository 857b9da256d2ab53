"""Which picture belongs to which class and split: by given lists, by split folders, or by a fixed hash rule."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from edgecnn import files
from edgecnn.data import SPLITS
from edgecnn.data.catalogue import Catalogue, Entry
from edgecnn.errors import BadData, BadFile

FOLDERS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test"}

LAYOUT = "expected <class>/<picture> or <train|val|test>/<class>/<picture>, below one root folder at most"

# scikit-learn's digits come writer by writer, each with the same form of some 130 digits. Whole writers are held out: a random split would mix a
# person's digits and report too much. The last three forms are the test split, the one before them is val.
DIGITS_STARTS = {"train": 0, "val": 1287, "test": 1415}


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


def arrange(catalogue: Catalogue, lists: Mapping[str, str] | None, val_last: int, place: str) -> tuple[int, list[tuple[str, str]]]:
    """Sort the pictures of a catalogue into classes and splits.

    Args:
        catalogue: of all pictures; gets their entries.
        lists: picture name below the root -> split; None leaves it to folders and hash.
        val_last: files of each class at the end of train that become val; 0 leaves val to folders and hash.
        place: of the source, for errors.

    Returns:
        The number of entries; and (name, reason) of the pictures that belong nowhere.

    Raises:
        BadData: no pictures, no class folders, or lists that name pictures which are not there.
    """
    if next(catalogue.members(), None) is None:
        raise BadData(f"no pictures in {place}; {LAYOUT}")
    cut = len(root(catalogue.members()))
    catalogue.place(_by_folders(catalogue, cut, place) if lists is None else _by_lists(catalogue, cut, lists, place))
    if val_last:
        catalogue.last_to_val(val_last)
    count = catalogue.number_rows()
    if not count:
        raise BadData(f"the pictures of {place} lie in no class folder; {LAYOUT}")
    why = "in no class folder" if lists is None else "in no split list"
    return count, [(member[cut:], why) for member in catalogue.strays()]


def root(members: Iterable[str]) -> str:
    """The one folder that holds everything and can have class folders below it, and a lone split folder in it: "", or a path with a slash at its end."""
    shared, deepest = None, 0
    for member in members:
        deepest = max(deepest, member.count("/"))
        if shared is None:
            shared = member[: member.rfind("/") + 1]
        elif not member.startswith(shared):
            pairs = zip(shared.split("/")[:-1], member.split("/")[:-1], strict=False)
            shared = "".join(f"{folder}/" for folder, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    folders, depth = (shared or "").split("/")[:-1], 0
    while depth < min(len(folders), deepest - 1) and (depth == 0 or folders[depth].lower() in FOLDERS):
        depth += 1
    return "".join(f"{folder}/" for folder in folders[:depth])


def check(totals: Mapping[tuple[str, str], int], place: str) -> None:
    """Refuse, in words, what cannot be trained and validated: one class, a class without training pictures, an empty split.

    Args:
        totals: (split, class) -> pictures.
        place: of the source.
    """
    classes, splits = Counter(), Counter()
    for (split, label), count in totals.items():
        classes[label] += count
        splits[split] += count
    if len(classes) < 2:
        raise BadData(f"{place} has one class only ({', '.join(classes) or 'none'}); expected two or more class folders with pictures")
    for label in sorted(classes):
        if ("train", label) not in totals:
            raise BadData(f"class '{label}' of {place} has no picture in train (it has {classes[label]} in all); add pictures of it")
    for split in sorted({*SPLITS} - {*splits}):
        count = splits.total()
        raise BadData(f"{place} has {count} pictures and none in {split}; add pictures, or put some in {split}/<class>/ and the others in train/<class>/")


def _by_lists(catalogue: Catalogue, cut: int, lists: Mapping[str, str], place: str) -> Iterator[tuple[int, Entry]]:
    """Numbers and entries; `cut` is the length of the root folder's path."""
    missing = set(lists)
    for number, member, sha256 in catalogue.found():
        name = member[cut:]
        if name in lists:
            missing.discard(name)
            yield number, Entry(lists[name], name.partition("/")[0], name, sha256)
    if missing:
        raise BadData(f"{len(missing)} of {len(lists)} pictures of the split lists are not in {place}, the first is {min(missing)}; get the whole data set")


def _by_folders(catalogue: Catalogue, cut: int, place: str) -> Iterator[tuple[int, Entry]]:
    """Numbers and entries; `cut` is the length of the root folder's path."""
    given = _split_folders({member[cut:].partition("/")[0] for member in catalogue.members() if "/" in member[cut:]}, place)
    for number, member, sha256 in catalogue.found():
        name = member[cut:]
        folders = name.split("/")[:-1]
        own = FOLDERS[folders[0].lower()] if given and folders else ""
        classes = folders[1:] if given else folders
        if classes:
            yield number, Entry(_choose(own, given, sha256), classes[0], name, sha256)


def _split_folders(tops: set[str], place: str) -> set[str]:
    """The splits that have folders of their own; one such folder alone is taken for a class or a root."""
    splits = {top for top in tops if top.lower() in FOLDERS}
    if len(splits) < 2:
        return set()
    if splits != tops:
        raise BadData(f"{place} has the split folders {', '.join(sorted(splits))} and beside them {', '.join(sorted(tops - splits)[:3])}; {LAYOUT}")
    return {FOLDERS[top.lower()] for top in tops}


def _choose(own: str, given: set[str], sha256: bytes) -> str:
    """The split of a picture that lies in split folder `own` ("" when there are none): train gives to those that have no folder."""
    if own in ("val", "test"):
        return own
    wanted = hash_split(sha256)
    return "train" if wanted in given else wanted
