"""Load time, first run and memory of a file, each in fresh processes, and the memory that its activations take."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edgecnn.errors import BadFile
from edgecnn.runtime import tflite_file
from edgecnn.runtime.remote import environment, for_another_process
from edgecnn.runtime.start import filled
from edgecnn.runtime.tflite_schema import is_numeric
from edgecnn.validate.node_profile import activation_peak
from edgecnn.validate.profile_figures import Start

PROCESSES = 3


def start(path: Path, height: int, width: int) -> Start:
    """Medians over three fresh processes on one thread; see `figures.Start`.

    Raises:
        BadFile: the file does not load or run in a process of its own.
    """
    with _alone(path) as file:
        found = [_child(file, height, width) for _ in range(PROCESSES)]
    load, first, rss = ([one[key] for one in found if one[key] is not None] for key in ("load", "first_run", "rss"))
    arena = _ARENAS.get(path.suffix.lower())
    grown = int(statistics.median(rss)) if rss else None
    return Start(statistics.median(load), statistics.median(first), grown, arena(path, height, width) if arena else None)


def tflite_arena(path: Path, height: int, width: int) -> int | None:
    """Bytes that LiteRT's memory planner lays the activations and the kernels' scratch tensors into: the union of their addresses.

    Read from an interpreter without XNNPACK, because what XNNPACK takes over it plans itself, unseen. None when the file does not run without it.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from edgecnn.runtime.litert import mute

    content = tflite_file.chosen_content(path)
    model = tflite_file.read(content, path)
    # What has no place among the activations: of a variable LiteRT gives no memory, but a crash.
    left_out = {i for i, raw in enumerate(model.subgraphs[0].tensors) if tflite_file.is_constant(model, raw) or not is_numeric(raw.type)}
    try:
        with mute():
            interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
            given = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(given["index"], filled(tuple(int(d) for d in given["shape_signature"]), height, width))
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        return None
    pieces = []
    for detail in interpreter.get_tensor_details():
        if detail["index"] in left_out:
            continue
        try:
            view: np.ndarray = interpreter.tensor(detail["index"])()
        except ValueError:  # a tensor that has no memory
            continue
        pieces.append((view.__array_interface__["data"][0], view.nbytes))
    return _union(pieces)


def _union(pieces: list[tuple[int, int]]) -> int:
    """Bytes that at least one of the pieces (address, bytes) covers."""
    total = end = 0
    for address, size in sorted(pieces):
        total += max(0, address + size - max(end, address))
        end = max(end, address + size)
    return total


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[Path]:
    """The file itself; of a .tflite with several signatures one that has the graph alone that classifies images."""
    content = tflite_file.chosen_content(path) if path.suffix.lower() == ".tflite" else None
    if content is None or len(content) == path.stat().st_size:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="edgecnn-") as folder:
        alone = Path(folder) / path.name
        alone.write_bytes(content)
        yield alone


def _child(path: Path, height: int, width: int) -> dict[str, float]:
    place, trusted = for_another_process(path)
    command = [sys.executable, "-m", "edgecnn.runtime.start", str(place), str(height), str(width)]
    done = subprocess.run(command, env=environment(1) | trusted, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise BadFile(f"{path}: a process of its own cannot run it (exit code {done.returncode}{': ' + said[-1][:200] if said else ''})")
    return json.loads(lines[-1])


_ARENAS: dict[str, Callable[[Path, int, int], int | None]] = {".tflite": tflite_arena, ".onnx": activation_peak}
