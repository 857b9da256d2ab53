"""What a file weighs: on the device, and on the way there."""

from __future__ import annotations

import gzip
from pathlib import Path


def sizes(path: Path) -> tuple[int, int]:
    """(bytes of the file, bytes after gzip -9: about what it adds to a download); of a folder those of its files together."""
    if path.is_dir():
        both = [sizes(part) for part in sorted(path.rglob("*")) if part.is_file()]
        return sum(stored for stored, _ in both), sum(zipped for _, zipped in both)
    content = path.read_bytes()
    return len(content), len(gzip.compress(content, 9))
