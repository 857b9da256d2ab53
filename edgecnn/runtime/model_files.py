"""All files of a model: an .onnx may keep its weights in others beside it, which belong to it wherever bytes are counted, copied or compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from edgecnn import files
from edgecnn.errors import BadFile

if TYPE_CHECKING:
    import onnx


def model_files(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The file itself, and the files beside it in which an .onnx keeps weights, each once, in the order in which the graph names them.

    Raises:
        BadFile: not an ONNX file, or one that names a file which is not there or lies outside of its folder.
    """
    path = Path(path)
    return (path, *_external(path)) if path.suffix.lower() == ".onnx" else (path,)


def total_bytes(path: str | os.PathLike[str]) -> int:
    """Bytes of all files of a model; BadFile as `model_files`."""
    return sum(part.stat().st_size for part in model_files(path))


def digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a model: of its file, or, where its weights lie in others, of the digests of all of them; BadFile as `model_files`."""
    parts = model_files(path)
    if len(parts) == 1:
        return files.sha256(path)
    return hashlib.sha256("\n".join(files.sha256(part) for part in parts).encode()).hexdigest()


def _external(path: Path) -> Iterator[Path]:
    import onnx

    files.check_file(path, ".onnx model")
    try:
        proto = onnx.load(path, load_external_data=False)
    # protobuf's DecodeError is another class in every version of protobuf.
    except Exception as error:
        raise BadFile(f"{path}: not an ONNX file, or one that is cut off or damaged; copy or export it again") from error
    locations = dict.fromkeys(_location(tensor) for tensor in _tensors(proto.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL)
    for location in locations:
        yield _beside(path, location)


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


def _beside(path: Path, location: str) -> Path:
    """The second file of that name in the folder of `path` or below.

    Raises:
        BadFile: it lies elsewhere, or is not there.
    """
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    outside = not location or "\0" in location or ".." in parts or location[:1] in "/\\" or PureWindowsPath(location).drive
    place = path.parent / location
    if outside or not place.resolve().is_relative_to(path.parent.resolve()):
        raise BadFile(f"{path}: its weights lie in {location[:80]!r}, outside of its folder; expected a file beside it, named without .. and without a root")
    if not place.is_file():
        raise BadFile(f"{path}: its weights lie in another file, {place.name}, which is not beside it; put it into {place.parent}")
    return place
