"""What a file weighs: on the device, and on the way there."""

from __future__ import annotations

import gzip
from pathlib import Path

from edgecnn.runtime.model_files import model_files


def sizes(path: Path) -> tuple[int, int]:
    """(bytes of the file, bytes after gzip -9: about what it adds to a download), both with those of the files in which an .onnx keeps weights.

    Of a folder those of its files together.

    Raises:
        BadFile: such a file is missing.
    """
    if path.is_dir():
        both = [sizes(part) for part in sorted(path.rglob("*")) if part.is_file()]
        return sum(stored for stored, _ in both), sum(zipped for _, zipped in both)
    contents = [part.read_bytes() for part in model_files(path)]
    return sum(map(len, contents)), sum(len(gzip.compress(content, 9)) for content in contents)
