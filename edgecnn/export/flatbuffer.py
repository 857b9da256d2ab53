"""Edits to a .tflite flatbuffer: readable tensor names, one signature, metadata, integer input and output types.

Schema: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgecnn.card import INPUT, OUTPUT
from edgecnn.export import names
from edgecnn.export.interface import Interface, Signature
from edgecnn.formats.tflite.pack import pack


def tidied(model: schema.ModelT) -> bytes:
    """The converter's file with input and output called `image` and `probabilities`, every other tensor after its Keras layer, and one signature."""
    graph = model.subgraphs[0]
    _name_tensors(graph)
    model.signatureDefs = [_signature(graph, Signature())]
    model.description = b"made by edgecnn"
    return pack(model)


def set_entries(model: schema.ModelT, entries: Mapping[str, bytes], stale: Collection[str] = ()) -> None:
    """Put metadata `entries` (name -> bytes) in place of those of the same names, and leave out those called `stale`; changes the model in place."""
    old = {entry.name.decode(): entry for entry in model.metadata or []}
    kept = [entry for name, entry in old.items() if name not in {*entries, *stale}]
    for name, value in entries.items():
        entry = old.get(name) or schema.MetadataT()
        if name not in old:
            entry.name, entry.buffer = name.encode(), len(model.buffers)
            model.buffers.append(schema.BufferT())
        model.buffers[entry.buffer].data = np.frombuffer(value, np.uint8)
        kept.append(entry)
    model.metadata = kept


def name_ends(model: schema.ModelT, interface: Interface | None = None) -> None:
    """Call input and output as `interface` says, also where quantization has put another tensor in front of the one that was, in one signature."""
    interface = interface or Interface()
    graph = model.subgraphs[0]
    ends = {int(graph.inputs[0]): interface.input, int(graph.outputs[0]): interface.output}
    for index, tensor in enumerate(graph.tensors):
        name = tensor.name.decode()
        if index in ends:
            tensor.name = ends[index].encode()
        elif name in (INPUT, OUTPUT, *ends.values()):
            own = {INPUT: interface.input, OUTPUT: interface.output}.get(name, name)
            tensor.name = f"{own}_inside".encode()
    model.signatureDefs = [_signature(graph, interface.signature)]


def with_uint8_interface(content: bytes) -> bytes:
    """An int8 file with uint8 input and output: zero points move by 128, and the network between stays as it is. A float end stays float."""
    model = read(content)
    graph = model.subgraphs[0]
    if graph.tensors[graph.inputs[0]].type == schema.TensorType.INT8:
        inside, outside = graph.inputs[0], _uint8_twin(graph, graph.inputs[0])
        graph.operators.insert(0, _requantize(model, inside, outside))
        graph.inputs = [outside]
    if graph.tensors[graph.outputs[0]].type == schema.TensorType.INT8:
        inside, outside = graph.outputs[0], _uint8_twin(graph, graph.outputs[0])
        graph.operators.append(_requantize(model, outside, inside))
        graph.outputs = [outside]
    return pack(model)


def _uint8_twin(graph: schema.SubGraphT, index: int) -> int:
    """Add a uint8 tensor with the values of int8 tensor `index`; returns the new tensor's index."""
    old = graph.tensors[index]
    new = copy.deepcopy(old)
    new.type, new.buffer = schema.TensorType.UINT8, 0
    new.quantization.zeroPoint = [int(old.quantization.zeroPoint[0]) + 128]
    graph.tensors.append(new)
    return len(graph.tensors) - 1


def operator_code(model: schema.ModelT, builtin: int, version: int = 1) -> int:
    """Index of the operator code `builtin`, of that version or a later one, added where the file has none."""
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin and code.version >= version:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = builtin
    code.deprecatedBuiltinCode = min(builtin, 127)
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _requantize(model: schema.ModelT, target: int, source: int) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = operator_code(model, schema.BuiltinOperator.QUANTIZE), [source], [target]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.QuantizeOptions, schema.QuantizeOptionsT()
    return operator


def with_all_outputs(content: bytes) -> bytes:
    """A float file in which every activation is an output too, so that it can be read after a run."""
    model = read(content)
    graph = model.subgraphs[0]
    written = [int(index) for operator in graph.operators for index in operator.outputs]
    graph.outputs = [index for index in written if graph.tensors[index].type == schema.TensorType.FLOAT32]
    model.signatureDefs = []
    return pack(model)


def read(content: bytes) -> schema.ModelT:
    """The file as objects of the schema."""
    model = flatbuffer_utils.read_model_from_bytearray(content)
    for buffer in model.buffers:
        # Buffers that lay behind the flatbuffer come as bytes, and bytes are packed one by one: seconds instead of milliseconds.
        if isinstance(buffer.data, bytes | bytearray):
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    return model


def drop_unused(model: schema.ModelT) -> None:
    """Empty the buffers that no tensor and no metadata entry points to any more; changes the model in place."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors} | {entry.buffer for entry in model.metadata or []}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None


def values(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray:
    """A float32 constant, in its shape."""
    return np.frombuffer(memoryview(model.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)


def constant(model: schema.ModelT, values: np.ndarray, name: str = "") -> int:
    """Add a float32 constant; returns its tensor's index."""
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape, tensor.hasRank = name.encode(), schema.TensorType.FLOAT32, list(values.shape), True
    tensor.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    store(model, tensor, values)
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def store(model: schema.ModelT, tensor: schema.TensorT, values: np.ndarray) -> None:
    """Overwrite a float32 constant."""
    model.buffers[tensor.buffer].data = np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint8)


def _signature(graph: schema.SubGraphT, names: Signature) -> schema.SignatureDefT:
    def entry(name: str, index: int) -> schema.TensorMapT:
        tensor = schema.TensorMapT()
        tensor.name, tensor.tensorIndex = name.encode(), index
        return tensor

    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = names.key.encode(), 0
    signature.inputs = [entry(names.input, graph.inputs[0])]
    signature.outputs = [entry(names.output, graph.outputs[0])]
    return signature


def _name_tensors(graph: schema.SubGraphT) -> None:
    """Activations are called after the last layer fused into them, constants after the operator that reads them."""
    steps = [
        names.Step(names.layer(graph.tensors[op.outputs[0]].name.decode()), str(op.opcodeIndex), tuple(map(int, op.inputs)), tuple(map(int, op.outputs)))
        for op in graph.operators
    ]
    found = names.activations(steps, {int(graph.inputs[0]): INPUT, int(graph.outputs[0]): OUTPUT})
    taken = set(found.values())
    for operator in graph.operators:
        owner = found[operator.outputs[0]]
        for role, index in zip(names.ROLES, operator.inputs, strict=False):
            if index >= 0 and index not in found:
                found[index] = names.unused(f"{owner}/{role}", taken)
                taken.add(found[index])
    for index, tensor in enumerate(graph.tensors):
        tensor.name = found.get(index, f"constant_{index}").encode()
