"""A float .tflite of another tool as the form from which files are derived: one graph, one output, float32 weights, fixed sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn import files
from edgecnn.card import INPUT, OUTPUT, Preprocessing
from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer, names, tflite_fuse
from edgecnn.export.interface import Interface, Signature
from edgecnn.formats.tflite.graphs import runs_graphs
from edgecnn.runtime import tflite_file
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.litert import mute
from edgecnn.runtime.tensor_shapes import input_layout
from edgecnn.runtime.tflite_schema import text

_Op, _Type = schema.BuiltinOperator, schema.TensorType

# Element types in which a quantized file stores weights and activations.
_INTEGERS = {_Type.INT4: "int4", _Type.INT8: "int8", _Type.UINT8: "uint8", _Type.INT16: "int16"}
_WEIGHTED = (_Op.CONV_2D, _Op.DEPTHWISE_CONV_2D, _Op.FULLY_CONNECTED, _Op.TRANSPOSE_CONV, _Op.BATCH_MATMUL)


def interface(runner: Runner) -> Interface:
    """The ends of an open .tflite, and what its signature calls them."""
    model = _load(Path(runner.path))
    layout = input_layout(Path(runner.path), runner.input)
    return Interface(runner.input.name, runner.output.name, runner.input.dtype, replace(layout, batch=layout.batch or 1), _signature(model, runner))


def read(runner: Runner, ends: Interface) -> bytes:
    """The float32 form of an open .tflite, input called `image` and output `probabilities`, everything else as it is called there.

    Raises:
        BadFile: quantized already, or with operators that run other graphs of the file.
    """
    path = Path(runner.path)
    model = _load(path)
    if runs_graphs(model.subgraphs[0]):
        raise BadFile(f"{path} has operators that run other graphs of the file (WHILE or IF); expected a plain network; convert it again without control flow")
    model.subgraphs, model.signatureDefs = model.subgraphs[:1], []
    _expand_sparse(model)
    _expand_float16(model)
    _take_output(model.subgraphs[0], runner.output.name)
    refuse_quantized(path, model)
    _set_sizes(model, ends, runner.preprocessing)
    _name(model.subgraphs[0])
    model.metadata, model.metadataBuffer = [], None
    tflite_fuse.norms(model)
    flatbuffer.drop_unused(model)
    model.description = b"made by edgecnn"
    return flatbuffer.pack(model)


def _load(path: Path) -> schema.ModelT:
    """The file with the graph that is run as its first, operators under the names of today's schema."""
    model = flatbuffer.read(tflite_file.chosen(path, files.read_bytes(path, ".tflite model")))
    for code in model.operatorCodes:
        # Old writers fill the one-byte field only.
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    return model


def refuse_quantized(path: Path, model: schema.ModelT) -> None:
    """Raise BadFile where a file holds integers in place of its float weights or activations."""
    for kind in _integer_uses(model):
        raise BadFile(f"{path} is quantized already (it has {kind}); expected the float file from which it was made")


def _integer_uses(model: schema.ModelT) -> Iterator[str]:
    graph = model.subgraphs[0]
    for operator in graph.operators or ():
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        if kind in (_Op.QUANTIZE, _Op.DEQUANTIZE):
            yield f"{'QUANTIZE' if kind == _Op.QUANTIZE else 'DEQUANTIZE'} operators"
        for index in operator.inputs if kind in _WEIGHTED else ():
            if index >= 0 and graph.tensors[index].type in _INTEGERS:
                yield f"weights or activations of {_INTEGERS[graph.tensors[index].type]}"


def _signature(model: schema.ModelT, runner: Runner) -> Signature:
    """What an app calls the graph and its ends; the names of the tensors where the file has no signature for it."""
    graph = model.subgraphs[0]
    result = _index(graph, runner.output.name)
    for signature in model.signatureDefs or ():
        inputs = {entry.tensorIndex: text(entry.name) for entry in signature.inputs or ()}
        outputs = {entry.tensorIndex: text(entry.name) for entry in signature.outputs or ()}
        if signature.subgraphIndex == 0 and graph.inputs[0] in inputs and result in outputs:
            return Signature(text(signature.signatureKey), inputs[graph.inputs[0]], outputs[result])
    return Signature(input=runner.input.name, output=runner.output.name)


def _index(graph: schema.SubGraphT, output: str) -> int:
    """The tensor of the output of that name."""
    return next((int(i) for i in graph.outputs if text(graph.tensors[i].name) == output), int(graph.outputs[0]))


def _take_output(graph: schema.SubGraphT, name: str) -> None:
    """Keep one output, what it is computed from, and no tensor that nothing reads or writes."""
    graph.outputs = [_index(graph, name)]
    wanted, kept = {graph.outputs[0]}, []
    for operator in reversed(graph.operators):
        if wanted & {int(i) for i in operator.outputs}:
            kept.insert(0, operator)
            wanted |= {int(i) for i in operator.inputs}
    graph.operators = kept
    used = {int(i) for operator in kept for i in (*operator.inputs, *operator.outputs, *(operator.intermediates or ())) if i >= 0}
    used = sorted(used | {int(i) for i in (*graph.inputs, *graph.outputs)})
    place = {-1: -1, **{old: new for new, old in enumerate(used)}}
    for operator in kept:
        operator.inputs, operator.outputs = ([place[int(i)] for i in part] for part in (operator.inputs, operator.outputs))
        operator.intermediates = None if operator.intermediates is None else [place[int(i)] for i in operator.intermediates]
    graph.inputs, graph.outputs = ([place[int(i)] for i in part] for part in (graph.inputs, graph.outputs))
    graph.tensors = [graph.tensors[i] for i in used]


def _expand_sparse(model: schema.ModelT) -> None:
    """Kernels that are stored sparse and expanded by DENSIFY become dense."""
    graph = model.subgraphs[0]
    sparse = [operator for operator in graph.operators if model.operatorCodes[operator.opcodeIndex].builtinCode == _Op.DENSIFY]
    if not sparse:
        return
    interpreter = _run(flatbuffer.pack(model), None)
    for operator in sparse:
        _store(model, graph.tensors[operator.outputs[0]], interpreter.get_tensor(int(operator.outputs[0])))
        graph.operators.remove(operator)


def _store(model: schema.ModelT, tensor: schema.TensorT, values: np.ndarray) -> None:
    tensor.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)


def _expand_float16(model: schema.ModelT) -> None:
    """Weights that are stored in 16 bits and expanded by DEQUANTIZE become float32; an operator that has more to do stays."""
    graph = model.subgraphs[0]
    for operator in list(graph.operators):
        if model.operatorCodes[operator.opcodeIndex].builtinCode != _Op.DEQUANTIZE:
            continue
        source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        data = model.buffers[source.buffer].data
        if source.type != _Type.FLOAT16 or data is None or not len(data):
            continue
        _store(model, result, np.frombuffer(memoryview(data), np.float16).astype(np.float32))
        graph.operators.remove(operator)


def _set_sizes(model: schema.ModelT, ends: Interface, preprocessing: Preprocessing) -> None:
    """Write down the sizes that all tensors have for one image of the size that is fed."""
    graph = model.subgraphs[0]
    is_open = any(side < 0 for tensor in graph.tensors for side in (tensor.shapeSignature if tensor.shapeSignature is not None else ()))
    wanted = list(ends.layout.shape(ends.layout.batch or 1, preprocessing.height, preprocessing.width))
    source = graph.tensors[graph.inputs[0]]
    if is_open or list(source.shape) != wanted:
        shapes = _shapes(flatbuffer.pack(model), wanted)
        for index, tensor in enumerate(graph.tensors):
            tensor.shape = shapes.get(index, tensor.shape)
        source.shape = wanted
    for tensor in graph.tensors:
        tensor.shapeSignature = None


def _shapes(content: bytes, wanted: list[int]) -> dict[int, list[int]]:
    """Tensor -> shape, after a run on an input of that shape."""
    details = _run(content, wanted).get_tensor_details()
    return {detail["index"]: [int(side) for side in detail["shape"]] for detail in details if len(detail["shape"])}


def _run(content: bytes, shape: list[int] | None) -> Interpreter:
    """An interpreter after a run on zeros, which keeps the values of all tensors."""
    with mute():
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        given = interpreter.get_input_details()[0]
        if shape is not None:
            interpreter.resize_tensor_input(given["index"], shape)
        interpreter.allocate_tensors()
        interpreter.invoke()
    return interpreter


def _name(graph: schema.SubGraphT) -> None:
    """Call the ends `image` and `probabilities`; other tensors keep their names, and get a number where these are no names or not their own."""
    ends = {int(graph.inputs[0]): INPUT, int(graph.outputs[0]): OUTPUT}
    taken = set(ends.values())
    for index, tensor in enumerate(graph.tensors):
        if index in ends:
            tensor.name = ends[index].encode()
            continue
        name = text(tensor.name) if tensor.name else f"tensor_{index}"
        name = names.unused(f"{name}_inside" if name in ends.values() else name, taken)
        taken.add(name)
        tensor.name = name.encode()
