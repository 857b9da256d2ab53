"""What a file weighs: on the device, and on the way there."""

from __future__ import annotations

import gzip
from pathlib import Path


def sizes(path: Path) -> tuple[int, int]:
    """(bytes of the file, bytes after gzip -9: about what it adds to a download)."""
    content = path.read_bytes()
    return len(content), len(gzip.compress(content, 9))
