"""Where a model is written: not over another's files, and by one training at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from edgecnn import card as cards
from edgecnn.errors import BadFile
from edgecnn.train.checkpoint import Checkpoint

try:
    import fcntl
except ImportError:  # Windows: there a file that is open cannot be replaced, which ends the second training too
    fcntl = None

# What a training writes beside the card.
_WRITTEN = (".keras", ".csv", ".png")


def check_place(model: Path) -> None:
    """Refuse to write over files that no training of edgecnn made: their card is missing, and no training was cut off here.

    Raises:
        BadFile: such a file is there.
    """
    cards.check_place(model)
    if cards.path_of(model).exists() or Checkpoint(model, "").folder.exists():
        return
    for path in (model.with_suffix(suffix) for suffix in _WRITTEN):
        if path.exists():
            raise BadFile(f"{path} is there and has no edgecnn card beside it, so it may be another's; choose another --name or --out, or move it")


@contextlib.contextmanager
def claimed(model: Path) -> Iterator[None]:
    """Keep the place of a model for this process until the end; the system lets go of it where the process dies.

    Raises:
        BadFile: another process writes the same model now.
    """
    if fcntl is None:
        yield
        return
    path = model.parent / f".{model.stem}.lock"
    handle = _lock(path, model)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path: Path, model: Path) -> int:
    """An open, locked file at `path`: once more where another process removed the file between opening and locking."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise BadFile(f"cannot write {path}: {error.strerror.lower()}; choose another place with --out") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(handle, path):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise BadFile(f"another process is making {model} now; wait for it, or choose another --name or --out") from None
        except OSError:  # a file system without locks: better no lock than no training
            return handle
        os.close(handle)


def _same(handle: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False
