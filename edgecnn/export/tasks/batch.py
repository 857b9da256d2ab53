"""A .tflite with a batch of one, and the proof that it does to one picture what the file did."""

from __future__ import annotations

import os

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn.errors import BadFile, CheckFailed
from edgecnn.export import flatbuffer
from edgecnn.runtime.litert import mute

# Largest difference of float results between the two, as a share of their largest value: another batch may sum in another order.
TOLERANCE = 1e-4


def with_one(content: bytes) -> bytes:
    """The file with its first dimension fixed to 1 in every tensor that has the input's; `content` itself where it is."""
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    old = int(graph.tensors[graph.inputs[0]].shape[0])
    if old == 1 and all(tensor.shapeSignature is None or not len(tensor.shapeSignature) for tensor in graph.tensors):
        return content
    shapes = {int(op.inputs[1]) for op in graph.operators if _is_reshape(model, op) and len(op.inputs) > 1}
    for index, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is None or not len(data):
            if tensor.shape is not None and len(tensor.shape) > 1 and tensor.shape[0] == old:
                tensor.shape = [1, *(int(side) for side in tensor.shape[1:])]
            if tensor.shapeSignature is not None and all(side >= 0 for side in list(tensor.shapeSignature)[1:]):
                tensor.shapeSignature = None
        elif index in shapes and old != 1:
            _first_to_one(model, tensor, old)
    for op in graph.operators:
        if _is_reshape(model, op) and op.builtinOptions is not None and op.builtinOptions.newShape is not None:
            sides = [int(side) for side in op.builtinOptions.newShape]
            op.builtinOptions.newShape = [1 if sides[:1] == [old] else sides[0], *sides[1:]] if sides else sides
    return flatbuffer.pack(model)


def _is_reshape(model: schema.ModelT, op: schema.OperatorT) -> bool:
    return model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.RESHAPE


def _first_to_one(model: schema.ModelT, tensor: schema.TensorT, old: int) -> None:
    """A constant shape whose first side is the batch."""
    sides = np.frombuffer(memoryview(model.buffers[tensor.buffer].data), np.int32).copy()
    if len(sides) and sides[0] == old:
        sides[0] = 1
        tensor.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT(data=sides.view(np.uint8)))


def must_be_same(before: bytes, after: bytes, origin: str | os.PathLike[str]) -> None:
    """Run both on the same pictures.

    Raises:
        BadFile: one of them does not run. CheckFailed: they give different results.
    """
    if before is after:
        return
    random = np.random.default_rng(0)
    old, new = _open(before, origin), _open(after, origin)
    given, wanted = old.get_input_details()[0], new.get_input_details()[0]
    count = int(given["shape"][0])
    for _ in range(4):
        pictures = random.integers(0, 256, (count, *given["shape"][1:])).astype(np.uint8)
        expected = _run(old, pictures)
        found = np.concatenate([_run(new, pictures[i : i + 1]) for i in range(count)])
        if not np.allclose(found, expected, rtol=0, atol=TOLERANCE * max(float(np.abs(expected).max()), 1e-6)):
            raise CheckFailed(f"{origin} was not mended: with a batch of {wanted['shape'][0]} and {wanted['dtype'].__name__} ends it gives other results")


def input_shape(content: bytes, origin: str | os.PathLike[str]) -> tuple[int, ...]:
    """Shape of the input."""
    return tuple(int(side) for side in _open(content, origin).get_input_details()[0]["shape"])


def run_images(content: bytes, images: np.ndarray, origin: str | os.PathLike[str]) -> np.ndarray:
    """Real results [N, scores] of a file with a batch of 1."""
    interpreter = _open(content, origin)
    return np.concatenate([_run(interpreter, images[i : i + 1]) for i in range(len(images))])


def _open(content: bytes, origin: str | os.PathLike[str]) -> Interpreter:
    try:
        with mute():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadFile(f"{origin} cannot be mended: LiteRT does not run it with a batch of 1: {' '.join(str(error).split())[:160]}") from error
    return interpreter


def _run(interpreter: Interpreter, pictures: np.ndarray) -> np.ndarray:
    """Real results [N, values] for bytes, which an integer input takes as they are, or less 128, and a float one as -1 to 1."""
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shifted = {np.uint8: pictures, np.int8: (pictures.astype(np.int16) - 128).astype(np.int8)}.get(given["dtype"])
    interpreter.set_tensor(given["index"], shifted if shifted is not None else ((pictures.astype(np.float32) - 128) / 128).astype(given["dtype"]))
    interpreter.invoke()
    rows = interpreter.get_tensor(result["index"])
    scale, zero = result["quantization"]
    real = (rows.astype(np.float32) - zero) * scale if scale else rows.astype(np.float32)
    return real.reshape(len(pictures), -1)
