"""What flows through a float network: every tensor's extremes, a sample of its values and its mean a channel, over pictures."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgecnn.card import INPUT, Preprocessing
from edgecnn.export import flatbuffer
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.pool import usable_cores
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
    workers = max(1, min(usable_cores(), len(pictures)))
    each = max(1, SAMPLE // len(pictures))

    def work(part: np.ndarray) -> dict[str, _Tally]:
        tensors, tallies = open_tensors(), {}
        for index in part:
            image = prepare(pictures[index : index + 1], preprocessing)
            for name, value in itertools.chain([(INPUT, image)], tensors(image)):
                axis = channel_axis if value.ndim == 4 and name != INPUT else -1
                tallies.setdefault(name, _Tally()).add(value, axis, each, seed=index)
                del value
            advance(1, "")
        return tallies

    with progress.track("measuring activations", len(pictures)) as advance, ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(work, np.array_split(np.arange(len(pictures)), workers)))
    return {name: _merged([tallies[name] for tallies in done]) for name in done[0]}


class _Tally:
    """What is kept of one tensor while pictures go by."""

    def __init__(self) -> None:
        self.low, self.high, self.total, self.count = np.inf, -np.inf, 0.0, 0
        self.sample: list[np.ndarray] = []

    def add(self, value: np.ndarray, axis: int, each: int, seed: int) -> None:
        flat = value.reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.sample.append(flat[np.random.default_rng(seed).integers(0, flat.size, each)] if flat.size > each else flat.copy())
        channels = np.moveaxis(value, axis, -1)
        self.total = self.total + channels.mean(tuple(range(value.ndim - 1))).astype(np.float64)
        self.count += 1


def _merged(parts: list[_Tally]) -> Observed:
    return Observed(
        min(p.low for p in parts),
        max(p.high for p in parts),
        np.concatenate([values for p in parts for values in p.sample]),
        sum(p.total for p in parts) / sum(p.count for p in parts),
    )


def tflite_tensors(content: bytes) -> Tensors:
    """Open a float .tflite with every activation as an output, which XNNPACK then has to hand out; faster than to run without it."""
    interpreter = Interpreter(model_content=flatbuffer.with_all_outputs(content), num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    watched = {d["index"]: d["name"] for d in interpreter.get_output_details()}

    def run(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        # Views, not copies; the interpreter refuses its next run while one of them is alive.
        return ((name, interpreter.tensor(index)()) for index, name in watched.items())

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
