"""Times the operators of a .tflite file one by one, each cut out into a file of its own: LiteRT's Python package has no profiler."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer
from edgecnn.formats.tflite.graphs import runs_graph
from edgecnn.runtime import tflite_file
from edgecnn.runtime.litert import mute
from edgecnn.runtime.start import filled, noise
from edgecnn.runtime.tflite_schema import is_numeric, text

ROUNDS = 7
# Seconds of a turn, and least and most of its runs.
TURN, RUNS = 0.04, (3, 200)


@dataclass(frozen=True)
class Piece:
    """One operator on its own.

    Attributes:
        macs: for one picture.
        name: of its result.
        kind: as the format calls it.
        content: a .tflite file of this operator alone, with its constants and with whatever unpacks them.
        number: "int8", "float32" or "": what it multiplies in.
        inputs: what the network has in its inputs while it runs on noise: of shapes, indices and conditions anything else would be nonsense. None where an
            input is no array, as a variable of the network.
    """

    macs: int
    name: str
    kind: str
    content: bytes
    number: str
    inputs: tuple[np.ndarray, ...] | None = ()


def pieces(path: Path, height: int, width: int) -> list[Piece]:
    """Cut a file into its operators; those that only unpack constants go with the operators that read them.

    Operators without a result are left out: they prepare variables, once.

    Raises:
        BadFile: damaged, or LiteRT does not run it without XNNPACK.
    """
    content = tflite_file.chosen_content(path)
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    ran = _ran(path, content, height, width)
    _settle_shapes(graph, ran)
    unpackers = _unpackers(model, graph)
    kinds = [op.kind for op in tflite_file.describe(path).operators]
    found = []
    for op, kind in zip(graph.operators, kinds, strict=True):
        if len(op.outputs) and int(op.outputs[0]) not in unpackers:
            (part, inputs), macs = _cut(model, graph, op, unpackers), tflite_file.operator_macs(model, graph, op)
            found.append(Piece(macs, text(graph.tensors[op.outputs[0]].name), kind, part, number_type(graph, op), _arrays(ran, graph, inputs)))
    return found


def seconds(found: Sequence[Piece], whole: Path, height: int, width: int) -> tuple[list[float], float]:
    """(seconds of each piece, seconds of the whole), medians over rounds in which pieces and whole take turns, all opened anew.

    A turn of the pieces runs them one after another in the order of the network, again and again, so that each finds its weights in the cache where a
    run of the whole leaves them: alone and over and over, the pieces of a SqueezeNet took 60 % of the whole's time; in its order, 102 to 134 %. Their shares
    came out alike twice (2 % of the time fell elsewhere). Differences of longer and longer beginnings of the network, which sum to the whole, did not (29 %).
    What a call costs by itself, the time of a network of one multiplication, is taken off all of them.
    """
    turns = [[(piece.content, piece.inputs or ()) for piece in found], [(nothing(), ())], [(tflite_file.chosen_content(whole), ())]]
    times: list[list[np.ndarray]] = [[] for _ in turns]
    for i in range(ROUNDS):
        for which in sorted(range(len(turns)), reverse=bool(i % 2)):
            times[which].append(_turn(turns[which], height, width))
    each, call, all_of_it = (np.median(one, axis=0) for one in times)
    return [float(v) for v in np.maximum(each - call[0], 0)], float(all_of_it[0] - call[0])


def nothing() -> bytes:
    """A network that multiplies once."""
    return convolution(1, 1, 1, integer=False)


def convolution(size: int, channels: int, filters: int, *, integer: bool) -> bytes:
    """A .tflite file of one 1x1 convolution over [1, size, size, channels], float32 or int8 with one scale a filter."""
    model = schema.ModelT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph = schema.SubGraphT()
    dtype = np.int8 if integer else np.float32
    kernel = np.random.default_rng(0).integers(-127, 128, (filters, 1, 1, channels)).astype(dtype)
    bias = np.zeros(filters, np.int32 if integer else np.float32)
    graph.tensors = [
        _tensor(model, "x", (1, size, size, channels), dtype),
        _tensor(model, "kernel", kernel.shape, dtype, kernel, filters),
        _tensor(model, "bias", bias.shape, bias.dtype.type, bias, filters),
        _tensor(model, "y", (1, size, size, filters), dtype),
    ]
    operator = schema.OperatorT()
    operator.opcodeIndex = flatbuffer.operator_code(model, schema.BuiltinOperator.CONV_2D, 3)
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [3]
    model.subgraphs = [graph]
    return flatbuffer.pack(model)


def _tensor(model: schema.ModelT, name: str, shape: Sequence[int], dtype: type, values: np.ndarray | None = None, scales: int = 1) -> schema.TensorT:
    """A tensor of the model; constants get a buffer, integers a scale that keeps sums in range."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name.encode(), list(shape), 0
    tensor.type = {np.float32: schema.TensorType.FLOAT32, np.int8: schema.TensorType.INT8, np.int32: schema.TensorType.INT32}[dtype]
    if dtype is not np.float32:
        tensor.quantization = schema.QuantizationParametersT()
        scale = 1e-4 if dtype is np.int32 else 1e-2
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale] * scales, [0] * scales
    if values is not None:
        buffer = schema.BufferT()
        buffer.data = values.reshape(-1).view(np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    return tensor


def check(found: Sequence[Piece], path: Path, height: int, width: int) -> None:
    """Open and run each piece once.

    Raises:
        BadFile: an operator that LiteRT does not run by itself.
    """
    for piece in found:
        try:
            if piece.inputs is None:
                raise ValueError("it reads a variable of the network")
            opened(piece.content, height, width, piece.inputs).invoke()
        except (ValueError, RuntimeError, TypeError) as error:
            said = " ".join(str(error).split())[:160]
            raise BadFile(f"{path}: its operator {piece.kind} '{piece.name}' cannot be timed by itself ({said}); leave --profile out") from error


def _turn(files: Sequence[tuple[bytes, Sequence[np.ndarray]]], height: int, width: int) -> np.ndarray:
    """Median seconds of each of several files [files] that run one after another; each with what to put into its inputs."""
    interpreters = [opened(content, height, width, inputs) for content, inputs in files]
    invokes = [interpreter.invoke for interpreter in interpreters]
    _pass(invokes)
    runs = int(np.clip(TURN / sum(_pass(invokes)), *RUNS))
    return np.median([_pass(invokes) for _ in range(runs)], axis=0)


def _pass(invokes: Sequence[Callable[[], None]]) -> list[float]:
    times = []
    for invoke in invokes:
        start = time.perf_counter()
        invoke()
        times.append(time.perf_counter() - start)
    return times


def opened(content: bytes, height: int, width: int, inputs: Sequence[np.ndarray] = (), **settings: object) -> Interpreter:
    """A file on one thread whose inputs are filled with `inputs`, or with noise; `settings` are those of LiteRT's interpreter."""
    with mute():
        interpreter = Interpreter(model_content=content, num_threads=1, **settings)
        given = interpreter.get_input_details()
        shapes = [value.shape for value in inputs]
        if not shapes and len(given) == 1 and any(int(d) < 0 for d in given[0]["shape_signature"]):
            shapes = [filled(tuple(int(d) for d in given[0]["shape_signature"]), height, width)]
        for detail, shape in zip(given, shapes, strict=False):
            if tuple(detail["shape"]) != shape:
                interpreter.resize_tensor_input(detail["index"], shape)
        interpreter.allocate_tensors()
    given = interpreter.get_input_details()
    for i, detail in enumerate(given):
        shape, dtype = tuple(int(d) for d in detail["shape"]), np.dtype(detail["dtype"]).name
        interpreter.set_tensor(detail["index"], inputs[i] if inputs else noise(shape, dtype))
    return interpreter


def _ran(path: Path, content: bytes, height: int, width: int) -> Interpreter:
    """The network after a run on noise, with all of its tensors."""
    try:
        interpreter = opened(
            content,
            height,
            width,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:160]
        raise BadFile(f"{path}: its operators cannot be timed, because LiteRT does not run it without XNNPACK ({said}); leave --profile out") from error
    return interpreter


def _arrays(ran: Interpreter, graph: Any, tensors: Sequence[int]) -> tuple[np.ndarray, ...] | None:
    """Values of tensors; None where one is no array."""
    return tuple(map(ran.get_tensor, tensors)) if all(is_numeric(graph.tensors[i].type) for i in tensors) else None


def _settle_shapes(graph: Any, ran: Interpreter) -> None:
    """Write the shapes of a run into tensors that leave theirs open."""
    open_ones = [t for t in graph.tensors if t.shapeSignature is not None and any(int(d) < 0 for d in t.shapeSignature)]
    if not open_ones:
        return
    for detail in ran.get_tensor_details():
        if detail["index"] < len(graph.tensors):
            graph.tensors[detail["index"]].shape = [int(d) for d in detail["shape"]]
    for tensor in open_ones:
        tensor.shapeSignature = None


def _unpackers(model: Any, graph: Any) -> dict[int, Any]:
    """Result -> operator, of the operators that read constants only (DEQUANTIZE, DENSIFY of weights)."""
    found: dict[int, Any] = {}
    for op in graph.operators:
        inputs = [int(i) for i in op.inputs if i >= 0]
        if inputs and all(i in found or tflite_file.is_constant(model, graph.tensors[i]) for i in inputs):
            found.update({int(i): op for i in op.outputs})
    return found


def _cut(model: Any, graph: Any, op: Any, unpackers: dict[int, Any]) -> tuple[bytes, list[int]]:
    """A file of one operator, the unpackers before it and the graphs that it runs; and which tensors of the network are its inputs."""
    operators = [op]
    for one in operators:
        operators += [unpackers[int(i)] for i in one.inputs if int(i) in unpackers and unpackers[int(i)] not in operators]
    made = {int(i) for one in operators for i in one.outputs}
    used = sorted({int(i) for one in operators for i in (*one.inputs, *one.outputs) if i >= 0})
    place = {old: new for new, old in enumerate(used)}
    part, piece = schema.ModelT(), schema.SubGraphT()
    part.version, part.operatorCodes, part.buffers = model.version, model.operatorCodes, [schema.BufferT()]
    others = model.subgraphs[1:] if runs_graph(op) else []
    piece.tensors, piece.operators = [copy.copy(graph.tensors[i]) for i in used], [copy.copy(one) for one in reversed(operators)]
    for tensor, old in zip(piece.tensors, used, strict=True):
        if tflite_file.is_constant(model, graph.tensors[old]):
            part.buffers.append(model.buffers[tensor.buffer])
        tensor.buffer = len(part.buffers) - 1 if tflite_file.is_constant(model, graph.tensors[old]) else 0
    for one in piece.operators:
        one.inputs, one.outputs = [place.get(int(i), -1) for i in one.inputs], [place[int(i)] for i in one.outputs]
    free = [i for i in used if i not in made and not tflite_file.is_constant(model, graph.tensors[i])]
    piece.inputs, piece.outputs = [place[i] for i in free], [place[int(i)] for i in op.outputs]
    part.subgraphs = [piece, *(_moved(other, len(part.buffers)) for other in others)]
    part.buffers += model.buffers if others else []
    return flatbuffer.pack(part), free


def _moved(graph: Any, first: int) -> Any:
    """A graph whose buffers stand `first` places later."""
    moved = copy.copy(graph)
    moved.tensors = [copy.copy(tensor) for tensor in graph.tensors]
    for tensor in moved.tensors:
        tensor.buffer += first
    return moved


def number_type(graph: Any, op: Any) -> str:
    """What an operator multiplies in: int8 or float32 by its kernel, the second input; "" where the first is of a type without a measured peak."""
    if len(op.inputs) < 2 or min(int(i) for i in op.inputs[:2]) < 0:
        return ""
    first, kernel = (tflite_file.tensor(graph.tensors[int(i)]).dtype for i in op.inputs[:2])
    if kernel in ("int8", "uint8", "int4"):
        return "int8" if first in ("int8", "uint8", "float32") else ""
    return "float32" if kernel == first == "float32" else ""
