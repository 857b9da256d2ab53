"""Archives of pictures: tar and zip files, read in place."""

from __future__ import annotations

import contextlib
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgecnn.data.sources import ARCHIVES, MOST_BYTES, TOO_LARGE, Read, identity_of
from edgecnn.errors import BadFile

# Of a zip's member: its name is UTF-8.
_UTF8 = 0x800


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
        return identity_of([str(self.path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino])

    def members(self) -> Iterator[tuple[str, Read | str]]:
        with self._in_words():
            for name, read in self._members():
                if inside := below_root(name):
                    yield inside, read

    def _members(self) -> Iterator[tuple[str, Read | str]]:
        raise NotImplementedError

    def _read(self, opened: Callable[[], IO[bytes]], limit: int) -> bytes:
        with self._in_words(), opened() as stream:
            return stream.read(limit)

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
    def _members(self) -> Iterator[tuple[str, Read | str]]:
        with tarfile.open(self.path) as tar, contextlib.ExitStack() as stack:
            whole = None
            for member in tar:
                if member.isreg():
                    yield member.name, TOO_LARGE if member.size > MOST_BYTES else self._reader(lambda member=member: tar.extractfile(member))
                elif member.islnk():
                    # What it means is looked up among all members, by another reader: this one forgets them.
                    whole = whole or stack.enter_context(tarfile.open(self.path))
                    yield member.name, self._reader(lambda name=member.name, whole=whole: whole.extractfile(name))
                elif not member.isdir():
                    yield member.name, "a link inside an archive" if member.issym() else "no regular file"
                # It would keep a million members for ever.
                tar.members = []

    def _reader(self, opened: Callable[[], IO[bytes]]) -> Read:
        return lambda limit=MOST_BYTES: self._read(opened, limit)


class Zip(Archive):
    def _members(self) -> Iterator[tuple[str, Read | str]]:
        with zipfile.ZipFile(self.path) as archive:
            for member in archive.infolist():
                name = member_name(member)
                if not name.endswith("/"):
                    yield name, TOO_LARGE if member.file_size > MOST_BYTES else self._reader(archive, member)

    def _reader(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Read:
        return lambda limit=MOST_BYTES: self._read(lambda: archive.open(member), limit)


def below_root(name: str) -> str:
    """A member's name without what leads out of the archive: `/a`, `./a` and `../a` are all `a`."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def member_name(member: zipfile.ZipInfo) -> str:
    """The name of a zip's member with forward slashes, in the letters that its maker meant.

    Without the flag for UTF-8 a name is code page 437 by the book; macOS and many tools write UTF-8 all the same, which other text hardly ever is.
    """
    name = member.filename
    if not member.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")
