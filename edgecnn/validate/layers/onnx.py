"""Looks into an .onnx: its operators, every tensor of a run, and every operator alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from edgecnn.errors import BadData, BadFile
from edgecnn.formats.onnx import validate
from edgecnn.formats.onnx.tensors import constants_of
from edgecnn.validate.layers.net import FUSED, KEEPING, PADDING, WEIGHTED, Key, Net, Stored, Unit, root
from edgecnn.validate.layers.onnx_values import WHOLE, rounding_of, shapes_of, types_of, values_of

# Attributes that tell operators apart, and what they are when nothing is said.
_OPTIONS = {"strides": 1, "dilations": 1, "group": 1, "kernel_shape": 0, "axis": -1}
# ONNX declares no scale for an integer input: uint8 is the pixel itself, int8 the pixel minus 128, as `runtime.ort` has it.
_ZEROS = {onnx.TensorProto.UINT8: 0, onnx.TensorProto.INT8: -128}


class ONNXNetwork:
    """See `net.Network`."""

    def __init__(self, proto: onnx.ModelProto, origin: str) -> None:
        self._proto, self._origin = proto, origin
        self._constants = constants_of(proto.graph)
        self.net = _net(proto, self._constants)
        self._types = types_of(proto)
        self._sessions: dict[tuple[object, ...], onnxruntime.InferenceSession] = {}

    def run(self, image: np.ndarray, tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """See `net.Network`."""
        integers = _integers(self._proto)
        # The integers before a DequantizeLinear: to ask for the floats after it would keep the runtime from computing with integers.
        shown = {tensor: integers.get(tensor, tensor) if tensor in self.net.stored else tensor for tensor in tensors}
        session = self._session(("run", tensors), self._proto.graph.node, [], tuple(shown.values()))
        given = session.get_inputs()[0]
        values = session.run([str(name) for name in shown.values()], {given.name: self._as_input(given.type, image)})
        return {key: self._real(key, value) for key, value in zip(shown, values, strict=True)}

    def alone(self, values: Mapping[Key, np.ndarray], tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """See `net.Network`."""
        twins = {str(name): f"fed:{name}" for name in values}
        key = ("alone", tensors)
        if key not in self._sessions:
            nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self._proto.graph.node]
            for node in nodes:
                node.input[:] = [twins.get(name, name) for name in node.input]
            # The picture's own rounding has no node before it: the row of an integer input is what its reader gets.
            fed = [helper.make_tensor_value_info(twin, self._types.get(name, onnx.TensorProto.FLOAT), None) for name, twin in twins.items()]
            self._session(key, nodes, fed, tensors, optimize=False)
        session = self._sessions[key]
        wanted = {given.name: given.type for given in session.get_inputs()}
        feed = {twins[str(name)]: _typed(wanted[twins[str(name)]], value) for name, value in values.items() if twins[str(name)] in wanted}
        found = session.run([str(name) for name in tensors], feed)
        return {key: value.astype(np.float32) for key, value in zip(tensors, found, strict=True)}

    def _session(
        self, key: tuple[object, ...], nodes: object, fed: list[onnx.ValueInfoProto], outputs: tuple[Key, ...], *, optimize: bool = True
    ) -> onnxruntime.InferenceSession:
        if key not in self._sessions:
            proto = onnx.ModelProto()
            proto.CopyFrom(self._proto)
            graph = proto.graph
            copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
            del graph.node[:], graph.value_info[:]
            graph.node.extend(copies)
            own = {value.name for value in graph.output}
            if fed:
                del graph.input[:], graph.output[:]
                graph.input.extend(fed)
                own = set()
            graph.output.extend(onnx.ValueInfoProto(name=str(name)) for name in dict.fromkeys(outputs) if name not in own)
            self._sessions[key] = _opened(self._origin, proto.SerializeToString(), optimize)
        return self._sessions[key]

    def _as_input(self, kind: str, image: np.ndarray) -> np.ndarray:
        stored = self.net.stored.get(self.net.input)
        if stored is not None:
            image = stored.levels(image)
        return _typed(kind, image)

    def _real(self, key: Key, value: np.ndarray) -> np.ndarray:
        stored = self.net.stored.get(key)
        return stored.real(value) if stored is not None and value.dtype in WHOLE else value.astype(np.float32)


def read(path: Path) -> ONNXNetwork:
    """The network in a file.

    Raises:
        BadFile: it is damaged. BadData: its operators compute with integers by themselves, so that their roundings cannot be told from them.
    """
    proto = validate.read(path)
    onnx.load_external_data_for_model(proto, str(path.parent))
    whole = next(
        (node.op_type for node in proto.graph.node if node.op_type.startswith(("QLinear", "DynamicQuantize")) or node.op_type.endswith("Integer")), None
    )
    if whole:
        raise BadData(f"{path} has {whole} operators; layers are compared in files with QuantizeLinear and DequantizeLinear (quantize_static's QDQ format)")
    return ONNXNetwork(proto, str(path))


def _opened(origin: str, content: bytes, optimize: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimize:
        # Optimizations merge roundings that stand one after the other; here every one is to be seen.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's exceptions have no common base but Exception.
    except Exception as error:
        raise BadFile(f"{origin}: ONNX Runtime does not run it with its tensors shown: {' '.join(str(error).split())[:200]}") from error


def _typed(kind: str, value: np.ndarray) -> np.ndarray:
    names = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
    return np.ascontiguousarray(value, names.get(kind, np.float32))


def _integers(proto: onnx.ModelProto) -> dict[Key, str]:
    """Result of a DequantizeLinear -> the integers before it."""
    return {node.output[0]: node.input[0] for node in proto.graph.node if node.op_type == "DequantizeLinear"}


def _net(proto: onnx.ModelProto, constants: Mapping[str, onnx.TensorProto]) -> Net:
    graph, shapes = proto.graph, shapes_of(proto)
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    constant = {*constants, ""}
    origin: dict[str, onnx.NodeProto] = {}
    before: dict[Key, Key] = {}
    units: dict[Key, Unit] = {}
    for node in graph.node:
        kind, result = node.op_type, node.output[0]
        if kind == "Constant" or (kind in KEEPING and node.input[0] in constant):
            constant.add(result)
            origin.update({result: node} if kind in KEEPING else {})
            continue
        moving = [name for name in node.input if name not in constant]
        roots = tuple(root(before, name) for name in moving)
        if kind in KEEPING | PADDING and moving:
            before[result] = moving[0]
        elif kind in FUSED and moving and roots[0] in units and len(readers[moving[0]]) == 1:
            units[result] = replace(units.pop(roots[0]), output=result)
        elif kind == "Add" and len(moving) == 1 and roots[0] in units and units[roots[0]].kind == "Gemm" and len(readers[moving[0]]) == 1:
            # The bias of a product of matrices.
            units[result] = replace(units.pop(roots[0]), output=result)
        elif moving:
            units[result] = _unit(node, roots, shapes, constants, origin)
            units.update({other: Unit(kind, roots, other, shapes.get(other, ())) for other in node.output[1:] if other})
    entry = next(value for value in graph.input if value.name not in constants)
    given, shape = entry.name, tuple(d.dim_value or None for d in entry.type.tensor_type.shape.dim)
    kinds = {given: "", **{name: node.op_type for node in graph.node for name in node.output if name not in constant and node.op_type not in PADDING}}
    shown = [name for name in kinds if not _halfway(name, kinds[name], readers[name]) or name == graph.output[0].name]
    stored = {name: how for name in shown if (how := _rounding(name, kinds[name], graph, readers[name], constants)) is not None}
    makers = {name: node for node in graph.node for name in node.output}
    called = {name: _called(name, makers) for name in shown}
    types = {name: units[called[name]].kind if called[name] in units else kinds[name] for name in shown}
    byte = _ZEROS.get(entry.type.tensor_type.elem_type) if given not in stored else None
    return Net(given, graph.output[0].name, shape, tuple(units.values()), before, stored, tuple(shown), called, types, byte)


def _halfway(name: str, kind: str, readers: Sequence[onnx.NodeProto]) -> bool:
    """Whether a tensor stands between an operator and the end of its rounding."""
    return kind == "QuantizeLinear" or (bool(kind and readers) and all(node.op_type == "QuantizeLinear" for node in readers))


def _called(name: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    """A rounded tensor has the name of what was rounded."""
    maker = makers.get(name)
    if maker is not None and maker.op_type == "DequantizeLinear" and (inner := makers.get(maker.input[0])) is not None and inner.op_type == "QuantizeLinear":
        return inner.input[0]
    return name


def _rounding(name: str, kind: str, graph: onnx.GraphProto, readers: Sequence[onnx.NodeProto], constants: Mapping[str, onnx.TensorProto]) -> Stored | None:
    """How a tensor is rounded: what DequantizeLinear gives, what QuantizeLinear gives as the output, and an integer input that is dequantized."""
    nodes = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear") and name in node.output]
    nodes = nodes or [node for node in readers if kind == "" and node.op_type == "DequantizeLinear"]
    return rounding_of(nodes[0], constants) if nodes else None


def _unit(
    node: onnx.NodeProto, moving: tuple[Key, ...], shapes: Mapping[str, tuple[int | None, ...]], constants: Mapping[str, onnx.TensorProto],
    origin: Mapping[str, onnx.NodeProto],
) -> Unit:  # fmt: skip
    def stored(name: str) -> tuple[onnx.TensorProto, onnx.NodeProto | None] | None:
        maker = None
        while name in origin:
            before = origin[name]
            # What QuantizeLinear reads are real numbers, whatever is done to them later.
            maker = before if before.op_type == "DequantizeLinear" else None if before.op_type == "QuantizeLinear" else maker
            name = before.input[0]
        return (constants[name], maker) if name in constants else None

    whole = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)
    found = [(tensor, maker) for name in node.input if (pair := stored(name)) for tensor, maker in [pair] if maker is not None or tensor.data_type not in whole]
    weighted = node.op_type in WEIGHTED and len(node.input) > 1 and stored(node.input[1]) is not None
    kernel = stored(node.input[1]) if weighted else None
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    turned = bool(kernel and attributes.get("transB"))
    sizes = [tuple(kernel[0].dims)[:: -1 if turned else 1]] if kernel else sorted(tuple(tensor.dims) for tensor, _ in found)
    told = {name: set(np.atleast_1d(attributes[name]).tolist()) for name in _OPTIONS if name in attributes and not (name == "kernel_shape" and kernel)}
    options = tuple((name, str(attributes[name])) for name, values in told.items() if values != {_OPTIONS[name]})
    give = partial(values_of, *kernel, constants, turned) if kernel else None
    return Unit(
        "Gemm" if kernel and node.op_type == "MatMul" else node.op_type, moving, node.output[0], shapes.get(node.output[0], ()), tuple(sizes), options, give
    )
