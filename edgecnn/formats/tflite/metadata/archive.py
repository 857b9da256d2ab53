"""Files zipped onto the end of a .tflite: stored, not deflated, as the task libraries map them into memory; the same files give the same bytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

# The first day that a zip can name.
_DATE = (1980, 1, 1, 0, 0, 0)

# More than this no label file has, and a zip may say that it unpacks to anything.
_LARGEST = 64 << 20


def split(content: bytes) -> tuple[bytes, dict[str, bytes]]:
    """A file without what is zipped onto its end, and that: name -> content. Where nothing is, `content` itself and nothing.

    Names that come twice have the last one's content; what is encrypted, damaged or larger than 64 MiB in all is left out.
    """
    stream = io.BytesIO(content)
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            start = min((entry.header_offset for entry in entries), default=len(content))
            # Weights may look like the end of a zip, but not like its entries too.
            if any(content[entry.header_offset : entry.header_offset + 4] != b"PK\3\4" for entry in entries[:64]) or not entries or start < 8:
                return content, {}
            return content[:start], _files(archive, entries)
    except (zipfile.BadZipFile, ValueError, OSError, struct.error):
        return content, {}


def _files(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> dict[str, bytes]:
    found, left = {}, _LARGEST
    for entry in entries:
        left -= entry.file_size
        if left < 0:
            break
        try:
            found[entry.filename] = archive.read(entry)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError):
            continue
    return found


def join(content: bytes, files: Mapping[str, bytes]) -> bytes:
    """A file with others zipped onto its end, in the order of their names; `content` itself where there are none."""
    if not files:
        return content
    stream = io.BytesIO(content)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            # What made it would otherwise be the system of whoever did.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, files[name])
    return stream.getvalue()
