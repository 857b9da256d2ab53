"""What the folders of a source mean: which name splits, which name classes, and which hold images of no class."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edgecnn.data import Finding
from edgecnn.errors import BadData, UnlabelledError

EXPECTED = "expected <class>/<picture> or <train|val|test>/<class>/<picture>, below one root folder at most"
TABLE_HINT = "or a table labels.csv beside the images with the columns file,label"

# More are no classes.
MOST_FOLDERS = 200_000

_SPLITS = {"train": r"train(?:ing)?|trn", "val": r"val(?:id(?:ation)?)?|dev(?:elopment)?", "test": r"test(?:ing)?|tst|holdout", "eval": r"eval(?:uation)?"}
_WORDS = r"set|images?|imgs?|pics|pictures?|photos?|data|datasets?|dir|folder|split|seg|samples?|files?|jpe?gs?|pngs?"
_SPLIT_NAME = re.compile(rf"(?:(?:{_WORDS})_*)*(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _SPLITS.items())})(?:_*(?:{_WORDS}))*_*\d*")
_CONTAINER = re.compile(rf"(?:{_WORDS}|classes|all|raw|_)+")

Folder = tuple[str, ...]


def split_of(folder: str) -> str:
    """Name the split of a folder: train, val, test or eval, with or without words such as `_set` and `seg_`; "" for any other folder."""
    match = _SPLIT_NAME.fullmatch(_plain(folder))
    return match.lastgroup or "" if match else ""


def class_name(folders: Iterable[str]) -> str:
    """The class that folders name: in Unicode's composed form, without blanks at the ends, so that what looks the same is the same."""
    return "/".join(unicodedata.normalize("NFC", folder).strip() or folder for folder in folders)


@dataclass(frozen=True)
class Layout:
    """How folders are read.

    Attributes:
        root: path that all share, "" or with a slash at its end.
        splits: top folder below the root -> split; empty where there are no split folders.
        inner: top folder -> how many folders below it hold everything and mean nothing.
        depth: folders that name the class.
        unlabelled: top folders whose images have no class.
        classes: class -> the folders that name it, as they are written.
    """

    root: str
    splits: Mapping[str, str] = field(default_factory=dict)
    inner: Mapping[str, int] = field(default_factory=dict)
    depth: int = 1
    unlabelled: frozenset[str] = frozenset()
    classes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def place(self, name: str) -> tuple[str, str] | None:
        """(split or "" where it is drawn, class) of an image's path below the root; None where it has no class."""
        folders = name.split("/")[:-1]
        own = ""
        if self.splits:
            if not folders or folders[0] not in self.splits:
                return None
            own = self.splits[folders[0]]
            folders = folders[1 + self.inner[folders[0]] :]
        named = folders[: self.depth]
        return (own, class_name(named)) if len(named) == self.depth else None

    def left_out(self, name: str) -> bool:
        """Whether an image lies in a folder without classes, beside split folders that have some."""
        return name.partition("/")[0] in self.unlabelled and "/" in name

    def findings(self) -> Iterator[Finding]:
        """What was made of the classes' names."""
        merged = {name: sorted(raw) for name, raw in self.classes.items() if len(raw) > 1}
        if merged:
            names = tuple(f"{name} ({' and '.join(map(ascii, raw))})" for name, raw in list(merged.items())[:3])
            yield Finding("merged", len(merged), names, f"{_classes(len(merged))} in folders whose names differ only in how Unicode or blanks write them")
        folded = defaultdict(list)
        for name in sorted(self.classes):
            folded[name.casefold()].append(name)
        same = [" and ".join(names) for names in folded.values() if len(names) > 1]
        if same:
            yield Finding("case", len(same), tuple(same[:3]), f"{len(same)} times classes differ only in case; they stay apart")
        if self.depth > 1:
            yield Finding("nested", len(self.classes), tuple(sorted(self.classes)[:3]), f"{_classes(len(self.classes))}, each named by {self.depth} folders")


def folders_of(members: Iterable[str], place: str) -> set[str]:
    """The folders that hold images; BadData for more than anyone sorts images into."""
    folders = set()
    for member in members:
        folders.add(member.rpartition("/")[0])
        if len(folders) > MOST_FOLDERS:
            raise BadData(f"{place} has images in more than {MOST_FOLDERS:,} folders; {EXPECTED}")
    return folders


def root(folders: Collection[str]) -> str:
    """The path that all share and that can have class folders below it: "", or with a slash at its end. A val or test folder is never a part of it."""
    parts = [folder.split("/") if folder else [] for folder in folders]
    deepest = max(map(len, parts), default=0)
    shared = next(iter(parts), [])
    for other in parts:
        length = next((i for i, (a, b) in enumerate(zip(shared, other, strict=False)) if a != b), min(len(shared), len(other)))
        shared = shared[:length]
    depth = 0
    while depth < min(len(shared), deepest - 1) and split_of(shared[depth]) in ("", "train"):
        depth += 1
    return "".join(f"{folder}/" for folder in shared[:depth])


def resolve(folders: Collection[str], place: str) -> Layout:
    """What folders that hold images mean.

    Raises:
        UnlabelledError: no folder names a class. BadData: several readings are possible; the message lists what was seen.
    """
    base = root(folders)
    below = {tuple(folder[len(base) :].split("/")) for folder in folders if len(folder) > len(base)}
    if not below:
        raise UnlabelledError(f"the pictures of {place} lie in no class folder; {EXPECTED}, {TABLE_HINT}")
    splits, inner, unlabelled = _split_folders(below, place)
    rest = {folder[1 + inner[folder[0]] :] for folder in below if folder[0] in splits} if splits else below
    depth = _depth({folder for folder in rest if folder}, place)
    classes = defaultdict(set)
    for folder in rest:
        if len(folder) >= depth:
            classes[class_name(folder[:depth])].add("/".join(folder[:depth]))
    return Layout(base, splits, inner, depth, unlabelled, {name: frozenset(raw) for name, raw in classes.items()})


def _split_folders(below: set[Folder], place: str) -> tuple[dict[str, str], dict[str, int], frozenset[str]]:
    """Top folder -> split, top folder -> meaningless folders below it, and the top folders without classes; all empty where there are no splits."""
    by_top = defaultdict(set)
    for folder in below:
        by_top[folder[0]].add(folder[1:])
    inner = {top: _inner(top, rests) for top, rests in by_top.items()}
    labelled = {top for top, rests in by_top.items() if any(len(rest) > inner[top] for rest in rests)}
    named = {top: split for top in by_top if (split := split_of(top))}
    splits, others = sorted(labelled & named.keys()), sorted(labelled - named.keys())
    flat = sorted(by_top.keys() - labelled)
    if not splits:
        if len(named) > 1 and not others and set(flat) <= named.keys():
            raise UnlabelledError(f"the pictures of {place} lie in {', '.join(sorted(named))} and in no class folder; {EXPECTED}, {TABLE_HINT}")
        if odd := [top for top in named if split_of(top) != "train" and len(by_top) > 1]:
            rest = ", ".join(sorted(by_top.keys() - named.keys())[:3])
            raise BadData(f"{place} has {odd[0]} beside the class folders {rest}: a class, or images without one? Rename or remove it; {EXPECTED}")
        return {}, {}, frozenset()
    if others:
        raise BadData(f"{place} has the split folders {', '.join(splits)} and beside them {', '.join(others[:3])}; {EXPECTED}")
    held_out = {named[top] for top in splits}
    split = {top: ("val" if "test" in held_out else "test") if named[top] == "eval" else named[top] for top in splits}
    return split, inner, frozenset(flat)


def _inner(top: str, rests: set[Folder]) -> int:
    """How many folders below a top folder hold all its images and are no class: its own name again, or words such as `images`."""
    depth = 0
    while True:
        nexts = {rest[depth] if len(rest) > depth else "" for rest in rests}
        only = next(iter(nexts))
        if len(nexts) > 1 or not only or not (_plain(only) == _plain(top) or split_of(only) or _CONTAINER.fullmatch(_plain(only))):
            return depth
        depth += 1


def _depth(folders: set[Folder], place: str) -> int:
    """How many folders name a class. A folder below one that holds images itself belongs to it.

    One folder names it, unless all images lie deeper and no name occurs in two places: then the whole path does. What could be read both ways is refused.
    """
    outer = {folder for folder in folders if not any(folder[:i] in folders for i in range(1, len(folder)))}
    by_top, tops_of = defaultdict(set), defaultdict(set)
    for folder in outer:
        by_top[folder[0]].add(folder)
        tops_of[folder[1:]].add(folder[0])
    if all(len(inside) == 1 for inside in by_top.values()) and len(by_top) > 1:
        return 1
    depths = {len(folder) for folder in outer}
    if depths <= {1}:
        return 1
    if len(depths) == 1 and all(len(tops) == 1 for tops in tops_of.values()):
        return depths.pop()
    seen = ", ".join("/".join(folder) for folder in sorted(outer)[:5])
    raise BadData(
        f"{place} has images at different depths or under names that repeat ({seen}, ...): which folder is the class cannot be told; "
        f"put the images of a class directly into one folder, {TABLE_HINT}"
    )


def _classes(count: int) -> str:
    return "1 class" if count == 1 else f"{count} classes"


def _plain(folder: str) -> str:
    """Lower case, with one kind of blank."""
    return re.sub(r"[\s\-.]+", "_", folder.strip().lower())
