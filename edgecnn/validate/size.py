"""What a file weighs: on the device, and on the way there."""

from __future__ import annotations

import gzip
from pathlib import Path

from edgecnn.runtime.model_files import model_files


def sizes(path: Path) -> tuple[int, int]:
    """(bytes of the file, bytes after gzip -9: about what it adds to a download), both with those of the files in which an .onnx keeps weights; of a folder all
    of its files.

    Raises:
        BadFile: such a file is missing.
    """
    parts = [part for part in sorted(path.rglob("*")) if part.is_file()] if path.is_dir() else model_files(path)
    contents = [part.read_bytes() for part in parts]
    return sum(map(len, contents)), sum(len(gzip.compress(content, 9)) for content in contents)
