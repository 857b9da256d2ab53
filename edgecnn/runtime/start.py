"""What a file costs before its first answer, measured in a process that has done nothing else: `python -m edgecnn.runtime.start FILE HEIGHT WIDTH`.

Prints one JSON object: load and first_run in seconds, rss in bytes or null. The runtime is imported before the clock starts, and the file
lies in the system's cache after the first of several such processes.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Runs after the first, before the memory is looked at.
SETTLING = 5

Run = Callable[[], object]
Load = Callable[[Path, int, int], Run]


def resident() -> int | None:
    """Bytes of this process that lie in memory; None where the system does not tell (it needs /proc)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def measured(path: Path, height: int, width: int) -> dict[str, float | int | None]:
    """Load a file and run it, with the clock and the memory watched."""
    load = _prepared(path.suffix.lower())
    before, start = resident(), time.perf_counter()
    run = load(path, height, width)
    loaded = time.perf_counter()
    run()
    answered = time.perf_counter()
    for _ in range(SETTLING):
        run()
    after = resident()
    grown = after - before if after is not None and before is not None else None
    return {"load": loaded - start, "first_run": answered - loaded, "rss": grown}


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """A picture of noise for an input of this shape and type: bytes as they come, numbers from -1 to 1."""
    rng = np.random.default_rng(0)
    if np.issubdtype(np.dtype(dtype), np.floating):
        return rng.uniform(-1, 1, shape).astype(dtype)
    return rng.integers(0, 256, shape, np.uint8).astype(dtype)


def number_type(declared: str) -> str:
    """numpy's name of what ONNX Runtime declares, such as tensor(float)."""
    return {"tensor(float)": "float32", "tensor(double)": "float64"}.get(declared, declared[7:-1])


def filled(shape: tuple[object, ...], height: int, width: int) -> tuple[int, ...]:
    """A shape with one picture, and the given size where the file leaves it open; gray images may lack the axis of channels."""
    first = len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)
    sizes = (1, 3, height, width) if first else (1, height, width, 3)[: len(shape)]
    return tuple(d if isinstance(d, int) and d > 0 else size for d, size in zip(shape, sizes, strict=True))


def _prepared(suffix: str) -> Load:
    """The loader of a format, its runtime imported."""
    module, load = {".tflite": ("ai_edge_litert.interpreter", _tflite), ".onnx": ("onnxruntime", _onnx)}.get(suffix, ("edgecnn.runtime.keras_model", _keras))
    importlib.import_module(module)
    return load


def _tflite(path: Path, height: int, width: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    given = interpreter.get_input_details()[0]
    shape = filled(tuple(int(d) for d in given["shape_signature"]), height, width)
    if tuple(given["shape"]) != shape:
        interpreter.resize_tensor_input(given["index"], shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], noise(shape, np.dtype(given["dtype"]).name))
    return interpreter.invoke


def _onnx(path: Path, height: int, width: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    feed = {given.name: noise(filled(tuple(given.shape), height, width), number_type(given.type))}
    return lambda: session.run(None, feed)


def _keras(path: Path, height: int, width: int) -> Run:
    from edgecnn.runtime.contract import RawPixels
    from edgecnn.runtime.keras_model import KerasRunner

    runner = KerasRunner(path, preprocessing=RawPixels(), threads=1)
    return lambda: runner.latencies(1)


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
