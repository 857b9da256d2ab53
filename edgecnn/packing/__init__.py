"""DOOR to packing: a model's file made smaller for a download, and made whole again, bit by bit."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

from edgecnn import files
from edgecnn.errors import BadFile, BadSetting

SUFFIX = ".edgez"


@dataclass(frozen=True)
class Packed:
    """A file and its packed form.

    Attributes:
        path: of what was written.
        bytes: of the file.
        gzipped: bytes after gzip -9.
        packed: bytes of the packed form.
        sha256: of the file, hexadecimal.
    """

    path: Path
    bytes: int
    gzipped: int
    packed: int
    sha256: str


def pack(path: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None) -> Packed:
    """Write FILE.edgez beside a file, or at `out`. It was unpacked and compared before it gets its name; the file stays as it is.

    Weights go through an entropy coder, the rest through LZMA: made for .tflite and .onnx, and whole for any other file.

    Raises:
        BadFile: missing, empty, damaged, packed already, or the place cannot be written. BadSetting: `out` is the file itself.
    """
    from edgecnn.packing import container

    path = Path(path)
    content = files.read_bytes(path, "file to pack")
    if content.startswith(container.MAGIC[:5]):
        raise BadFile(f"{path} is packed already; expected a file such as model_int8.tflite")
    if len(content) > container.LARGEST:
        raise BadFile(f"{path} has {len(content):,} bytes; expected {container.LARGEST:,} or fewer")
    target = _target(path, out, path.with_name(path.name + SUFFIX))
    packed = container.pack(path, content)
    if container.unpack(packed, str(target)) != content:
        raise AssertionError(f"{path} does not come back from its packed form")
    files.write_bytes(target, packed)
    return Packed(target, len(content), len(gzip.compress(content, 9)), len(packed), container.digest(packed))


def unpack(path: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None) -> Packed:
    """Write the file that was packed, beside FILE.edgez without its suffix, or at `out`; its SHA-256 is that of the file that was packed.

    Raises:
        BadFile: missing, not packed, cut off or damaged, or the place cannot be written. BadSetting: no name to write to.
    """
    from edgecnn.packing import container

    path = Path(path)
    packed = files.read_bytes(path, f"{SUFFIX} file")
    content = container.unpack(packed, str(path))
    if out is None and path.suffix != SUFFIX:
        raise BadSetting(f"{path} does not end in {SUFFIX}, so that its file has no name; give one with --out FILE")
    target = _target(path, out, path.with_suffix(""))
    files.write_bytes(target, content)
    return Packed(target, len(content), len(gzip.compress(content, 9)), len(packed), container.digest(packed))


def _target(path: Path, out: str | os.PathLike[str] | None, usual: Path) -> Path:
    target = usual if out is None else Path(out)
    if target.is_dir():
        target = target / usual.name
    if target.resolve() == path.resolve():
        raise BadSetting(f"{target} is the file to read; expected another place to write to")
    return target
