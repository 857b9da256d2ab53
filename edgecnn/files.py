"""Writing without losing: every file is written beside its place and renamed when it is whole."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edgecnn.errors import BadFile, BadSetting

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Seconds after which nobody writes on at a file that was begun.
DAY = 24 * 60 * 60

# Bytes of the largest file that is read whole: twice what a flatbuffer or a protobuf can address.
LARGEST = 4 << 30


def reason(error: OSError) -> str:
    """The operating system's words for an error, without number and path."""
    return (error.strerror or str(error)).lower()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on a clean exit it takes the place of `path`, else it is removed.

    The temporary name keeps the suffix of `path`, because writers choose their format by it. A link stays one: what it leads to is replaced.
    A device or a pipe, such as /dev/stdout, is never replaced: what was written is handed to it.

    Raises:
        BadFile: the folder cannot be made or written, or the disk is full. What stood at `path` still stands there.
    """
    path = Path(path)
    straight = is_stream(path)
    if path.is_symlink() and not straight:
        path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=None if straight else path.parent, prefix=(mark := f".{path.stem}.part-"), suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise BadFile(f"cannot write {path}: {reason(error)}; choose another place with --out") from error
    temporary = Path(name)
    sweep(temporary.parent, mark)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        if straight:
            _hand_over(temporary, path)
        else:
            temporary.replace(path)
    except OSError as error:
        raise BadFile(f"cannot write {path}: {reason(error)}; nothing was changed there") from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path, beginning: str) -> None:
    """Remove what writers that were killed left in a folder: names with this beginning, unchanged for a day."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f"{glob.escape(beginning)}*"):
            if time.time() - left.lstat().st_mtime > DAY:
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Mark a folder as being worked in, for `is_held`; the mark goes with this process, however it ends, and stays with the folder when it is renamed."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: others then go by the folder's age
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a process works in a folder; where the system has no locks, whether it was changed within a day."""
    if fcntl is None:
        return time.time() - folder.stat().st_mtime < DAY
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES) or time.time() - folder.stat().st_mtime < DAY
    finally:
        os.close(descriptor)
    return False


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a device, a pipe or a descriptor such as /dev/stdout, which has no place beside it and must stay what it is."""
    path = Path(path)
    descriptor = path.is_symlink() and str(path.absolute()).startswith(("/dev/std", "/dev/fd/", "/proc/"))
    return path.exists() and (descriptor or not (path.is_file() or path.is_dir()))


def _hand_over(written: Path, stream: Path) -> None:
    # Appended, because a descriptor may be a file that others write to as well.
    with written.open("rb") as content, stream.open("ab") as taker:
        shutil.copyfileobj(content, taker)


def check_writable(folder: str | os.PathLike[str], name: str | None = None) -> None:
    """Make `folder` and a file in it, which is gone at once: better now than after hours of work.

    Args:
        folder: where files will go.
        name: the first part of their names, where a user chose it.

    Raises:
        BadFile: it cannot be made or written. BadSetting: the name is a path.
    """
    if name is not None and (name != Path(name).name or "\0" in name):
        raise BadSetting(f"name {name!r} is a path; expected the first part of a file's name, and the folder with --out")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadFile(f"cannot write into {folder}: {reason(error)}; choose another place with --out") from error


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write `content` to `path` as one step: readers see the old file or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def write_text(path: str | os.PathLike[str], content: str) -> Path:
    """Write `content` to `path` in UTF-8 as one step."""
    return write_bytes(path, content.encode())


def read_bytes(path: str | os.PathLike[str], what: str = "file", most: int = LARGEST) -> bytes:
    """Read a whole file that a user named.

    Raises:
        BadFile: it is missing, empty, unreadable, larger than `most` bytes, or no ordinary file; `what` names the kind of file that was expected.
    """
    path = check_file(path, what)
    try:
        # Without waiting: the path may lead to a pipe by now.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as stream:
            status = os.fstat(stream.fileno())
            _check_status(path, status, what)
            if status.st_size > most:
                raise BadFile(f"{path} has {status.st_size:,} bytes; expected a {what} of {most:,} at most")
            return stream.read(most)
    except OSError as error:
        raise BadFile(f"cannot read {path}: {reason(error)}") from error


def check_file(path: str | os.PathLike[str], what: str = "file") -> Path:
    """Return `path` if it is an ordinary file with something in it, else raise BadFile in words; what is no file is never opened."""
    path = Path(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise BadFile(f"no such {what}: {path}{_nearest(path)}") from None
    except (OSError, ValueError) as error:  # a link that leads to itself, a name that is too long or holds a zero byte
        words = reason(error) if isinstance(error, OSError) else str(error)
        raise BadFile(f"cannot read {path}: {words}; expected a {what}") from error
    _check_status(path, status, what)
    if status.st_size == 0:
        raise BadFile(f"{path} is empty (0 bytes); expected a {what}")
    return path


# Kinds of what a path leads to, in the words of people.
_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def _check_status(path: Path, status: os.stat_result, what: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadFile(f"{path} is a {_KINDS.get(stat.S_IFMT(status.st_mode), 'special file')}; expected a {what}")


def sha256(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file's bytes; of a folder, of the names and the digests of all files in it."""
    if Path(path).is_dir():
        parts = [f"{p.relative_to(path).as_posix()} {sha256(p)}" for p in sorted(Path(path).rglob("*")) if p.is_file() and not p.is_symlink()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(stream)


def _digest(stream) -> str:  # noqa: ANN001 - Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def cache_folder() -> Path:
    """The user's cache folder: EDGECNN_CACHE, or `edgecnn` under XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("EDGECNN_CACHE"):
        return Path(own)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "edgecnn"
    try:
        return Path.home() / ".cache" / "edgecnn"
    except RuntimeError:  # a container whose user number has no home
        return Path(tempfile.gettempdir()) / "edgecnn"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _nearest(path: Path) -> str:
    import difflib

    with contextlib.suppress(OSError):
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir() if p.is_file()], n=1)
        if near:
            return f"; did you mean {path.parent / near[0]}?"
    return ""
