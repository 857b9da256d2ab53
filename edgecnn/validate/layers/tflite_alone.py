"""A quantized .tflite taken apart: every operator reads what it is given, computes in floats with the file's weights, and rounds its result as the file says.

In floats, because a runtime fits integers to the scales on both sides of an operator: were one of them wrong, its neighbours would seem wrong too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import flatbuffer
from edgecnn.validate.layers import tflite_values
from edgecnn.validate.layers.net import Key

_Op, _Type = schema.BuiltinOperator, schema.TensorType
_EXPANDING = (_Op.DEQUANTIZE, _Op.DENSIFY)


def in_floats(content: bytes, fed: tuple[Key, ...], wanted: tuple[Key, ...]) -> tuple[bytes, Mapping[Key, int], Mapping[Key, int]]:
    """The file in which the tensors `fed` are inputs to all that read them, and `wanted` are outputs; and where these stand in it."""
    return _Taking(flatbuffer.read(content)).apart(fed, wanted)


class _Taking:
    def __init__(self, model: schema.ModelT) -> None:
        self.model, self.graph = model, model.subgraphs[0]
        self.stored = {i: copy.deepcopy(t) for i, t in enumerate(self.graph.tensors) if tflite_values.stored(t) is not None}
        self.stored = {i: t for i, t in self.stored.items() if not tflite_values.is_constant(model, t)}
        self.same: dict[int, int] = {}
        self.operators: list[schema.OperatorT] = []

    def apart(self, fed: tuple[Key, ...], wanted: tuple[Key, ...]) -> tuple[bytes, Mapping[Key, int], Mapping[Key, int]]:
        graph, model = self.graph, self.model
        for index in range(len(graph.tensors)):
            self._to_float(index)
        twins = {int(key): self._new(f"fed_{key}", graph.tensors[int(key)].shape) for key in fed}
        given: dict[int, int] = {}
        for source in map(int, graph.inputs):
            given[source] = self._round(twins.get(source, source), source)
        for operator in graph.operators:
            self._add(operator, twins, given)
        unfed = [i for i in map(int, graph.inputs) if i not in twins]
        graph.operators, graph.inputs = self.operators, [*twins.values(), *unfed]
        found = {key: given[int(key)] for key in wanted}
        graph.outputs = [*dict.fromkeys(found.values())]
        model.signatureDefs, model.metadata = [], []
        flatbuffer.drop_unused(model)
        return flatbuffer.pack(model), {key: twins[int(key)] for key in fed}, found

    def _add(self, operator: schema.OperatorT, twins: Mapping[int, int], given: dict[int, int]) -> None:
        """One operator of the file, reading twins, and after it the rounding of its result."""
        kind = self.model.operatorCodes[operator.opcodeIndex].builtinCode
        inputs = [self._source(int(i), twins, given) for i in operator.inputs]
        results = [int(i) for i in operator.outputs]
        if kind in (*_EXPANDING, _Op.QUANTIZE):
            # In floats there is nothing to expand; a QUANTIZE is the rounding of its result alone.
            given[results[0]] = self._round(inputs[0], results[0])
            return
        operator.inputs = inputs
        raws = [self._new(f"exact_{i}", self.graph.tensors[i].shape, self.graph.tensors[i].type) for i in results]
        operator.outputs = raws
        self.operators.append(operator)
        given.update({result: self._round(raw, result) for result, raw in zip(results, raws, strict=True)})

    def _source(self, index: int, twins: Mapping[int, int], given: Mapping[int, int]) -> int:
        return twins[index] if index in twins else given.get(index, index)

    def _round(self, source: int, index: int) -> int:
        """Where the values of `source` stand after they were rounded as tensor `index` of the file is; `source` itself for a float tensor."""
        if index not in self.stored:
            return source
        rounded, back = len(self.graph.tensors), len(self.graph.tensors) + 1
        tensor = self.stored[index]
        tensor.buffer, tensor.name = 0, f"rounded_{index}".encode()
        self.graph.tensors.append(tensor)
        self._new(f"back_{index}", tensor.shape)
        for code, options, ends in ((_Op.QUANTIZE, "Quantize", (source, rounded)), (_Op.DEQUANTIZE, "Dequantize", (rounded, back))):
            step = schema.OperatorT()
            step.opcodeIndex = flatbuffer.operator_code(self.model, code, 2)
            step.inputs, step.outputs = [ends[0]], [ends[1]]
            step.builtinOptionsType = getattr(schema.BuiltinOptions, f"{options}Options")
            step.builtinOptions = getattr(schema, f"{options}OptionsT")()
            self.operators.append(step)
        return back

    def _to_float(self, index: int) -> None:
        """A tensor of real numbers as float32: constants with their values, activations empty."""
        tensor = self.graph.tensors[index]
        if tflite_values.is_number(self.model, tensor):
            if tensor.type != _Type.FLOAT32 or tensor.sparsity is not None:
                values = tflite_values.values(self.model, tensor)
                tensor.buffer = len(self.model.buffers)
                self.model.buffers.append(schema.BufferT())
                self.model.buffers[-1].data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        elif index not in self.stored and tensor.type != _Type.FLOAT16:
            return
        tensor.type, tensor.quantization, tensor.sparsity = _Type.FLOAT32, None, None

    def _new(self, name: str, shape: object, kind: int = _Type.FLOAT32) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.hasRank = name.encode(), kind, shape, True
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1
