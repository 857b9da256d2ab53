"""JSON, zips and HDF5 files of strangers, read within bounds."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

from edgecnn import untrusted
from edgecnn.errors import BadFile, UnsafeModelError
from edgecnn.files import check_file

# A configuration of EfficientNetV2-L has 0.6 MB and 17 levels.
MAX_TEXT = 64 << 20
MAX_DEPTH = 100
MAX_VALUES = 2_000_000
# Bytes that a file may become when it is unpacked: this much, or this many times its size.
UNPACKED = 256 << 20
RATIO = 20
MAX_MEMBERS = 100_000


def regular_file(path: Path, what: str) -> Path:
    """Return `path` if it is a regular file with something in it: no device, pipe or socket, which could block or never end.

    Raises:
        BadFile: missing, empty, a directory or a special file.
    """
    check_kind(path, what)
    return check_file(path, what)


def check_kind(path: Path, what: str) -> None:
    """Refuse a device, pipe or socket, which could block or never end; BadFile."""
    if path.exists() and not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
        raise BadFile(f"{path} is a device, pipe or socket; expected a {what}")


def parse_json(path: Path, text: str | bytes, what: str) -> Any:
    """Parse JSON of bounded size, depth and count.

    Raises:
        BadFile: no JSON. UnsafeModelError: beyond the bounds.
    """
    if len(text) > MAX_TEXT:
        raise UnsafeModelError(f"{path}: its {what} has {len(text):,} bytes; expected at most {MAX_TEXT:,}")
    try:
        value = json.loads(text)
        untrusted.check_text(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"), value)
    except RecursionError as error:
        raise UnsafeModelError(f"{path}: its {what} is nested deeper than {MAX_DEPTH} levels; expected a Keras configuration") from error
    except ValueError as error:
        raise BadFile(f"{path}: its {what} is no JSON ({str(error)[:100]}); the file is damaged, or not from Keras") from error
    check_bounds(path, value, what)
    return value


def check_bounds(path: Path, value: Any, what: str) -> None:
    """Refuse plain data that is nested too deep or has too many values; UnsafeModelError."""
    level, count = [value], 0
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        count += len(level)
        if count > MAX_VALUES:
            raise UnsafeModelError(f"{path}: its {what} has more than {MAX_VALUES:,} values; expected a Keras configuration")
        if not level:
            return
    raise UnsafeModelError(f"{path}: its {what} is nested deeper than {MAX_DEPTH} levels; expected a Keras configuration")


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def read_member(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One file of a zip; UnsafeModelError when it has more than `limit` bytes."""
    with archive.open(name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise UnsafeModelError(f"{path}: {name} in it unpacks to more than {limit:,} bytes; it is made to fill the memory")
    return content


def check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse a zip with too many files, or with files that unpack to far more than they are; UnsafeModelError."""
    members = archive.infolist()
    limit = unpacked_limit(path)
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > limit:
        raise UnsafeModelError(f"{path} unpacks to more than {limit:,} bytes or {MAX_MEMBERS:,} files; it is made to fill the memory")
    if len({member.filename for member in members}) < len(members):
        raise UnsafeModelError(f"{path} has two files of one name in it; expected a .keras file as Keras writes it")


def unpacked_limit(path: Path) -> int:
    """Bytes that a file may take when it is unpacked."""
    return max(UNPACKED, RATIO * path.stat().st_size)


def check_folder(folder: Path) -> None:
    """Refuse a SavedModel folder with pipes, devices or sockets in it, or with too many files; BadFile, UnsafeModelError."""
    for count, part in enumerate(folder.rglob("*")):
        if count > MAX_MEMBERS:
            raise UnsafeModelError(f"{folder} has more than {MAX_MEMBERS:,} files; expected a SavedModel")
        check_kind(part, "part of a SavedModel")


def check_hdf5(path: Path, stored: Any, size: int) -> None:
    """Refuse an HDF5 file that points outside of itself, or whose arrays are far larger than it; stored is an open h5py.File, size its bytes.

    Raises:
        UnsafeModelError: links, external or virtual arrays, arrays of objects, or too many or too large ones.
    """
    import h5py

    waiting, total, count, visited = [stored], 0, 0, set()
    while waiting:
        group = waiting.pop()
        for name in group:
            count += 1
            if count > MAX_MEMBERS:
                raise UnsafeModelError(f"{path} has more than {MAX_MEMBERS:,} entries; expected a Keras model")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeModelError(f"{path}: '{name}' in it is a link; expected the weights in the file itself")
            entry = group[name]
            if isinstance(entry, h5py.Group):
                place = h5py.h5o.get_info(entry.id).addr
                if place in visited:
                    raise UnsafeModelError(f"{path}: the group '{name}' is in it twice; expected the weights as Keras writes them")
                visited.add(place)
                waiting.append(entry)
                continue
            if not isinstance(entry, h5py.Dataset):
                raise UnsafeModelError(f"{path}: '{name}' in it is not an array of numbers; expected weights")
            total += _checked_bytes(path, name, entry)
            if total > max(UNPACKED, RATIO * size):
                raise UnsafeModelError(f"{path}: its arrays take more than {total:,} bytes, the file has {size:,}; it is made to fill the memory")


def _checked_bytes(path: Path, name: str, entry: Any) -> int:
    if getattr(entry, "is_virtual", False) or getattr(entry, "external", None):
        raise UnsafeModelError(f"{path}: '{name}' in it is stored in another file; expected the weights in the file itself")
    if getattr(entry, "dtype", None) is None or entry.dtype.kind not in "biufV" or entry.dtype.names:
        raise UnsafeModelError(f"{path}: '{name}' in it is not an array of numbers; expected weights")
    return int(entry.dtype.itemsize) * int(entry.size or 0)
