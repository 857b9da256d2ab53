"""Preprocessing inside of a .tflite: its first operators, quantized constants included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgecnn.runtime import tflite_file
from edgecnn.runtime.tflite_schema import element_type, operator_name
from edgecnn.sources.graph_preprocessing import AffineWalk, GraphPreprocessing, conclude, describe_constant

IDENTITIES = ("CAST", "QUANTIZE", "DEQUANTIZE", "RESHAPE", "EXPAND_DIMS", "SQUEEZE", "TRANSPOSE")
RESIZING = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")


def from_tflite(content: bytes) -> GraphPreprocessing | None:
    """What the first operators of a file do to its input; None where they do nothing that tells.

    Raises:
        BadFile: not a .tflite, or one that is damaged.
    """
    return conclude(follow_image(tflite_file.read(content)))


def follow_image(model: Any) -> list[tuple[int, AffineWalk]]:
    """Tensors that still are the image, from the input on, each with what was done to it so far.

    Args:
        model: the file as objects of the schema.
    """
    graph, walk = model.subgraphs[0], AffineWalk()
    tensor = int(graph.inputs[0])
    followed = [(tensor, walk.copy())]
    if len(graph.inputs) != 1:
        return followed
    while True:
        readers = [op for op in graph.operators or () if op.inputs is not None and tensor in [int(i) for i in op.inputs]]
        if len(readers) > 1 and (joined := _join_channels(model, graph, readers, walk)) is not None:
            tensor = joined
        elif len(readers) != 1 or len(readers[0].outputs) != 1 or not _step(model, graph, readers[0], tensor, walk):
            return followed
        else:
            tensor = int(readers[0].outputs[0])
        followed.append((tensor, walk.copy()))


def _join_channels(model: Any, graph: Any, readers: list[Any], walk: AffineWalk) -> int | None:
    """The tensor into which slices of one channel each are put together again; None where that is not what happens."""
    channels = {int(op.outputs[0]): _channel(model, graph, op) for op in readers}
    joins = [op for op in graph.operators if operator_name(model.operatorCodes[op.opcodeIndex]) in ("PACK", "CONCATENATION")]
    joins = [op for op in joins if {int(i) for i in op.inputs} == set(channels)]
    if len(joins) != 1 or None in channels.values():
        return None
    return int(joins[0].outputs[0]) if walk.permute([channels[int(i)] for i in joins[0].inputs]) else None


def _channel(model: Any, graph: Any, op: Any) -> int | None:
    """Which channel a STRIDED_SLICE takes alone."""
    if operator_name(model.operatorCodes[op.opcodeIndex]) != "STRIDED_SLICE":
        return None
    begin = _constant(model, graph.tensors[op.inputs[1]])
    if begin is None or begin.reshape(-1)[:-1].any():
        return None
    shape = graph.tensors[op.outputs[0]].shape
    return int(begin.reshape(-1)[-1]) if len(shape) == 3 or int(shape[-1]) == 1 else None


def _step(model: Any, graph: Any, op: Any, tensor: int, walk: AffineWalk) -> bool:
    kind = operator_name(model.operatorCodes[op.opcodeIndex])
    if kind in IDENTITIES:
        return True
    if kind in RESIZING:
        walk.resizes = True
        walk.steps.append(kind)
        return True
    if kind == "STRIDED_SLICE" or kind == "REVERSE_V2":
        return _flip(model, graph, op, kind, walk)
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return _pointwise(model, graph, op, kind, walk)
    if kind not in ("MUL", "ADD", "SUB", "DIV") or len(op.inputs) != 2 or getattr(op.builtinOptions, "fusedActivationFunction", 0):
        return False
    first = int(op.inputs[0]) == tensor
    constant = _constant(model, graph.tensors[op.inputs[1 if first else 0]])
    return constant is not None and walk.combine(kind.lower(), constant, first, f"{kind} {describe_constant(constant)}")


def _pointwise(model: Any, graph: Any, op: Any, kind: str, walk: AffineWalk) -> bool:
    """A 1x1 convolution whose kernel has one weight an output."""
    options, source, kernel = op.builtinOptions, graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]]
    channels = int(source.shape[-1])
    shape = [1, 1, 1, channels] if kind == "DEPTHWISE_CONV_2D" else [channels, 1, 1, channels]
    if channels > 4 or [int(side) for side in kernel.shape] != shape or (options.strideH, options.strideW) != (1, 1) or options.fusedActivationFunction:
        return False
    weights = _values(model, kernel)
    bias = _values(model, graph.tensors[op.inputs[2]]) if len(op.inputs) > 2 and op.inputs[2] >= 0 else np.zeros(1)
    if weights is None or bias is None:
        return False
    matrix = np.diag(weights.reshape(-1)) if kind == "DEPTHWISE_CONV_2D" else weights.reshape(channels, channels)
    return walk.mix(matrix, bias.reshape(-1), f"{kind} {describe_constant(matrix.sum(1))}")


def _flip(model: Any, graph: Any, op: Any, kind: str, walk: AffineWalk) -> bool:
    """A slice with step -1, or a reversal, of the channels alone."""
    if kind == "REVERSE_V2":
        axis = _constant(model, graph.tensors[op.inputs[1]])
        turned = axis is not None and axis.reshape(-1).tolist() in ([3], [-1])
    else:
        steps = _constant(model, graph.tensors[op.inputs[3]])
        turned = steps is not None and steps.reshape(-1).tolist() in ([1, 1, 1, -1], [1, -1])
    if turned:
        walk.flip()
    return bool(turned)


def _constant(model: Any, tensor: Any) -> np.ndarray | None:
    """Real numbers of a constant, [1] or one a channel; None for what is none, or has another number of values."""
    count = math.prod(int(side) for side in tensor.shape) if tensor.shape is not None else 1
    return _values(model, tensor) if count <= 4 else None


def _values(model: Any, tensor: Any) -> np.ndarray | None:
    """Real numbers of a constant in its shape; None for what is none."""
    dtype = element_type(tensor.type)
    if not tflite_file.is_constant(model, tensor) or dtype not in ("float32", "float16", "int8", "uint8", "int16", "int32"):
        return None
    shape = [] if tensor.shape is None else [int(side) for side in tensor.shape]
    stored = np.frombuffer(memoryview(model.buffers[tensor.buffer].data), dtype).astype(np.float64).reshape(shape)
    details = tensor.quantization
    if details is None or details.scale is None or not len(details.scale):
        return stored
    across = [-1 if axis == details.quantizedDimension else 1 for axis in range(len(shape))] if len(details.scale) > 1 else []
    scale, zero_point = (np.asarray(values, np.float64).reshape(across or -1) for values in (details.scale, details.zeroPoint))
    return (stored - zero_point) * scale
