"""The child of `probe`: `python -m edgecnn.runtime.probe_child DESCRIPTOR` loads and runs each file that is named to it, until one of them ends it."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from edgecnn.errors import BadFile
from edgecnn.formats.keras import trust
from edgecnn.formats.keras.inspection import SUFFIXES

# Set in the environment of the child, which must not ask a child of its own.
INSIDE = "EDGECNN_INSIDE_PROBE"
# What is answered: the file ran, the runtime said no in an exception, or it must not be opened.
RAN, RAISED, REFUSED = "ran", "raised", "refused"

# Bytes that loading a file and one run may take beside what the child has, and times the size of the file.
MEMORY, TIMES_SIZE = 8 << 30, 10
# What a runtime says when it got none.
_MEMORY_WORDS = re.compile("bad.alloc|allocate memory|out of memory|OOM when|failed to allocate|resource.?exhausted", re.IGNORECASE)
# Elements of an input: one image as floats would fill a gigabyte.
MOST_ELEMENTS = 1 << 28


def _serve(pipe: Connection) -> None:
    """The child's side: try each file that comes."""
    while True:
        path, name, size, loading = json.loads(pipe.recv_bytes())
        os.environ[trust.VARIABLE] = loading
        if _is_keras(Path(path)):
            importlib.import_module("edgecnn.formats.keras.load")  # TensorFlow's own needs come before the limit
        _limit_memory(Path(path).stat().st_size)
        try:
            answer = _tried(Path(path), size)
        except BadFile as error:
            answer = REFUSED, str(error).replace(path, name)
        except MemoryError:
            answer = REFUSED, _too_large(name)
        except Exception as error:  # of the runtime, which has no common base
            answer = (REFUSED, _too_large(name)) if _MEMORY_WORDS.search(str(error)) else (RAISED, str(error)[:1000])
        pipe.send_bytes(json.dumps(answer).encode())


def _too_large(name: str) -> str:
    return f"{name}: loading it and running it once takes more than {MEMORY >> 30} GiB of memory"


def _tried(path: Path, size: tuple[int, int] | None) -> tuple[str, str]:
    from edgecnn.runtime import describe

    if _is_keras(path):
        _keras(path, size or (224, 224))
        return RAN, ""
    card = describe(path).card
    if size is None:
        size = (card.preprocessing.height, card.preprocessing.width) if card else (224, 224)
    (_tflite if path.suffix.lower() == ".tflite" else _onnx)(path, size)
    return RAN, ""


def _is_keras(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def _keras(path: Path, size: Sequence[int]) -> None:
    from edgecnn.formats.keras.load import load
    from edgecnn.runtime.start import noise

    model = load(path).model
    (tensor,) = model.inputs
    dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
    model(noise(_filled(list(tensor.shape), size), dtype), training=False)


def _tflite(path: Path, size: Sequence[int]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from edgecnn.runtime import tflite_file
    from edgecnn.runtime.start import noise

    interpreter = Interpreter(model_content=tflite_file.chosen_content(path), num_threads=1)
    for given in interpreter.get_input_details():
        shape = _filled([int(side) for side in given["shape_signature"]], size)
        if tuple(given["shape"]) != shape:
            interpreter.resize_tensor_input(given["index"], shape)
    interpreter.allocate_tensors()
    for given in interpreter.get_input_details():
        interpreter.set_tensor(given["index"], noise(tuple(given["shape"]), given["dtype"].__name__))
    interpreter.invoke()


def _onnx(path: Path, size: Sequence[int]) -> None:
    import onnxruntime

    from edgecnn.runtime.start import noise, number_type

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    session.run(None, {given.name: noise(_filled(given.shape, size), number_type(given.type)) for given in session.get_inputs()})


def _filled(shape: Sequence[object], size: Sequence[int]) -> tuple[int, ...]:
    """A shape with one image, and the given height and width where others are open."""
    sides = iter(size)
    fixed = [side if isinstance(side, int) and side > 0 else 1 if place == 0 else next(sides, 1) for place, side in enumerate(shape)]
    if math.prod(fixed) > MOST_ELEMENTS:
        raise BadFile(f"an input of the shape {fixed} has more elements than {MOST_ELEMENTS:,}")
    return tuple(fixed)


def _limit_memory(size: int) -> None:
    """Let this process grow by MEMORY at most, where the system can say so."""
    try:
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY + TIMES_SIZE * size, hard))
    except (ImportError, OSError, ValueError, IndexError):
        return


def main() -> None:
    """Entry of the child process; the file descriptor of the pipe is its argument."""
    try:
        _serve(Connection(int(sys.argv[1])))
    except (EOFError, ConnectionResetError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
