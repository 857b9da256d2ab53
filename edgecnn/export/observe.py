"""What flows through a float network over pictures: the mean a channel, or the extremes and a sample, of every tensor."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgecnn.card import INPUT, Preprocessing
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.pool import usable_cores
from edgecnn.runtime.preprocess import prepare

if TYPE_CHECKING:
    import onnx

# Values kept of one tensor over all pictures: enough for its rare large values, and 0.8 MB.
SAMPLE = 200_000

# An input [1, H, W, C] -> pairs (tensor name, value).
Tensors = Callable[[np.ndarray], Iterator[tuple[str, np.ndarray]]]


class Tally(Protocol):
    """What is kept of one tensor while pictures go by."""

    def add(self, value: np.ndarray, picture: int) -> None:
        """Take in the tensor's value for the picture of that number; the value is gone afterwards."""
        ...

    def merge(self, others: list[Tally]) -> None:
        """Take in what other workers have kept of the same tensor."""
        ...


_Kept = TypeVar("_Kept", bound=Tally)


class Means:
    """Mean a channel; channels are the last axis, or `axis` of four-dimensional tensors."""

    def __init__(self, axis: int) -> None:
        self.axis, self.total, self.count = axis, np.zeros(1), 0

    def add(self, value: np.ndarray, picture: int) -> None:
        axis = self.axis if value.ndim == 4 else value.ndim - 1
        self.total = self.total + value.mean(tuple(a for a in range(value.ndim) if a != axis)).astype(np.float64)
        self.count += 1

    def merge(self, others: list[Means]) -> None:
        self.total, self.count = sum((o.total for o in others), self.total), sum((o.count for o in others), self.count)

    @property
    def means(self) -> np.ndarray:
        """[channels], float64."""
        return self.total / self.count


class Extremes:
    """Least and largest value, and `each` values drawn from every picture."""

    def __init__(self, each: int) -> None:
        self.each, self.low, self.high = each, np.inf, -np.inf
        self.parts: list[np.ndarray] = []

    def add(self, value: np.ndarray, picture: int) -> None:
        flat = value.reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        drawn = np.random.default_rng(picture).integers(0, flat.size, self.each) if flat.size > self.each else slice(None)
        self.parts.append(np.array(flat[drawn]))

    def merge(self, others: list[Extremes]) -> None:
        self.low, self.high = min(self.low, *(o.low for o in others)), max(self.high, *(o.high for o in others))
        self.parts += [part for o in others for part in o.parts]

    @property
    def sample(self) -> np.ndarray:
        """Values from all pictures, float32 [n]."""
        return np.concatenate(self.parts)


def observe(
    open_tensors: Callable[[], Tensors],
    pictures: np.ndarray,
    preprocessing: Preprocessing | None,
    tally: Callable[[str], _Kept | None],
    progress: Progress = SILENT,
    encode: Callable[[np.ndarray, Preprocessing], np.ndarray] = prepare,
) -> dict[str, _Kept]:
    """Run a float network over pictures, one run a core side by side, with a tally of each tensor and of the input.

    Args:
        open_tensors: opens the network once more, on one thread.
        pictures: what to look at: uint8 RGB [N, H, W, 3], or inputs as the network takes them, float32 [N, ...].
        preprocessing: from pixels to input; None where `pictures` are inputs.
        tally: makes an empty one for the tensor of a name, or None for one that is not of interest.
        encode: makes the network's input of uint8 RGB images [N, H, W, 3].
    """

    def work(part: np.ndarray) -> dict[str, _Kept]:
        tensors, tallies = open_tensors(), {}
        for index in part:
            image = pictures[index : index + 1] if preprocessing is None else encode(pictures[index : index + 1], preprocessing)
            for name, value in itertools.chain([(INPUT, image)], tensors(image)):
                if name not in tallies:
                    tallies[name] = tally(name)
                if tallies[name] is not None:
                    tallies[name].add(value, index)
                del value
            advance(1, "")
        return tallies

    workers = max(1, min(usable_cores(), len(pictures)))
    with progress.track("measuring activations", len(pictures)) as advance, ThreadPoolExecutor(workers) as pool:
        parts = pool.map(work, np.array_split(np.arange(len(pictures)), workers))
        first, *others = [{name: kept for name, kept in part.items() if kept is not None} for part in parts]
    if others:
        for name, kept in first.items():
            kept.merge([tallies[name] for tallies in others])
    return first


def tflite_tensors(content: bytes) -> Tensors:
    """Open what `flatbuffer.with_all_outputs` gives: XNNPACK has to hand out every activation, and that is faster than to run without it."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    source, rank = interpreter.get_input_details()[0]["index"], len(interpreter.get_input_details()[0]["shape"])
    watched = {d["index"]: d["name"] for d in interpreter.get_output_details()}

    def run(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        interpreter.set_tensor(source, _of_rank(image, rank))
        interpreter.invoke()
        # Views, not copies; the interpreter refuses its next run while one of them is alive.
        return ((name, interpreter.tensor(index)()) for index, name in watched.items())

    return run


def _of_rank(image: np.ndarray, rank: int) -> np.ndarray:
    """An image [1, H, W, C] as an input of `rank` dimensions takes it: gray ones may lack the axis of channels."""
    return image.reshape(image.shape[:rank])


def onnx_with_all_outputs(proto: onnx.ModelProto) -> tuple[bytes, list[str]]:
    """A float .onnx in which every activation is an output too, and their names."""
    import onnx

    described = onnx.shape_inference.infer_shapes(proto)
    known = {value.name: value for value in described.graph.value_info if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    written = [name for node in described.graph.node for name in node.output if name in known]
    names = [*written, *(value.name for value in described.graph.output)]
    described.graph.output.extend(known[name] for name in written)
    return described.SerializeToString(), names


def onnx_tensors(content: bytes, names: list[str]) -> Tensors:
    """Open what `onnx_with_all_outputs` gives."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    rank = len(session.get_inputs()[0].shape)

    def run(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        return zip(names, session.run(names, {INPUT: _of_rank(image, rank)}), strict=True)

    return run
