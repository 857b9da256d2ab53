"""What flows through a float network: every tensor's extremes, a sample of its values and its mean a channel, over pictures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn.card import INPUT, Preprocessing
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.preprocess import prepare

# Values kept of one tensor over all pictures: enough for its rare large values, and 1.6 MB.
SAMPLE = 400_000

# An input [1, H, W, C] -> pairs (tensor name, value).
Tensors = Callable[[np.ndarray], Iterator[tuple[str, np.ndarray]]]


@dataclass(frozen=True)
class Observed:
    """One tensor over all pictures.

    Attributes:
        low, high: its least and largest value.
        sample: values drawn evenly from all pictures, float32 [n].
        means: mean a channel, float64 [channels].
    """

    low: float
    high: float
    sample: np.ndarray
    means: np.ndarray


def observe(
    open_tensors: Callable[[], Tensors], pictures: np.ndarray, preprocessing: Preprocessing, channel_axis: int, progress: Progress = SILENT
) -> dict[str, Observed]:
    """Run a float network over uint8 RGB pictures [N, H, W, 3], one run a core side by side.

    Args:
        open_tensors: opens the network once more, on one thread.
        pictures: what to look at.
        preprocessing: from pixels to input.
        channel_axis: of four-dimensional tensors; the last of all others.
    """
    workers = max(1, min(os.cpu_count() or 1, len(pictures)))
    each = max(1, SAMPLE // len(pictures))

    def work(part: np.ndarray) -> list[_Tally]:
        tensors, tallies = open_tensors(), {}
        for index in part:
            image = prepare(pictures[index : index + 1], preprocessing)
            tallies.setdefault(INPUT, _Tally(INPUT, 3)).add(image, each, index)
            for name, value in tensors(image):
                tallies.setdefault(name, _Tally(name, channel_axis if value.ndim == 4 else value.ndim - 1)).add(value, each, index)
            advance(1, "")
        return list(tallies.values())

    with progress.track("measuring activations", len(pictures)) as advance, ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(work, np.array_split(np.arange(len(pictures)), workers)))
    return {parts[0].name: _merged(parts) for parts in zip(*done, strict=True)}


class _Tally:
    """What is kept of one tensor while pictures go by."""

    def __init__(self, name: str, axis: int) -> None:
        self.name, self.axis = name, axis
        self.low, self.high, self.total, self.count = np.inf, -np.inf, 0.0, 0
        self.sample: list[np.ndarray] = []

    def add(self, value: np.ndarray, each: int, seed: int) -> None:
        flat = value.reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.sample.append(flat[np.random.default_rng(seed).integers(0, flat.size, each)] if flat.size > each else flat.copy())
        self.total = self.total + value.mean(tuple(a for a in range(value.ndim) if a != self.axis), dtype=np.float64)
        self.count += 1


def _merged(parts: tuple[_Tally, ...]) -> Observed:
    return Observed(
        min(p.low for p in parts),
        max(p.high for p in parts),
        np.concatenate([values for p in parts for values in p.sample]),
        sum(p.total for p in parts) / sum(p.count for p in parts),
    )


def tflite_tensors(content: bytes) -> Tensors:
    """Open a float .tflite so that every tensor that an operator writes can be read."""
    with warnings.catch_warnings():
        # It warns of the memory that the tensors kept for reading take; they are what is wanted.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        # Delegates fuse operators and keep what lies between to themselves.
        interpreter = Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    written = {int(i) for operator in interpreter._get_ops_details() for i in operator["outputs"]}
    watched = {d["index"]: d["name"] for d in interpreter.get_tensor_details() if d["index"] in written and d["dtype"] == np.float32}

    def run(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        return ((name, interpreter.get_tensor(index)) for index, name in watched.items())

    return run


def onnx_tensors(content: bytes) -> Tensors:
    """Open a float .onnx with every tensor as an output."""
    import onnx
    import onnxruntime

    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    known = {value.name: value for value in proto.graph.value_info if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    written = [name for node in proto.graph.node for name in node.output if name in known]
    names = [*written, *(value.name for value in proto.graph.output)]
    proto.graph.output.extend(known[name] for name in written)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        return zip(names, session.run(names, {INPUT: image}), strict=True)

    return run
