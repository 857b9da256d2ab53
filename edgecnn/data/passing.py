"""What is passed over in a source: counted by reason, a few names of each kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from edgecnn.data import Finding
from edgecnn.data.image_formats import UNREADABLE, suffix_of

LITTER = "left by the operating system"
HIDDEN = "hidden"
EMPTY_FOLDER = "an empty folder"
NAMES = 3

# Folders that are remembered because their files could have been a class.
MOST_FOLDERS = 10_000

# The one table that a folder or an archive may hold beside its images, and how large it may be.
TABLE = "labels.csv"
MOST_TABLE_BYTES = 256 * 1024 * 1024

_LITTER_NAMES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", ".localized", "icon\r"))


def hidden_as(parts: list[str]) -> str:
    """The reason for which a path is passed over whatever it holds; "" where it is not hidden."""
    last = parts[-1].lower()
    if last in _LITTER_NAMES or last.startswith("._") or "__MACOSX" in parts or "@eaDir" in parts:
        return LITTER
    return HIDDEN if any(part.startswith(".") for part in parts) else ""


class PassedOver:
    """Told of each file that is passed over.

    Attributes:
        tables: name -> bytes of every table that lies at the top or in one of the folders there.
    """

    def __init__(self) -> None:
        self.tables: dict[str, bytes] = {}
        self._counts: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {}
        self._folders: dict[str, tuple[str, str]] = {}

    def __call__(self, name: str, reason: str, read: Callable[..., bytes] | None = None) -> None:
        """Note a file, or a folder whose name ends in a slash."""
        if read and name.rpartition("/")[2].lower() == TABLE and name.count("/") <= 1:
            self.tables[name] = read(MOST_TABLE_BYTES)
        self._counts[reason] += 1
        names = self._names.setdefault(reason, [])
        if len(names) < NAMES:
            names.append(name)
        if _could_be_image(name, reason) and len(self._folders) < MOST_FOLDERS:
            self._folders.setdefault(name.rpartition("/")[0], (name, reason))

    def forget(self, name: str) -> None:
        """Take back one file, the table that is used."""
        for reason, names in self._names.items():
            if name in names:
                names.remove(name)
                self._counts[reason] -= 1
                return

    def folders(self) -> dict[str, tuple[str, str]]:
        """Folder -> (name, reason) of the first file there that could have been an image of a class."""
        return self._folders

    def findings(self) -> list[Finding]:
        """One a reason; what the operating system left is nobody's mistake, and no reason to refuse."""
        return [
            Finding("passed over", count, tuple(self._names[reason]), f"{count} passed over, {reason}", strict=reason != LITTER)
            for reason, count in sorted(self._counts.items())
            if count > 0
        ]

    def text(self) -> str:
        """All of it in a few words, for an error; "" where nothing was passed over."""
        return "; ".join(f"{finding.text}: {', '.join(finding.names)}" for finding in self.findings())


def _could_be_image(name: str, reason: str) -> bool:
    """Whether a class may have lost an image by it: notes and the litter of a system are no images."""
    suffix = suffix_of(name)
    if reason in (LITTER, HIDDEN):
        return False
    return suffix in UNREADABLE or not reason.startswith("not an image")
