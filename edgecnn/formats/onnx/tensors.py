"""The constants of an .onnx, and a check that each has as many values as its sides say, in the file or in one beside it that is no other file of the user."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from edgecnn.formats.invalid import InvalidModelError, require

# Elements of a tensor, and dimensions.
MOST_ELEMENTS, MOST_SIDES = 1 << 33, 16

_BITS = {
    **dict.fromkeys(("INT8", "UINT8", "BOOL", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0"), 8),
    **dict.fromkeys(("INT16", "UINT16", "FLOAT16", "BFLOAT16"), 16), **dict.fromkeys(("INT32", "UINT32", "FLOAT"), 32),
    **dict.fromkeys(("INT64", "UINT64", "DOUBLE", "COMPLEX64"), 64), "COMPLEX128": 128, **dict.fromkeys(("INT4", "UINT4", "FLOAT4E2M1"), 4),
    **dict.fromkeys(("INT2", "UINT2"), 2),
}  # fmt: skip
# Where values lie that are not raw; all that is not here lies in int32_data.
_FIELDS = {"FLOAT": "float_data", "COMPLEX64": "float_data", "DOUBLE": "double_data", "COMPLEX128": "double_data", "INT64": "int64_data"}
_FIELDS |= {"UINT32": "uint64_data", "UINT64": "uint64_data", "STRING": "string_data"}


@cache
def type_names() -> Mapping[int, str]:
    """Number of an element type -> its name in ONNX."""
    return {number: name for name, number in onnx.TensorProto.DataType.items() if number}


def constants_of(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Name -> constant, of initializers and of Constant nodes that hold a tensor."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
    return found


def check(tensor: onnx.TensorProto, folder: Path) -> None:
    """Hold a constant against its declaration; `folder` is the one that the file lies in.

    Raises:
        InvalidModelError: with what is wrong.
    """
    name, sides = f"constant {tensor.name[:80]!r}", list(tensor.dims)
    kind = type_names().get(tensor.data_type)
    if kind is None:
        raise InvalidModelError(f"{name} has element type {tensor.data_type}, which this version of ONNX does not know; a newer one may")
    check_sides(name, sides)
    count = math.prod(sides)
    if kind == "STRING":
        require(len(tensor.string_data) == count, f"{name} has {len(tensor.string_data):,} texts for the shape {sides}")
        return
    wanted = (count * _BITS.get(kind, 8) + 7) // 8
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _check_external(name, tensor, folder, wanted)
        return
    if tensor.raw_data or not count:
        require(len(tensor.raw_data) == wanted, f"{name} has the shape {sides} in {kind.lower()}, {wanted:,} bytes, and {len(tensor.raw_data):,} are stored")
        return
    values = count * 2 if kind.startswith("COMPLEX") else (wanted if _BITS.get(kind, 8) < 8 else count)
    stored = len(getattr(tensor, _FIELDS.get(kind, "int32_data")))
    require(stored == values, f"{name} has the shape {sides} and {stored:,} values")


def check_sides(name: str, sides: list[int]) -> None:
    """Bound the sides of a tensor; InvalidModelError as `check`."""
    require(len(sides) <= MOST_SIDES, f"{name} has {len(sides)} dimensions; expected {MOST_SIDES} at most")
    require(all(side >= 0 for side in sides), f"{name} has the shape {sides}; expected no negative sides")
    require(math.prod(sides) <= MOST_ELEMENTS, f"{name} has the shape {sides}, more elements than memory holds")


def external_path(tensor: onnx.TensorProto, folder: Path) -> Path:
    """The second file that holds a constant; it lies in `folder` or below, and no link leads out of it.

    Raises:
        InvalidModelError: it is named by an absolute path, by one with .., or lies elsewhere.
    """
    location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    outside = not location or "\0" in location or ".." in parts or Path(location).is_absolute() or PureWindowsPath(location).drive or location[:1] in "/\\"
    require(not outside, f"its weights lie in another file, {location[:80]!r}; expected one in the same folder, named without .. and without a root")
    path = folder / location
    # Path.resolve raises RuntimeError where links go in a circle.
    resolved = Path(os.path.realpath(path))
    require(resolved.is_relative_to(os.path.realpath(folder)), f"its weights lie in another file, {location[:80]!r}, which is a link out of the folder")
    return path


def _check_external(name: str, tensor: onnx.TensorProto, folder: Path, wanted: int) -> None:
    path = external_path(tensor, folder)
    said = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset, length = int(said.get("offset", "0") or 0), int(said.get("length", str(wanted)) or wanted)
    except ValueError:
        raise InvalidModelError(f"{name} lies in {path.name} at an offset or with a length that is no number") from None
    require(offset >= 0 and length == wanted, f"{name} takes {wanted:,} bytes, and {length:,} of {path.name} are named for it")
    if not path.exists():
        raise InvalidModelError(f"its weights lie in another file, {path.name}, which is not beside it; put it into {folder}")
    require(path.is_file(), f"its weights lie in {path.name}, which is no ordinary file")
    size = path.stat().st_size
    require(offset + length <= size, f"{name} lies in {path.name} up to byte {offset + length:,}, and that has {size:,}; copy both files again")
