"""All files of a model: an .onnx may keep its weights in others beside it, which belong to it wherever bytes are counted, copied or compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from edgecnn import files
from edgecnn.errors import BadFile

if TYPE_CHECKING:
    import onnx

# Bytes of one protobuf.
LARGEST = (1 << 31) - 1


def model_files(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The file itself, and the files beside it in which an .onnx keeps weights, each once, in the order in which the graph names them.

    Raises:
        BadFile: not an ONNX file, or one that names a file which is not there or lies outside of its folder.
    """
    path = Path(path)
    return (path, *(_is_there(path, location) for location in external_locations(path))) if path.suffix.lower() == ".onnx" else (path,)


def read_contents(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Name -> content of all files of a model, to be laid elsewhere by `write_contents`; of a SavedModel all files in its folder.

    Raises:
        BadFile: as `model_files`, or a file cannot be read.
    """
    path = Path(path)
    base = path.absolute().parent
    parts = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else model_files(path)
    return {part.absolute().relative_to(base).as_posix(): files.read_bytes(part) if part.stat().st_size else b"" for part in parts}


def write_contents(contents: Mapping[str, bytes], folder: Path) -> None:
    """Lay the files of a model into a folder, under the names that `read_contents` gives."""
    for name, content in contents.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def total_bytes(path: str | os.PathLike[str]) -> int:
    """Bytes of all files of a model; BadFile as `model_files`."""
    return sum(part.stat().st_size for part in model_files(path))


def digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a model: of its file, or, where its weights lie in others, of the digests of all of them; of a damaged .onnx that of its own bytes."""
    try:
        parts = model_files(path)
    except BadFile:
        return files.sha256(path)
    if len(parts) == 1:
        return files.sha256(path)
    return hashlib.sha256("\n".join(files.sha256(part) for part in parts).encode()).hexdigest()


def digest_of_folder(folder: Path) -> str:
    """SHA-256 of a SavedModel: of the names and digests of all files in it."""
    parts = sorted(part for part in folder.rglob("*") if part.is_file())
    return hashlib.sha256("\n".join(f"{part.relative_to(folder)} {files.sha256(part)}" for part in parts).encode("utf-8", "surrogateescape")).hexdigest()


def external_locations(path: Path) -> tuple[str, ...]:
    """Where an .onnx keeps weights outside of itself, relative to its folder, each place once; none of them is opened.

    Raises:
        BadFile: not an ONNX file, or one that names a place outside of its folder.
    """
    import onnx

    files.check_file(path, ".onnx model")
    try:
        proto = onnx.load(path, load_external_data=False)
    # protobuf's DecodeError is another class in every version of protobuf.
    except Exception as error:
        raise BadFile(f"{path}: not an ONNX file, or one that is cut off or damaged; copy or export it again") from error
    locations = dict.fromkeys(_location(tensor) for tensor in _tensors(proto.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL)
    for location in locations:
        _check_beside(path, location)
    return tuple(locations)


def whole(path: Path) -> onnx.ModelProto:
    """An .onnx with all of its weights inside; BadFile as `model_files`, and for one that would be larger than a single file can be."""
    import onnx

    size = total_bytes(path)
    if size > LARGEST:
        raise BadFile(f"{path} takes {size:,} bytes with its weights; expected {LARGEST:,} or fewer, the most that one .onnx can hold")
    try:
        return onnx.load(path)
    # onnx, protobuf and the operating system raise errors without a common base.
    except Exception as error:
        raise BadFile(f"{path} cannot be read whole: {' '.join(str(error).split())[:200]}") from error


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Constants of a graph, of its nodes, and of the graphs inside of them."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)


def _location(tensor: onnx.TensorProto) -> str:
    return {entry.key: entry.value for entry in tensor.external_data}.get("location", "")


def _check_beside(path: Path, location: str) -> None:
    """Raise BadFile for a place that is not in the folder of `path` or below."""
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    outside = not location or "\0" in location or ".." in parts or location[:1] in "/\\" or PureWindowsPath(location).drive
    if outside or not Path(os.path.realpath(path.parent / location)).is_relative_to(os.path.realpath(path.parent)):
        raise BadFile(f"{path}: its weights lie in {location[:80]!r}, outside of its folder; expected a file beside it, named without .. and without a root")


def _is_there(path: Path, location: str) -> Path:
    place = path.parent / location
    if not place.is_file():
        raise BadFile(f"{path}: its weights lie in another file, {place.name}, which is not beside it; put it into {place.parent}")
    return place
