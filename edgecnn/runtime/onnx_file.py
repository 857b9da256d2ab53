"""Reads an .onnx file without running it: nodes, weights, MACs by shape inference, metadata."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

from edgecnn import card as cards
from edgecnn import files
from edgecnn.formats.onnx import validate
from edgecnn.formats.onnx.tensors import constants_of
from edgecnn.runtime import oldest
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.file_info import FileInfo, Operator
from edgecnn.runtime.model_files import total_bytes
from edgecnn.runtime.start import filled

Shape = tuple[int | None, ...]

# Operators with a kernel or a matrix, and which of their inputs holds it.
_WEIGHT_AT = {
    "Conv": 1, "Gemm": 1, "MatMul": 1, "ConvInteger": 1, "MatMulInteger": 1, "QLinearConv": 3, "QLinearMatMul": 3,
    # Of ONNX Runtime's own domain, which its optimizer puts into .ort files.
    "FusedConv": 1, "NhwcFusedConv": 1, "FusedGemm": 1, "FusedMatMul": 1, "QGemm": 3,
}  # fmt: skip
_VALUE_KEEPING = ("Identity", "Reshape", "Squeeze", "Flatten", "Cast", "QuantizeLinear", "DequantizeLinear")
# Their constant inputs are shapes, axes, paddings, scales and zero points, which are no parameters of the network.
_NO_WEIGHTS = ("QuantizeLinear", "Reshape", "Pad", "Squeeze", "Unsqueeze", "ReduceMean", "Slice", "Resize", "Clip", "Constant", "Shape", "Gather")


def describe(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> FileInfo:
    """Read nodes, counts and card of an .onnx file.

    Args:
        path: of the file.
        size: height and width to count with where the input leaves them open; None counts one pixel.

    Raises:
        BadFile: missing, not ONNX, cut off or damaged.
    """
    path = files.check_file(path, ".onnx model")
    model = validate.read(path)
    if size is not None:
        _set_size(model.graph, size)
    return counted(path, model, _shapes(model), "ONNX", oldest.onnx_words(opset(model), model.ir_version))


def counted(path: Path, model: onnx.ModelProto, shapes: Mapping[str, Shape], kind: str, requires: str) -> FileInfo:
    """What is told of a graph.

    Args:
        path: of the file.
        model: the graph; of its nodes the kinds and names are looked at, not the attributes.
        shapes: name of a tensor -> its shape.
        kind: of the file.
        requires: the oldest runtime, in words.
    """
    graph = model.graph
    constants = constants_of(graph)
    origin = {node.output[0]: node for node in graph.node if node.op_type in ("DequantizeLinear", "QuantizeLinear")}
    operators, seen = [], set()
    for node in graph.node:
        weights = [t for t in (_constant(name, constants, origin) for name in _weight_inputs(node)) if t is not None]
        fresh = [t for t in weights if t.name not in seen]
        seen.update(t.name for t in fresh)
        sides = shapes.get(node.output[0], ())
        kernel = _constant(node.input[_WEIGHT_AT[node.op_type]], constants, origin) if node.op_type in _WEIGHT_AT else None
        macs = _macs(node, list(kernel.dims), sides) if kernel is not None else 0
        operators.append(Operator(node.op_type, node.output[0], sides, sum(_count(t) for t in fresh), sum(_bytes(t) for t in fresh), macs))
    entries = {p.key: p.value.encode() for p in model.metadata_props}
    changing = [op.kind for op in operators if op.kind not in _VALUE_KEEPING]
    return FileInfo(
        path=path,
        format=kind,
        bytes=total_bytes(path) if kind == "ONNX" else path.stat().st_size,
        inputs=tuple(_tensor(t) for t in graph.input if t.name not in constants),
        outputs=tuple(_tensor(t) for t in graph.output),
        operators=tuple(operators),
        weight_bytes=_weight_bytes(constants[name] for name in sorted(seen)),
        requires=requires,
        metadata=entries,
        card=cards.loads(entries[cards.EMBEDDED], path) if cards.EMBEDDED in entries else None,
        last_activation={"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(changing[-1], "") if changing else "",
    )


def _set_size(graph: onnx.GraphProto, size: tuple[int, int]) -> None:
    """Write height and width into an input of images that leaves them open."""
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in constants or len(dims) not in (3, 4):
            continue
        for dim, side in zip(dims, filled(shape(value), *size), strict=True):
            if dim is not dims[0] and not dim.dim_value:
                dim.dim_value = side


def opset(model: onnx.ModelProto) -> int:
    """Of ONNX's own operators; 0 where the file does not say."""
    return max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Sides of every tensor that can be known; of a graph that contradicts itself, those that it declares."""
    try:
        graph = shape_inference.infer_shapes(model).graph
    # InferenceError, and what the native code raises where a number cannot be right; a file without its shapes can still be described.
    except Exception:
        graph = model.graph
    return {value.name: shape(value) for value in (*graph.input, *graph.value_info, *graph.output)}


def shape(value: onnx.ValueInfoProto) -> Shape:
    """Sides of a tensor; None for an open one."""
    return tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in value.type.tensor_type.shape.dim)


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    return Tensor(value.name, shape(value), _dtype(value.type.tensor_type.elem_type))


def _dtype(code: int) -> str:
    return onnx.helper.tensor_dtype_to_np_dtype(code).name if code else "unknown"


def _weight_inputs(node: onnx.NodeProto) -> list[str]:
    if node.op_type in _NO_WEIGHTS:
        return []
    if node.op_type == "QLinearConv":
        return [node.input[3], *node.input[8:9]]
    if node.op_type == "QGemm":
        return [node.input[3], *node.input[6:7]]
    if node.op_type.startswith("QLinear"):
        return [node.input[3]] if node.op_type == "QLinearMatMul" else []
    # A quantized weight is counted where it is used, not where it is dequantized.
    return [] if node.op_type == "DequantizeLinear" else list(node.input)


def _constant(name: str, constants: dict[str, onnx.TensorProto], origin: dict[str, onnx.NodeProto]) -> onnx.TensorProto | None:
    """The stored weight behind an input, looked for through a DequantizeLinear, and a QuantizeLinear before it that rounds the weight when it is loaded."""
    while name in origin:
        name = origin[name].input[0]
    return constants.get(name)


def _macs(node: onnx.NodeProto, kernel: list[int], result: Shape) -> int:
    """MACs of one picture: Conv kernels are [O, I / groups, h, w], so kernel size times output pixels holds for grouped ones too."""
    # ONNX Runtime's own kernels may have the channels last.
    last = node.op_type.startswith("Nhwc") or any(one.name == "channels_last" and one.i for one in node.attribute)
    spatial = result[2:] if "Conv" in node.op_type and not last else result[1:-1]
    return math.prod(kernel) * math.prod(d or 1 for d in spatial)


def _count(raw: onnx.TensorProto) -> int:
    return math.prod(raw.dims)


def _bytes(raw: onnx.TensorProto) -> int:
    if raw.data_location == onnx.TensorProto.EXTERNAL:
        return _count(raw) * onnx.helper.tensor_dtype_to_np_dtype(raw.data_type).itemsize
    return len(raw.raw_data) or numpy_helper.to_array(raw).nbytes


def _weight_bytes(weights: object) -> dict[str, int]:
    total: dict[str, int] = {}
    for raw in weights:
        total[_dtype(raw.data_type)] = total.get(_dtype(raw.data_type), 0) + _bytes(raw)
    return total
