"""Runs .tflite files with LiteRT on the processor (XNNPACK)."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.runtime import tflite_file
from edgecnn.runtime.base import PictureRunner, as_rows, in_words, padded
from edgecnn.runtime.contract import RawPixels, Tensor
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.scores import kind_of_activation
from edgecnn.runtime.tensor_shapes import input_layout, only, output_scores, select_output, settle

INPUTS = ("float32", "uint8", "int8", "int16")

# One thread at a time redirects the process's standard error.
_MUTING = threading.Lock()


class LiteRTRunner(PictureRunner):
    """A .tflite file; see `contract.Runner`."""

    def __init__(self, path: Path, *, preprocessing: Preprocessing | RawPixels | None = None, threads: int = 1) -> None:
        content = tflite_file.chosen(path, files.read_bytes(path, ".tflite model"))
        info = tflite_file.info(path, content)
        given, which = only(path, list(info.inputs), "input"), select_output(path, list(info.outputs))
        result = info.outputs[which]
        layout = input_layout(path, given)
        if given.dtype not in INPUTS:
            raise BadFile(f"{path}: input {given.name} is {given.dtype}; expected {', '.join(INPUTS)}")
        chosen = settle(path, layout, info.card, preprocessing)
        batch = layout.batch or 1
        shape = layout.shape(batch, chosen.height, chosen.width)
        self._interpreter = _interpreter(path, content, threads, shape)
        ends = self._interpreter.get_output_details()
        self._in, self._out = self._interpreter.get_input_details()[0]["index"], ends[which]["index"]
        num_scores = output_scores(path, result) or int(ends[which]["shape"][-1])
        super().__init__(path, info.card, chosen, (given, result), num_scores, batch)
        self._layout, self._threads = layout, threads
        self._encode = self._encoder(chosen)
        self.score_kind = self.score_kind or kind_of_activation(info.last_activation if len(info.outputs) == 1 else "", num_scores)

    def again(self) -> LiteRTRunner:
        """The file opened once more, in memory of its own."""
        return LiteRTRunner(self.path, preprocessing=self.preprocessing, threads=self._threads)

    def _encoder(self, preprocessing: Preprocessing) -> Encoder:
        tensor, layout = self.input, self._layout
        return Encoder(
            preprocessing,
            tensor.dtype,
            tensor.scale,
            tensor.zero_point,
            channels_first=layout.channels_first,
            has_channel_axis=layout.has_channel_axis,
        )

    def latencies(self, runs: int) -> list[float]:
        """Seconds a picture of each of `runs` runs."""
        self._fill(self._sample())
        invoke, times = self._interpreter.invoke, []
        with in_words(self.path, "LiteRT"):
            for _ in range(runs):
                start = time.perf_counter()
                invoke()
                times.append((time.perf_counter() - start) / self.batch)
        return times

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None

    def _run(self, pictures: np.ndarray) -> np.ndarray:
        self._fill(padded(pictures, self.batch))
        return self._invoked(len(pictures))

    def _feed(self, stored: np.ndarray) -> np.ndarray:
        self._interpreter.tensor(self._in)()[...] = padded(stored, self.batch)
        return self._invoked(len(stored))

    def _invoked(self, count: int) -> np.ndarray:
        with in_words(self.path, "LiteRT"):
            self._interpreter.invoke()
        rows = as_rows(self.path, self._interpreter.get_tensor(self._out), self.batch, self.num_scores)[:count]
        return dequantize(rows, self.output)

    def _fill(self, pictures: np.ndarray) -> None:
        # The view is written in place and goes out of scope before `invoke`, which refuses to run while one is alive.
        self._encode(pictures, self._interpreter.tensor(self._in)())


def dequantize(stored: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Real numbers, float32, from what a tensor stores."""
    if tensor.scale is None:
        return stored.astype(np.float32, copy=False)
    return (stored.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)


def _interpreter(path: Path, content: bytes, threads: int, shape: tuple[int, ...]) -> Interpreter:
    try:
        with mute():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            given = interpreter.get_input_details()[0]
            if tuple(given["shape"]) != shape:
                interpreter.resize_tensor_input(given["index"], shape)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadFile(f"{path}: LiteRT cannot run it: {_reason(error)}") from error
    return interpreter


@contextlib.contextmanager
def mute() -> Iterator[None]:
    """Keep LiteRT's native log ("Created TensorFlow Lite XNNPACK delegate") off the terminal; it has no switch, and what matters comes as an exception."""
    with _MUTING:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "Select TensorFlow op" in text or "Flex" in text:
        return "it needs TensorFlow's own operators (Flex), which LiteRT leaves out; convert it with TFLITE_BUILTINS only"
    if "unresolved custom op" in text:
        return f"it has a custom operator that LiteRT does not know ({text[:160]})"
    return text[:240]
