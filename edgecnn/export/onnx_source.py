"""A float .onnx of another tool as the form from which files are derived: one file, one output, float32, a recent opset, batch norms folded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from edgecnn.card import INPUT, OUTPUT, Preprocessing
from edgecnn.errors import BadFile
from edgecnn.export import check, names
from edgecnn.export.interface import Interface
from edgecnn.export.onnx_finish import inner_graphs, rename_edges
from edgecnn.export.onnx_simplify import quiet, simplified
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.model_files import whole
from edgecnn.runtime.tensor_shapes import input_layout

# Below this opset there are no int8 weights with one scale a channel; HardSwish needs 14.
LEAST_OPSET, OPSET = 13, 15
IR_VERSION = 8

_FLOATS = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)

# Images on which two forms of a graph are compared.
COMPARED = 2


def interface(runner: Runner) -> Interface:
    """The ends of an open .onnx; floats of another width become float32."""
    dtype = "float32" if np.dtype(runner.input.dtype).kind == "f" else runner.input.dtype
    return Interface(runner.input.name, runner.output.name, dtype, input_layout(Path(runner.path), runner.input))


def read(runner: Runner, ends: Interface) -> onnx.ModelProto:
    """The float32 form of an open .onnx, input called `image` and output `probabilities`.

    Raises:
        BadFile: quantized already, of an opset that cannot be brought up to date, or not to be read.
    """
    path = Path(runner.path)
    proto = whole(path)
    refuse_quantized(path, proto)
    with quiet():
        plain = _plain(path, proto, ends, runner.preprocessing)
        sample = ends.encode(check.generated(runner.preprocessing, COMPARED), runner.preprocessing)
        return simplified(plain, np.split(sample, COMPARED))


def refuse_quantized(path: Path, proto: onnx.ModelProto) -> None:
    """Raise BadFile where a graph holds integers in place of its float weights or activations."""
    for node in proto.graph.node:
        name = node.op_type
        if name.startswith(("QLinear", "DynamicQuantize", "QGemm", "QAttention")) or name.endswith(("Integer", "QuantizeLinear", "NBits")):
            raise BadFile(f"{path} is quantized already (it has {name} operators); expected the float file from which it was made")


def _plain(path: Path, proto: onnx.ModelProto, ends: Interface, preprocessing: Preprocessing) -> onnx.ModelProto:
    """The graph itself in the form that quantizers take: nothing in it computes otherwise."""
    if proto.functions:
        proto = onnx.inliner.inline_local_functions(proto)
    _take_output(proto.graph, ends.output)
    _store_constants(proto.graph)
    _expand_floats(proto.graph)
    proto = _upgraded(path, proto)
    _name(proto.graph, ends)
    _set_input(proto.graph, ends, preprocessing)
    _take_used_opsets(proto)
    proto.producer_name, proto.doc_string, proto.graph.doc_string = "edgecnn", "", ""
    return onnx.shape_inference.infer_shapes(proto)


def _take_output(graph: onnx.GraphProto, name: str) -> None:
    """Keep one output and what it is computed from."""
    wanted = {name}
    kept = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= {*node.input, *_captured(node)}
    kept.reverse()
    output = next(value for value in graph.output if value.name == name)
    parts = {"node": kept, "output": [output], "initializer": [t for t in graph.initializer if t.name in wanted], "value_info": []}
    constants = {tensor.name for tensor in graph.initializer}
    parts["input"] = [value for value in graph.input if value.name not in constants]
    for field, values in parts.items():
        values = [type(value).FromString(value.SerializeToString()) for value in values]
        del getattr(graph, field)[:]
        getattr(graph, field).extend(values)


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """Edges that the graphs inside of a node read."""
    for graph in inner_graphs(node):
        for inner in graph.node:
            yield from inner.input
            yield from _captured(inner)
        yield from (value.name for value in graph.output)


def _store_constants(graph: onnx.GraphProto) -> None:
    """Constant nodes become constants of the graph, where quantizers look for weights."""
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        attribute = node.attribute[0]
        if attribute.name == "sparse_value":
            continue
        value = helper.get_attribute_value(attribute)
        tensor = onnx.TensorProto()
        if attribute.name == "value":
            tensor.CopyFrom(value)
        else:
            kind = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}.get(attribute.name)
            if kind is None:
                continue
            tensor.CopyFrom(numpy_helper.from_array(np.array(value, kind)))
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def _expand_floats(graph: onnx.GraphProto) -> None:
    """Floats of 16 and 64 bits become float32, ends included."""
    for tensor in graph.initializer:
        _expand(tensor)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in _FLOATS:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _expand(attribute.t)
            elif attribute.name in ("to", "dtype") and attribute.i in _FLOATS:
                attribute.i = onnx.TensorProto.FLOAT
        for inner in inner_graphs(node):
            _expand_floats(inner)


def _expand(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in _FLOATS:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def _upgraded(path: Path, proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph in an opset that has int8 weights with one scale a channel.

    Raises:
        BadFile: onnx cannot translate an operator of an old opset.
    """
    version = max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    if version < OPSET:
        try:
            proto = version_converter.convert_version(proto, OPSET)
        # The converter's errors have no common base but Exception.
        except Exception as error:
            if version < LEAST_OPSET:
                text = " ".join(str(error).split())[:200]
                raise BadFile(
                    f"{path} is of opset {version}, which onnx cannot bring up to {OPSET} ({text}); export it again with opset {LEAST_OPSET} or later"
                ) from error
    proto.ir_version = max(proto.ir_version, IR_VERSION)
    return proto


def _name(graph: onnx.GraphProto, ends: Interface) -> None:
    """Call the ends `image` and `probabilities`, what has these names inside otherwise, and every node after its result."""
    mapping = {ends.input: INPUT, ends.output: OUTPUT}
    taken = {edge for node in graph.node for edge in (*node.input, *node.output)} | {tensor.name for tensor in graph.initializer}
    for name in (INPUT, OUTPUT):
        if name in taken and name not in mapping:
            mapping[name] = names.unused(f"{name}_inside", taken)
    rename_edges(graph, mapping)
    for node in graph.node:
        node.name = next(name for name in node.output if name)


def _set_input(graph: onnx.GraphProto, ends: Interface, preprocessing: Preprocessing) -> None:
    """The size of the images is the one that is fed; an open batch stays open, under a name."""
    dims = graph.input[0].type.tensor_type.shape.dim
    for dim, size in zip(dims, ends.shape(preprocessing), strict=True):
        if size is not None:
            dim.dim_value = size
    rows = graph.output[0].type.tensor_type.shape.dim
    if ends.layout.batch is None:
        dims[0].dim_param = dims[0].dim_param or "batch"
        if rows and not rows[0].HasField("dim_value"):
            rows[0].dim_param = dims[0].dim_param


def _take_used_opsets(proto: onnx.ModelProto) -> None:
    """Leave out opsets that no node uses."""
    used = {node.domain for node in proto.graph.node} | {inner.domain for node in proto.graph.node for graph in inner_graphs(node) for inner in graph.node}
    used = {"" if domain == "ai.onnx" else domain for domain in used} | {""}
    opsets = [_usual_domain(entry) for entry in proto.opset_import if ("" if entry.domain == "ai.onnx" else entry.domain) in used]
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)


def _usual_domain(entry: onnx.OperatorSetIdProto) -> onnx.OperatorSetIdProto:
    """An opset of ONNX under its usual, empty name."""
    return helper.make_opsetid("" if entry.domain == "ai.onnx" else entry.domain, entry.version)
