"""The TensorFlow Lite metadata that MediaPipe Tasks and ML Kit read: a FlatBuffer in an entry of the file, and files zipped onto its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.formats.tflite.metadata.notes import Metadata

ENTRY = "TFLITE_METADATA"


def decode_metadata(content: bytes, entries: Mapping[str, bytes], origin: str = "file") -> Metadata | None:
    """What a .tflite says of itself; None where it says nothing.

    Args:
        content: the whole file, whose end holds the files that belong to it.
        entries: its metadata entries by name.
        origin: names it in errors.

    Raises:
        BadFile: the metadata is damaged.
    """
    from edgecnn.formats.tflite.metadata import archive, codec, trees

    if not entries.get(ENTRY):
        return None
    _, attached = archive.split(content)
    return trees.metadata(codec.decode(entries[ENTRY], origin), attached, origin)
