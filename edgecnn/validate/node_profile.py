"""ONNX Runtime's own profile: seconds and memory of each node, MACs from the file."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from edgecnn.runtime import onnx_file
from edgecnn.runtime.start import filled, noise, number_type

SESSIONS = 5
RUNS = 30
_KERNEL = "_kernel_time"
Key = tuple[str, str | None]
# What the runtime's own kinds of convolutions and products have in their names.
_MULTIPLIES = ("Conv", "Gemm", "MatMul")


@dataclass
class Node:
    """A node as it ran, after the runtime has fused and renamed the file's.

    Attributes:
        name, kind: in the runtime's own graph.
        dtype: of what it reads first, as the runtime calls it.
        seconds: of each run.
        memory: bytes that its arena held in use after it, for each run; empty where this runtime does not tell.
        grown: bytes by which it grew, for each run.
    """

    name: str
    kind: str
    dtype: str = ""
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The type that it multiplies in: int8 for the runtime's integer kinds, else float32; "" for float64, whose peak is not measured."""
        if self.dtype == "double":
            return ""
        return "int8" if any(word in self.kind for word in ("QLinear", "Integer", "QGemm", "QAttention")) else "float32"

    @property
    def typical(self) -> float:
        """Mean of the middle half of the runs: the profile counts whole microseconds, so a median would be as coarse."""
        middle = np.sort(self.seconds)[len(self.seconds) // 4 : max(len(self.seconds) - len(self.seconds) // 4, 1)]
        return float(middle.mean())


def nodes(path: Path, height: int, width: int) -> tuple[list[Node], float]:
    """(every node of an .onnx file in the order of running, seconds of the whole without the profile), on one thread.

    Sessions with the profile and without take turns, each opened anew, so that what the machine does falls on both; the first run of each is left out.
    """
    found: dict[Key, Node] = {}
    wholes = []
    for _ in range(SESSIONS):
        _collect(found, _events(path, height, width, RUNS, planned=True))
        wholes.append(_whole(path, height, width))
    return list(found.values()), float(np.median(wholes))


def activation_peak(path: Path, height: int, width: int) -> int | None:
    """Most bytes in use in the runtime's arena after any node, less what lay there before the first: activations, not what a kernel takes for itself."""
    collected: dict[Key, Node] = {}
    # Planned, as it is by default, the memory of a whole run is taken at once, and that hides what the nodes take and give back.
    _collect(collected, _events(path, height, width, 2, planned=False))
    found = list(collected.values())
    if not found or any(not node.memory for node in found):
        return None
    return max(node.memory[-1] for node in found) - (found[0].memory[-1] - found[0].grown[-1])


def macs(path: Path, ran: Sequence[Node], height: int, width: int) -> list[int]:
    """MACs of the nodes that ran on a picture of this size: 0 where one has none or its counterpart in the file is not found.

    A counterpart is looked for by name, because the runtime names what it makes after the node or its result, and then by order.
    """
    described = onnx_file.describe(path, (height, width)).operators
    graph = onnx.load(path, load_external_data=False).graph
    left = [(_names(graph, node), op.macs) for node, op in zip(graph.node, described, strict=True) if op.macs]
    multiplying = [node for node in ran if any(word in node.kind for word in _MULTIPLIES)]
    counted: dict[int, int] = {}
    for node in multiplying:
        matches = [(len(name), i) for i, (names, _) in enumerate(left) for name in names if node.name.removeprefix("fused ").startswith(name)]
        if matches:
            counted[id(node)] = left.pop(max(matches)[1])[1]
    for node in multiplying:
        if id(node) not in counted and left:
            counted[id(node)] = left.pop(0)[1]
    return [counted.get(id(node), 0) for node in ran]


def _names(graph: onnx.GraphProto, node: onnx.NodeProto) -> list[str]:
    """A node's name and its result's, and those of the nodes behind that may be fused into it."""
    names = [node.name, node.output[0]]
    for _ in range(4):
        behind = [other for other in graph.node if node.output[0] in other.input]
        if len(behind) != 1 or any(word in behind[0].op_type for word in _MULTIPLIES):
            break
        node = behind[0]
        names += [node.name, node.output[0]]
    return [name for name in names if name]


def _collect(found: dict[Key, Node], events: Sequence[dict[str, Any]]) -> None:
    """Add what a profile tells to the nodes, by name and place: the runtime names what has no name, as somebody may have named another node."""
    for event in events:
        name, told = event["name"].removesuffix(_KERNEL), event["args"]
        node = found.setdefault((name, told.get("node_index")), Node(name, told["op_name"], _first_type(told)))
        node.seconds.append(event["dur"] * 1e-6)
        if "mem_bytes_in_use" in told:
            node.memory.append(int(told["mem_bytes_in_use"]))
            node.grown.append(int(told["mem_in_use_delta"]))


def _whole(path: Path, height: int, width: int) -> float:
    """Median seconds of the runs of one fresh session without the profile."""
    session, feed = _session(path, height, width, onnxruntime.SessionOptions())
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def _first_type(told: Mapping[str, Any]) -> str:
    return next((kind for one in told.get("input_type_shape", ()) for kind in one), "")


def _events(path: Path, height: int, width: int, runs: int, planned: bool) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling, options.enable_mem_pattern = True, planned
        options.profile_file_prefix = os.path.join(folder, "profile")  # noqa: PTH118 - the runtime wants a string
        session, feed = _session(path, height, width, options)
        for _ in range(runs + 1):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    kernels = [event for event in events if event.get("cat") == "Node" and event["name"].endswith(_KERNEL)]
    return kernels[len(kernels) // (runs + 1) :]


def _session(path: Path, height: int, width: int, options: onnxruntime.SessionOptions) -> tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]:
    """A session of one thread and a picture of noise for it."""
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    return session, {given.name: noise(filled(tuple(given.shape), height, width), number_type(given.type))}
