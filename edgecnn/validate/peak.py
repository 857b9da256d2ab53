"""The fastest that a runtime was seen to multiply on this processor: the floor under every latency."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np

# (pixels a side, channels, filters) of 1x1 convolutions: large enough to hide a call, small enough for the second-level cache.
SHAPES = ((16, 256, 256), (16, 512, 512), (28, 384, 384))
ROUNDS, SECONDS = 3, 0.05


@cache
def peaks(suffix: str) -> dict[str, float]:
    """Number type (float32, int8) -> multiply-accumulates a second of one thread, the best of many runs of three shapes in three openings.

    It is measured, not looked up, so a file can come out a little above it on a machine that was busier then.

    Args:
        suffix: .tflite or .onnx; empty for what has no peak here.
    """
    if suffix not in _OPENERS:
        return {}
    return {number: max(_fastest(suffix, shape, number == "int8") for shape in SHAPES) for number in ("float32", "int8")}


def _fastest(suffix: str, shape: tuple[int, int, int], integer: bool) -> float:
    size, channels, filters = shape
    best = float("inf")
    for _ in range(ROUNDS):
        run = _OPENERS[suffix](size, channels, filters, integer)
        run()
        until = time.perf_counter() + SECONDS
        while (start := time.perf_counter()) < until:
            run()
            best = min(best, time.perf_counter() - start)
    return size * size * channels * filters / best


def _tflite(size: int, channels: int, filters: int, integer: bool) -> Callable[[], object]:
    from edgecnn.validate.single_operators import convolution, opened

    return opened(convolution(size, channels, filters, integer=integer), size, size).invoke


def _onnx(size: int, channels: int, filters: int, integer: bool) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(onnx_convolution(size, channels, filters, integer=integer), options, providers=["CPUExecutionProvider"])
    values = np.random.default_rng(0).integers(0, 256, (1, channels, size, size))
    feed = {"x": values.astype(np.uint8 if integer else np.float32)}
    return lambda: session.run(None, feed)


def onnx_convolution(size: int, channels: int, filters: int, *, integer: bool) -> bytes:
    """An .onnx file of one 1x1 convolution over [1, channels, size, size]: Conv in float32, QLinearConv in uint8 with int8 kernels."""
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.random.default_rng(0).integers(-127, 128, (filters, channels, 1, 1))
    given, kept = (TensorProto.UINT8, np.int8) if integer else (TensorProto.FLOAT, np.float32)
    constants = {"kernel": kernel.astype(kept)}
    inputs = ["x", "kernel"]
    if integer:
        scale, zero = np.float32(0.01), np.uint8(128)
        constants |= {"scale": np.array(scale), "zero": np.array(zero), "scales": np.full(filters, scale), "zeros": np.zeros(filters, np.int8)}
        inputs = ["x", "scale", "zero", "kernel", "scales", "zeros", "scale", "zero"]
    node = helper.make_node("QLinearConv" if integer else "Conv", inputs, ["y"])
    ends = [helper.make_tensor_value_info(name, given, [1, count, size, size]) for name, count in (("x", channels), ("y", filters))]
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "peak", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


_OPENERS: dict[str, Callable[[int, int, int, bool], Callable[[], object]]] = {".tflite": _tflite, ".onnx": _onnx}
