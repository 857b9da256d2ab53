"""The folder of a bundle: written beside its place and renamed when it is whole; only a bundle is ever replaced."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgecnn import files, untrusted
from edgecnn.errors import BadFile

# In the names of folders that are being built, and of bundles that make way for a new one.
_BUILDING, _OLD = ".building-", "-old-"
# Lists every file of a bundle, itself excepted.
LIST, FORMAT = "bundle.json", "edgecnn.bundle/1"


def check_free(folder: Path) -> None:
    """Raise BadFile unless `folder` can be made: it is missing, empty, or a bundle to which nobody added a file."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BadFile(f"{folder} is not a folder; choose another place with --out")
    files.check_writable(folder.parent)
    if not folder.exists():
        return
    try:
        found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    except OSError as error:
        raise BadFile(f"cannot read {folder}: {files.reason(error)}; choose another place with --out") from error
    strange = sorted(found - _listed(folder) - {LIST})
    if strange:
        raise BadFile(f"{folder} holds {strange[0]}, which no bundle put there; choose another place with --out, or move it away")


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on a clean exit it takes its place, else it is removed and what stood there still does.

    Raises:
        BadFile: it cannot be written.
    """
    check_free(folder)
    beside = folder.absolute().parent
    try:
        building = Path(tempfile.mkdtemp(dir=beside, prefix=f".{folder.name}{_BUILDING}"))
    except OSError as error:
        raise BadFile(f"cannot write into {beside}: {files.reason(error)}; choose another place with --out") from error
    try:
        with files.held(building):
            _sweep(folder)
            yield building
            building.chmod(0o777 & ~_umask())
            _swap(building, folder)
    except OSError as error:
        raise BadFile(f"cannot write {folder}: {files.reason(error)}; nothing was changed there") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Clean up after runs for this folder that were killed: half a bundle goes, and a bundle that was moved out of the way comes back."""
    beside, name = folder.absolute().parent, glob.escape(f".{folder.name}")
    with contextlib.suppress(OSError):
        for left in (*beside.glob(f"{name}{_BUILDING}*"), *beside.glob(f"{name}{_OLD}*")):
            if files.is_held(left):
                continue
            if left.name.startswith(f".{folder.name}{_OLD}") and any(left.iterdir()) and not folder.exists():
                left.rename(folder)
            else:
                shutil.rmtree(left)
    files.sweep(beside, f".{folder.name}.part-")  # of releases that told by the age


def write_list(folder: Path, told: dict[str, object]) -> Path:
    """Write the list of a bundle's files, with what is `told` of it."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return files.write_text(folder / LIST, json.dumps({"format": FORMAT, **told, "files": names}, indent=1, ensure_ascii=False) + "\n")


def _listed(folder: Path) -> set[str]:
    try:
        told = untrusted.loads_json(files.read_bytes(folder / LIST, "list of a bundle's files"), folder / LIST, "the list of a bundle's files")
        return set(told["files"]) if told["format"] == FORMAT else set()
    except (ValueError, KeyError, TypeError):  # missing, damaged, or not ours
        return set()


def _swap(building: Path, folder: Path) -> None:
    """Put `building` in the place of `folder`; what stands there goes back when that fails."""
    if not folder.exists():
        building.rename(folder)
        return
    old = Path(tempfile.mkdtemp(dir=building.parent, prefix=f".{folder.name}{_OLD}"))
    with files.held(folder):
        folder.rename(old)
        try:
            building.rename(folder)
        except BaseException:  # Ctrl-C and SIGTERM too
            old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
