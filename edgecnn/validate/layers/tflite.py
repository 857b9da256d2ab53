"""Looks into a .tflite: its operators, every tensor of a run, and every operator alone."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer
from edgecnn.runtime import tflite_file
from edgecnn.validate.layers import tflite_values
from edgecnn.validate.layers.net import FUSED, KEEPING, PADDING, WEIGHTED, Key, Net, Stored, Unit, root
from edgecnn.validate.layers.tflite_alone import in_floats

_KINDS = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
_OPTIONS = ("strideH", "strideW", "dilationHFactor", "dilationWFactor", "filterHeight", "filterWidth", "axis", "depthMultiplier")


class TFLiteNetwork:
    """See `net.Network`."""

    def __init__(self, content: bytes, origin: str) -> None:
        """Read the file; BadFile when it is damaged."""
        tflite_file.read(content, origin)
        self._content, self._origin = content, origin
        self.net = _net(flatbuffer.read(content))
        self._runs: dict[tuple[object, ...], Callable[[Mapping[Key, np.ndarray]], dict[Key, np.ndarray]]] = {}

    def run(self, image: np.ndarray, tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """See `net.Network`."""
        if tensors not in self._runs:
            model = flatbuffer.read(self._content)
            graph = model.subgraphs[0]
            graph.outputs, model.signatureDefs = [*dict.fromkeys((*map(int, graph.outputs), *tensors))], []
            stored = {int(i): tflite_values.stored(graph.tensors[int(i)]) for i in (*graph.inputs, *tensors)}
            self._runs[tensors] = _opened(self._origin, flatbuffer.pack(model), [int(graph.inputs[0])], dict(zip(tensors, tensors, strict=True)), stored)
        return self._runs[tensors]({self.net.input: image})

    def alone(self, values: Mapping[Key, np.ndarray], tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """See `net.Network`."""
        key = ("alone", tensors)
        if key not in self._runs:
            content, fed, given = in_floats(self._content, tuple(values), tensors)
            self._runs[key] = _opened(self._origin, content, fed, given, {})
        return self._runs[key](values)


def read(path: Path) -> TFLiteNetwork:
    """The network in a file; BadFile when it is missing or damaged."""
    return TFLiteNetwork(tflite_file.chosen_content(path), str(path))


def _opened(
    origin: str, content: bytes, fed: list[int] | Mapping[Key, int], given: Mapping[Key, int], stored: Mapping[int, Stored | None]
) -> Callable[[Mapping[Key, np.ndarray]], dict[Key, np.ndarray]]:
    """Real values of the inputs -> real values of tensors; `fed` and `given` say where a tensor stands in this file."""
    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadFile(f"{origin}: LiteRT does not run it with its tensors shown: {' '.join(str(error).split())[:200]}") from error
    inputs = dict(fed) if isinstance(fed, Mapping) else dict(zip(fed, fed, strict=True))

    def run(values: Mapping[Key, np.ndarray]) -> dict[Key, np.ndarray]:
        for key, index in inputs.items():
            _feed(interpreter, index, values[key], stored.get(index))
        interpreter.invoke()
        found = {key: interpreter.get_tensor(index) for key, index in given.items()}
        return {key: _real(value, stored.get(given[key])) for key, value in found.items()}

    return run


def _feed(interpreter: Interpreter, index: int, values: np.ndarray, stored: Stored | None) -> None:
    place = interpreter.tensor(index)()
    if stored is not None:
        values = stored.levels(values)
    place[...] = values.reshape(place.shape)


def _real(value: np.ndarray, stored: Stored | None) -> np.ndarray:
    return value.astype(np.float32) if stored is None else stored.real(value)


def kind_of(model: schema.ModelT, operator: schema.OperatorT) -> str:
    """Type of an operator as the schema calls it, custom ones by their own name."""
    code = model.operatorCodes[operator.opcodeIndex]
    return code.customCode.decode() if code.customCode else _KINDS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")


def _net(model: schema.ModelT) -> Net:
    graph = model.subgraphs[0]
    reads = Counter(int(i) for op in graph.operators for i in op.inputs)
    constant = {i for i, tensor in enumerate(graph.tensors) if tflite_values.is_constant(model, tensor)}
    before: dict[Key, Key] = {}
    units: dict[Key, Unit] = {}
    kinds: dict[Key, str] = {int(graph.inputs[0]): ""}
    for op in graph.operators:
        kind, results = kind_of(model, op), [int(i) for i in op.outputs]
        sources = [i for i in map(int, op.inputs) if i >= 0]
        if kind in KEEPING and sources[0] in constant:
            constant.add(results[0])
        moving = [i for i in sources if i not in constant]
        roots = tuple(root(before, i) for i in moving)
        if not moving:
            continue
        kinds.update(dict.fromkeys(results, kind) if kind not in PADDING else {})
        if kind in KEEPING | PADDING:
            before[results[0]] = moving[0]
        elif kind in FUSED and roots[0] in units and reads[moving[0]] == 1:
            units[results[0]] = replace(units.pop(roots[0]), output=results[0])
        else:
            units[results[0]] = _unit(model, op, kind, roots)
            units.update({other: Unit(kind, roots, other, _shape(graph.tensors[other])) for other in results[1:]})
    stored = {i: found for i in kinds if (found := tflite_values.stored(graph.tensors[i])) is not None}
    names = {i: (graph.tensors[i].name or b"").decode("utf-8", "replace") for i in kinds}
    ends = int(graph.inputs[0]), int(graph.outputs[0])
    return Net(*ends, tuple(int(d) for d in graph.tensors[ends[0]].shape), tuple(units.values()), before, stored, tuple(kinds), names, kinds)


def _shape(tensor: schema.TensorT) -> tuple[int, ...]:
    return tuple(int(d) for d in tensor.shape[1:]) if tensor.shape is not None else ()


def _unit(model: schema.ModelT, op: schema.OperatorT, kind: str, moving: tuple[Key, ...]) -> Unit:
    graph = model.subgraphs[0]
    makers = {int(o.outputs[0]): int(o.inputs[0]) for o in graph.operators if kind_of(model, o) in ("DEQUANTIZE", "DENSIFY")}
    sources = []
    for index in (int(i) for i in op.inputs if i >= 0):
        while index in makers and not tflite_values.is_constant(model, graph.tensors[index]):
            index = makers[index]
        sources.append(graph.tensors[index])
    numbers = [tensor for tensor in sources if tflite_values.is_number(model, tensor)]
    kernel = numbers[0] if kind in WEIGHTED and numbers else None
    shapes = [tuple(int(d) for d in tensor.shape) for tensor in ([kernel] if kernel is not None else numbers)]
    options = tuple((name, getattr(op.builtinOptions, name)) for name in _OPTIONS if hasattr(op.builtinOptions, name))
    give = partial(tflite_values.values, model, copy.copy(kernel)) if kernel is not None else None
    return Unit(kind, moving, int(op.outputs[0]), _shape(graph.tensors[int(op.outputs[0])]), tuple(shapes), options, give)
