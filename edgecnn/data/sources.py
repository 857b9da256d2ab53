"""Where pictures lie: a folder, a tar, a zip or scikit-learn's digits, seen alike as (name, read) pairs."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import itertools
import json
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from edgecnn import files
from edgecnn.errors import BadFile

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".zip")

# No photo is larger; an archive's member that claims more is read no further than this and then found damaged.
MOST_BYTES = 256 * 1024 * 1024

Read = Callable[[], bytes]


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

    def members(self) -> Iterator[tuple[str, Read]]:
        """(name, read) of every file; `read` must be called before the next pair is taken."""
        ...


def open_source(path: str | os.PathLike[str]) -> Source:
    """The source at a path; BadFile when it is neither a folder nor an archive."""
    path = Path(path)
    if path.is_dir():
        return Folder(path)
    files.check_file(path, "folder or archive of pictures")
    if not path.name.lower().endswith(ARCHIVES):
        raise BadFile(f"{path} is not a data set; expected a folder or one of {', '.join(ARCHIVES)}")
    return Zip(path) if path.suffix.lower() == ".zip" else Tar(path)


def pictures(source: Source) -> Iterator[tuple[str, Read]]:
    """The members that are pictures by their suffix: hidden files, macOS resource forks, notes and tables are passed over.

    Always in the same order. An archive may hold a name twice; the first is the one that counts.
    """
    for name, read in source.members():
        # What PurePosixPath makes of it, which would keep a table of every part that it ever saw.
        parts = [part for part in name.split("/") if part not in ("", ".")]
        suffix = "".join(parts[-1].lower().rpartition(".")[1:]) if parts else ""
        if suffix in SUFFIXES and not any(part.startswith(".") or part == "__MACOSX" for part in parts):
            yield "/".join(parts), read


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
        try:
            stats = ((name, (self.path / name).stat()) for name, _ in pictures(self))
            return _hash(itertools.chain([str(self.path.resolve())], ((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)))
        except OSError as error:
            raise _unreadable(error) from error

    def members(self) -> Iterator[tuple[str, Read]]:
        entered = set()
        for folder, folders, names in os.walk(self.path, onerror=_refuse, followlinks=True):
            entered.add(os.path.realpath(folder))
            folders[:] = sorted(f for f in folders if os.path.realpath(Path(folder, f)) not in entered)  # a link may lead back
            for name in sorted(names):
                path = Path(folder, name)
                yield path.relative_to(self.path).as_posix(), lambda path=path: self._read(path)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise _unreadable(error) from error


@dataclass(frozen=True)
class Archive:
    path: Path

    @property
    def name(self) -> str:
        lower = self.path.name.lower()
        return self.path.name[: -max(len(s) for s in ARCHIVES if lower.endswith(s))]

    @property
    def place(self) -> str:
        return str(self.path)

    def identity(self) -> str:
        stat = self.path.stat()
        return _hash([str(self.path.resolve()), stat.st_size, stat.st_mtime_ns])

    def members(self) -> Iterator[tuple[str, Read]]:
        with self._in_words():
            yield from self._members()

    def _members(self) -> Iterator[tuple[str, Read]]:
        raise NotImplementedError

    def _read(self, opened: Callable[[], IO[bytes]]) -> bytes:
        with self._in_words(), opened() as stream:
            return stream.read(MOST_BYTES)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, KeyError, OSError) as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            raise BadFile(f"{self.path} is damaged or not an archive ({why}); make it again") from error
        except (RuntimeError, NotImplementedError) as error:  # zipfile's words for a password and for a compression it lacks
            raise BadFile(f"cannot read {self.path}: {error}; expected a plain archive without password") from error


class Tar(Archive):
    def _members(self) -> Iterator[tuple[str, Read]]:
        with tarfile.open(self.path) as tar, contextlib.ExitStack() as stack:
            whole = None
            for member in tar:
                if member.isreg():
                    yield member.name, lambda member=member: self._read(lambda: tar.extractfile(member))
                elif member.islnk():
                    # What it means is looked up among all members, by another reader: this one forgets them.
                    whole = whole or stack.enter_context(tarfile.open(self.path))
                    yield member.name, lambda name=member.name, whole=whole: self._read(lambda: whole.extractfile(name))
                # It would keep a million members for ever.
                tar.members = []


class Zip(Archive):
    def _members(self) -> Iterator[tuple[str, Read]]:
        with zipfile.ZipFile(self.path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield member.filename, lambda member=member: self._read(lambda: archive.open(member))


@dataclass(frozen=True)
class Digits:
    """scikit-learn's copy of the UCI optical digits, each as a tiny PGM file, `<digit>/<position in the set>.pgm`."""

    name: str = "digits"
    place: str = "scikit-learn's digits"

    def identity(self) -> str:
        return _hash(["scikit-learn", importlib.metadata.version("scikit-learn")])

    def members(self) -> Iterator[tuple[str, Read]]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        grey = (digits.images * 255 / 16).round().astype("uint8")  # ink is counted from 0 to 16
        for position, (label, image) in enumerate(zip(digits.target, grey, strict=True)):
            yield f"{label}/{position:04d}.pgm", lambda image=image: b"P5 8 8 255\n" + image.tobytes()


def _unreadable(error: OSError) -> BadFile:
    return BadFile(f"cannot read {error.filename}: {files.reason(error)}; make it readable or remove it")


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from error


def _hash(parts: Iterable[object]) -> str:
    """SHA-256 of parts that JSON knows, which are not held together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{json.dumps(part)}\n".encode())
    return digest.hexdigest()
