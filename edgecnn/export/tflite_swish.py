"""Hard swish in operators that XNNPACK computes with integers.

LiteRT 2.3 has no fast int8 kernel for HARD_SWISH: full int8 MobileNet v3 Small at 224 pixels took 3 ms, three times its float32 file's time. Spelled out as
x relu6(x + 3) / 6 (Howard et al., 2019, https://arxiv.org/abs/1905.02244, section 5.2) it takes 0.6 ms. The float file keeps the one operator.
"""

from __future__ import annotations

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import flatbuffer

_Op = schema.BuiltinOperator
_Act = schema.ActivationFunctionType


def spelled_out(content: bytes) -> bytes:
    """A float .tflite with x + 3 cut off at 0 and 6, a product with 1/6, and a product with x for each hard swish; the same bytes without one."""
    model = flatbuffer.read(content)
    graph, operators = model.subgraphs[0], []
    swishes = [op for op in graph.operators if model.operatorCodes[op.opcodeIndex].builtinCode == _Op.HARD_SWISH]
    if not swishes:
        return content
    three, sixth = (flatbuffer.constant(model, np.array([value], np.float32), name) for name, value in (("swish/three", 3.0), ("swish/sixth", 1 / 6)))
    for operator in graph.operators:
        if operator not in swishes:
            operators.append(operator)
            continue
        x, result = int(operator.inputs[0]), int(operator.outputs[0])
        shifted, gate = (_like(graph, result, part) for part in ("shifted", "gate"))
        operators.append(_operator(model, _Op.ADD, (x, three), shifted, _Act.RELU6))
        operators.append(_operator(model, _Op.MUL, (shifted, sixth), gate))
        operators.append(_operator(model, _Op.MUL, (x, gate), result))
    graph.operators = operators
    return flatbuffer.pack(model)


def _like(graph: schema.SubGraphT, index: int, part: str) -> int:
    """A new activation of the same shape and type, called after the one at `index`."""
    tensor = copy.deepcopy(graph.tensors[index])
    tensor.name, tensor.buffer = tensor.name + f"/{part}".encode(), 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(model: schema.ModelT, kind: int, inputs: tuple[int, int], output: int, act: int = _Act.NONE) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex = flatbuffer.operator_code(model, kind)
    operator.inputs, operator.outputs = list(inputs), [output]
    name = "AddOptions" if kind == _Op.ADD else "MulOptions"
    operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, name), getattr(schema, f"{name}T")()
    operator.builtinOptions.fusedActivationFunction = act
    return operator
