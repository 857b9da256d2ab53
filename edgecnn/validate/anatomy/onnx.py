"""The bytes of an .onnx by what they are for."""

from __future__ import annotations

import onnx

from edgecnn.errors import BadFile
from edgecnn.validate.anatomy.pieces import WORTH, Piece, float_weights, repeated
from edgecnn.validate.layers.net import WEIGHTED

_QUANTIZED = {"QLinearConv": (3, 8), "QLinearMatMul": (3, -1), "ConvInteger": (1, -1), "MatMulInteger": (1, -1)}
_TABLES = ("QuantizeLinear", "DequantizeLinear")
_INDICES = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)


def pieces(content: bytes, origin: str) -> list[Piece]:
    """Every byte of the file once: values of constants as they are, everything else as its message; weights in another file are not in this one."""
    model = _read(content, origin)
    purposes = _purposes(model.graph)
    found, taken = [], 0
    for tensor in model.graph.initializer:
        data = tensor.raw_data or _values_alone(tensor).SerializeToString()
        kind, layer = purposes.get(tensor.name, ("unused", ""))
        found.append(Piece(kind, layer, data, True))
        taken += len(data)
    for prop in model.metadata_props:
        data = prop.SerializeToString()
        found.append(Piece("metadata", "", data))
        taken += len(data)
    shapes = b"".join(value.SerializeToString() for value in model.graph.value_info)
    found.append(Piece("inner shapes", "", shapes))
    # Nodes, names, and the few bytes before each message that say how long it is.
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    del rest.graph.value_info[:], rest.metadata_props[:]
    for tensor in rest.graph.initializer:
        _empty(tensor)
    graph = rest.SerializeToString()
    size = len(content) - taken - len(shapes)
    found.append(Piece("graph", "", graph[:size].ljust(size, b"\0")))
    return [piece for piece in found if piece.data]


def savings(content: bytes, pieces_found: list[Piece]) -> list[str]:
    """What would make the file smaller, in words, most first."""
    graph = onnx.ModelProto.FromString(content).graph
    purposes = _purposes(graph)
    kernels = {t.name: t for t in graph.initializer if purposes.get(t.name, ("",))[0] == "weights"}
    bytes_of = {kind: sum(len(t.raw_data) for t in kernels.values() if t.data_type == kind) for kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)}
    channels = sum(t.dims[0] for t in kernels.values() if t.data_type in bytes_of and t.dims)
    found = [*float_weights(bytes_of[onnx.TensorProto.FLOAT], bytes_of[onnx.TensorProto.FLOAT16], channels), *repeated(pieces_found)]
    shapes = sum(len(piece.data) for piece in pieces_found if piece.kind == "inner shapes")
    if shapes >= WORTH:
        found.append((shapes, f"shapes of inner tensors (value_info), which a runtime finds by itself, take {shapes:,} bytes"))
    return [text for _, text in sorted(found, reverse=True)]


def _read(content: bytes, origin: str) -> onnx.ModelProto:
    try:
        return onnx.ModelProto.FromString(content)
    # protobuf's DecodeError is another class in every version of protobuf.
    except Exception as error:
        raise BadFile(f"{origin}: not an ONNX file, or one that is cut off or damaged; copy or export it again") from error


def _values_alone(tensor: onnx.TensorProto) -> onnx.TensorProto:
    alone = onnx.TensorProto()
    for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"):
        getattr(alone, field).extend(getattr(tensor, field))
    return alone


def _empty(tensor: onnx.TensorProto) -> None:
    for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"):
        tensor.ClearField(field)


def _purposes(graph: onnx.GraphProto) -> dict[str, tuple[str, str]]:
    """Constant -> (kind, layer): that of the node that computes with it, looked for through the one that dequantizes it."""
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    found: dict[str, tuple[str, str]] = {}
    roles: dict[str, tuple[str, str]] = {}
    for node in graph.node:
        kernel, bias = _QUANTIZED.get(node.op_type, (1, 2) if node.op_type in WEIGHTED else (-1, -1))
        for place, name in enumerate(node.input):
            weights = place == kernel or (kernel < 0 and types.get(name) not in _INDICES)
            role = "biases" if place == bias else "weights" if weights else "quantization tables" if node.op_type in _QUANTIZED else "constants"
            roles.setdefault(name, (role, node.output[0]))
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in types:
                continue
            if node.op_type in _TABLES:
                role, layer = roles.get(node.output[0], ("weights", node.output[0]))
                found[name] = (role, layer) if place == 0 else ("quantization tables", layer if node.input[0] in types else node.output[0])
            else:
                found[name] = roles[name]
    return found
