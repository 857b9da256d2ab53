"""DOOR to packing: a model's file made smaller for a download, and made whole again, bit by bit."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
        parts: the same of the files in which an .onnx keeps weights; the bytes above count them too.
    """

    path: Path
    bytes: int
    gzipped: int
    packed: int
    sha256: str
    parts: tuple[Packed, ...] = ()

    def with_parts(self, parts: tuple[Packed, ...]) -> Packed:
        """The file together with others that belong to it."""
        sums = {name: getattr(self, name) + sum(getattr(part, name) for part in parts) for name in ("bytes", "gzipped", "packed")}
        return replace(self, **sums, parts=parts)


def pack(path: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None) -> Packed:
    """Write FILE.edgez beside a file, or at `out`. It was unpacked and compared before it gets its name; the file stays as it is.

    Weights go through an entropy coder, the rest through LZMA: made for .tflite and .onnx, and whole for any other file. Files in which an .onnx keeps
    weights get an .edgez each beside its own.

    Raises:
        BadFile: missing, empty, damaged, packed already, or the place cannot be written. BadSetting: `out` is the file itself.
    """
    from edgecnn.packing import container
    from edgecnn.runtime.model_files import model_files

    path = Path(path)
    if files.read_bytes(path, "file to pack").startswith(container.MAGIC[:5]):
        raise BadFile(f"{path} is packed already; expected a file such as model_int8.tflite")
    target = _target(path, out, path.with_name(path.name + SUFFIX))
    _, *others = model_files(path)
    places = [target.parent / f"{other.relative_to(path.parent)}{SUFFIX}" for other in others]
    return _pack_one(path, target).with_parts(tuple(map(_pack_one, others, places)))


def _pack_one(path: Path, target: Path) -> Packed:
    from edgecnn.packing import container

    content = files.read_bytes(path, "file to pack")
    if len(content) > container.LARGEST:
        raise BadFile(f"{path} has {len(content):,} bytes; expected {container.LARGEST:,} or fewer")
    packed = container.pack(path, content)
    if container.unpack(packed, str(target)) != content:
        raise AssertionError(f"{path} does not come back from its packed form")
    files.write_bytes(target, packed)
    return Packed(target, len(content), len(gzip.compress(content, 9)), len(packed), container.digest(packed))


def unpack(path: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None) -> Packed:
    """Write the file that was packed, beside FILE.edgez without its suffix, or at `out`; its SHA-256 is that of the file that was packed.

    Weights that an .onnx keeps in other files come with it, where their .edgez lie beside its own.

    Raises:
        BadFile: missing, not packed, cut off or damaged, or the place cannot be written. BadSetting: no name to write to.
    """
    path = Path(path)
    if out is None and path.suffix != SUFFIX:
        raise BadSetting(f"{path} does not end in {SUFFIX}, so that its file has no name; give one with --out FILE")
    target = _target(path, out, path.with_suffix(""))
    done = _unpack_one(path, target)
    return done.with_parts(tuple(_unpack_parts(path.parent, target)))


def _unpack_parts(folder: Path, target: Path) -> Iterator[Packed]:
    """Bring back the files in which an .onnx keeps weights, from the .edgez of their names."""
    if target.suffix.lower() != ".onnx":
        return
    from edgecnn.runtime.model_files import external_locations

    for location in external_locations(target):
        packed = folder / f"{location}{SUFFIX}"
        if packed.is_file():
            yield _unpack_one(packed, target.parent / location)


def _unpack_one(path: Path, target: Path) -> Packed:
    from edgecnn.packing import container

    packed = files.read_bytes(path, f"{SUFFIX} file")
    content = container.unpack(packed, str(path))
    files.write_bytes(target, content)
    return Packed(target, len(content), len(gzip.compress(content, 9)), len(packed), container.digest(packed))


def _target(path: Path, out: str | os.PathLike[str] | None, usual: Path) -> Path:
    target = usual if out is None else Path(out)
    if target.is_dir():
        target = target / usual.name
    if target.resolve() == path.resolve():
        raise BadSetting(f"{target} is the file to read; expected another place to write to")
    return target
