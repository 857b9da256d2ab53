"""Where pictures lie: a folder, an archive or scikit-learn's digits, seen alike as (name, read) pairs."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import itertools
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgecnn import files
from edgecnn.data import image_formats
from edgecnn.data.passing import EMPTY_FOLDER, hidden_as
from edgecnn.errors import BadFile

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")

# No photo is larger; a file that is, or claims to be, is passed over.
MOST_BYTES = 256 * 1024 * 1024
TOO_LARGE = f"larger than {MOST_BYTES // 2**20} MiB"

# Reads a member, or its first bytes where a number is given.
Read = Callable[..., bytes]

# Told of what is passed over: name, reason, and how it is read where it can be.
Pass = Callable[[str, str, Read | None], None]

_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Source(Protocol):
    """Pictures under names with forward slashes, given one by one: of a tar nothing is held, of a folder the names in the directory that is being read.
    A zip's reader holds the list of all members.

    Attributes:
        name: of the data set.
        place: what errors call it.
    """

    name: str
    place: str

    def identity(self) -> str:
        """Changes when the content does; found without reading the pictures. Names the source of the decoded cache."""
        ...

    def members(self) -> Iterator[tuple[str, Read | str]]:
        """(name, read) of every file, or (name, reason) of what is no regular file; `read` must be called before the next pair is taken."""
        ...


def open_source(path: str | os.PathLike[str]) -> Source:
    """The source at a path; BadFile when it is neither a folder nor an archive."""
    from edgecnn.data.archives import Tar, Zip

    path = Path(path)
    if path.is_dir():
        return Folder(path)
    files.check_file(path, "folder or archive of pictures")
    if not path.name.lower().endswith(ARCHIVES):
        raise BadFile(f"{path} is not a data set; expected a folder, a table of labels (.csv) or one of {', '.join(ARCHIVES)}; unpack other archives")
    return Zip(path) if path.suffix.lower() == ".zip" else Tar(path)


def pictures(source: Source, passed: Pass | None = None) -> Iterator[tuple[str, Read]]:
    """The members that are pictures, by their suffix, or by their first bytes where Pillow does not know the suffix.

    Always in the same order. An archive may hold a name twice; the first is the one that counts.

    Args:
        source: of the members.
        passed: told of all others: hidden files, macOS resource forks, notes and tables, formats that cannot be read, and what is no regular file.
    """
    for name, read in source.members():
        reason = _why_not(name, read)
        if not reason:
            yield name, read
        elif passed:
            passed(name, reason, None if isinstance(read, str) else read)


def _why_not(name: str, read: Read | str) -> str:
    """The reason for passing over a member; "" for a picture."""
    parts = [part for part in name.split("/") if part]
    if hidden := hidden_as(parts):
        return hidden
    if isinstance(read, str):
        return read
    suffix = image_formats.suffix_of(name)
    if suffix in image_formats.suffixes():
        return ""
    known = suffix in image_formats.NOTES or suffix in image_formats.RAW
    return "" if not known and image_formats.looks_like_image(read(image_formats.HEAD)) else image_formats.why_unreadable(suffix)


@dataclass(frozen=True)
class Folder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def place(self) -> str:
        return str(self.path)

    def identity(self) -> str:
        """By path, and name, size, times and number of every file that may be a picture; of notes the names alone, as they may change at any time."""
        return identity_of(itertools.chain([str(self.path.resolve())], self._identities()))

    def _identities(self) -> Iterator[object]:
        for name, status in self._walk():
            suffix = image_formats.suffix_of(name)
            noted = suffix in image_formats.NOTES and suffix != ".csv"
            if isinstance(status, str) or noted or hidden_as(name.strip("/").split("/")):
                yield name, str(status) if isinstance(status, str) else ""
            else:
                yield name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino

    def members(self) -> Iterator[tuple[str, Read | str]]:
        for name, status in self._walk():
            if isinstance(status, str):
                yield name, status
            elif status.st_size > MOST_BYTES:
                yield name, TOO_LARGE
            else:
                yield name, lambda limit=MOST_BYTES, path=self.path / name: _read_file(path, limit)

    def _walk(self) -> Iterator[tuple[str, os.stat_result | str]]:
        """(name, status) of every regular file, (name, what it is) of the others; an empty folder has a slash at its end."""
        entered = set()
        for folder, folders, names in os.walk(self.path, onerror=_refuse, followlinks=True):
            entered.add(os.path.realpath(folder))
            below = Path(folder).relative_to(self.path).as_posix()
            begin = "" if below == "." else f"{below}/"
            if begin and not folders and not names:
                yield begin, EMPTY_FOLDER
            folders[:] = sorted(f for f in folders if os.path.realpath(Path(folder, f)) not in entered)  # a link may lead back
            for name in sorted(names):
                yield f"{begin}{name}", _status(Path(folder, name))


def _status(path: Path) -> os.stat_result | str:
    """The status of a regular file, or in words what else it is: a pipe would block, a device never end."""
    try:
        status = path.stat()
    except OSError as error:
        if path.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return "a link to nothing"
        raise _unreadable(error) from error
    kind = stat.S_IFMT(status.st_mode)
    return status if kind == stat.S_IFREG else _KINDS.get(kind, "no regular file")


def _read_file(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a regular file; what was put in its place meanwhile is refused, not waited for."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise BadFile(f"{path} is no regular file any more; load the data set again when nothing changes it")
            return stream.read(limit)
    except OSError as error:
        raise _unreadable(error) from error


@dataclass(frozen=True)
class Digits:
    """scikit-learn's copy of the UCI optical digits, each as a tiny PGM file, `<digit>/<position in the set>.pgm`."""

    name: str = "digits"
    place: str = "scikit-learn's digits"

    def identity(self) -> str:
        return identity_of(["scikit-learn", importlib.metadata.version("scikit-learn")])

    def members(self) -> Iterator[tuple[str, Read | str]]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        grey = (digits.images * 255 / 16).round().astype("uint8")  # ink is counted from 0 to 16
        for position, (label, image) in enumerate(zip(digits.target, grey, strict=True)):
            yield f"{label}/{position:04d}.pgm", lambda image=image: b"P5 8 8 255\n" + image.tobytes()


def _unreadable(error: OSError) -> BadFile:
    return BadFile(f"cannot read {error.filename}: {files.reason(error)}; make it readable or remove it")


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from error


def identity_of(parts: Iterable[object]) -> str:
    """SHA-256 of parts that JSON knows, which are not held together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{json.dumps(part)}\n".encode())
    return digest.hexdigest()
