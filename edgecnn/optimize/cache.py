"""What was measured before, by content: an interrupted search goes on, and a changed file is measured again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn import files, untrusted
from edgecnn.data import cache as pictures
from edgecnn.errors import BadFile

FOLDER = "optimize"


class Cache:
    """Figures and models in the user's cache folder, under digests of what they came from. Where that folder cannot be written, nothing is remembered.

    Attributes:
        folder: where they lie; None remembers nothing.
    """

    def __init__(self, folder: Path | None = None, *, fresh: bool = False) -> None:
        """Args: folder: `optimize` in the user's cache folder when left out. fresh: forget what was measured before as it is asked for."""
        self.fresh, self._kept = fresh, set[str]()
        self.folder: Path | None = folder or pictures.folder() / FOLDER
        try:
            files.check_writable(self.folder)
        except BadFile:
            self.folder = None

    def recall(self, key: Mapping[str, object]) -> dict[str, Any] | None:
        """The figures that were kept under `key`, or None."""
        name = digest(key)
        if self.folder is None or (self.fresh and name not in self._kept):
            return None
        try:
            place = self.folder / f"{name}.json"
            stored = untrusted.loads_json(files.read_bytes(place, "cached figures"), place, "what edgecnn optimize writes")
            found = stored["found"] if stored["key"] == json.loads(json.dumps(key)) else None
            return found if isinstance(found, dict) else None
        except (ValueError, KeyError, TypeError):  # missing, or damaged: then they are measured again
            return None

    def keep(self, key: Mapping[str, object], found: Mapping[str, object]) -> None:
        """Remember figures under `key`; a full disk only means that they are measured again."""
        if self.folder is None:
            return
        name = digest(key)
        self._kept.add(name)
        try:
            files.write_text(self.folder / f"{name}.json", json.dumps({"key": key, "found": found}))
        except BadFile:
            self.folder = None

    def place(self, key: Mapping[str, object]) -> Path | None:
        """A folder for the models of `key`; None where nothing is remembered."""
        return None if self.folder is None else self.folder / digest(key)


def digest(key: Mapping[str, object]) -> str:
    """Hexadecimal SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
