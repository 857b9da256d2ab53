"""Runs .onnx files with ONNX Runtime on the processor."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edgecnn import card as cards
from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.runtime import ort_reason
from edgecnn.runtime.base import PictureRunner, as_rows, in_words, padded
from edgecnn.runtime.contract import RawPixels, Tensor
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.tensor_shapes import Layout, input_layout, only, output_scores, select_output, settle

_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}
_TYPES |= {f"tensor({name})": name for name in ("int16", "int32", "int64")}
RUNTIME = "ONNX Runtime"
INPUTS = ("float32", "float16", "float64", "uint8", "int8", "int16", "int32", "int64")
# Pictures of one run where the file leaves the batch open: enough to hide the cost of a call, few enough to stay in the cache.
BATCH = 8


class OrtRunner(PictureRunner):
    """An .onnx file; see `contract.Runner`.

    ONNX declares no scale for an integer input: uint8 is taken to be the byte itself and int8 the byte minus 128, scaled inside the graph.
    """

    checks_batch = True

    def __init__(self, path: Path, *, preprocessing: Preprocessing | RawPixels | None = None, threads: int = 1) -> None:
        self._session = _session(path, threads)
        given = only(path, [_tensor(t) for t in self._session.get_inputs()], "input")
        outputs = [_tensor(t) for t in self._session.get_outputs()]
        result = outputs[select_output(path, outputs)]
        layout = input_layout(path, given)
        if given.dtype not in INPUTS:
            raise BadFile(f"{path}: input {given.name} is {given.dtype}; expected {', '.join(INPUTS)}")
        embedded = self._session.get_modelmeta().custom_metadata_map.get(cards.EMBEDDED)
        card = cards.loads(embedded, path) if embedded else None
        chosen = settle(path, layout, card, preprocessing)
        self._layout, self._shape = layout, layout.shape(1, chosen.height, chosen.width)[1:]
        num_scores = output_scores(path, result) or self._probe(path, given, result.name, layout.batch or 1)
        super().__init__(path, card, chosen, (given, result), num_scores, layout.batch or BATCH)
        self._encode = self._encoder(chosen)
        self._fixed = layout.batch is not None
        self._threads = threads

    def again(self) -> OrtRunner:
        """The file opened once more, in memory of its own."""
        return OrtRunner(self.path, preprocessing=self.preprocessing, threads=self._threads)

    def _encoder(self, preprocessing: Preprocessing) -> Encoder:
        return _encoder(preprocessing, self.input.dtype, self._layout)

    def latencies(self, runs: int) -> list[float]:
        """Seconds a picture of each of `runs` runs."""
        batch = self.batch if self._fixed else 1
        feed, names = {self.input.name: self._encode(self._sample()[:batch])}, [self.output.name]
        run, times = self._session.run, []
        with in_words(self.path, RUNTIME):
            for _ in range(runs):
                start = time.perf_counter()
                run(names, feed)
                times.append((time.perf_counter() - start) / batch)
        return times

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def _run(self, pictures: np.ndarray) -> np.ndarray:
        return self._feed(self._encode(pictures))

    def _feed(self, stored: np.ndarray) -> np.ndarray:
        batch = padded(stored, self.batch) if self._fixed else stored
        with in_words(self.path, RUNTIME):
            rows = self._session.run([self.output.name], {self.input.name: batch})[0]
        return as_rows(self.path, rows, len(batch), self.num_scores)[: len(stored)].astype(np.float32)

    def _probe(self, path: Path, given: Tensor, output: str, batch: int) -> int:
        """Length of the row of scores of a file that does not declare it."""
        with in_words(path, RUNTIME):
            rows = self._session.run([output], {given.name: np.zeros((batch, *self._shape), given.dtype)})[0]
        shape = (None, *rows.shape[1:]) if rows.ndim > 1 else rows.shape
        return output_scores(path, Tensor("output", shape, rows.dtype.name)) or 0


def _encoder(preprocessing: Preprocessing, dtype: str, layout: Layout) -> Encoder:
    axes = {"channels_first": layout.channels_first, "has_channel_axis": layout.has_channel_axis}
    if dtype.startswith("float"):
        return Encoder(preprocessing, dtype, **axes)
    byte = replace(preprocessing, mean=(0.0,), std=(1.0,))
    return Encoder(byte, dtype, 1.0, -128 if dtype == "int8" else 0, **axes)


def _tensor(raw: Any) -> Tensor:
    shape = tuple(d if isinstance(d, int) and d > 0 else None for d in raw.shape)
    return Tensor(raw.name, shape, _TYPES.get(raw.type, raw.type))


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads of one session must not take the processor from the runner that is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's exceptions have no common base but Exception.
    except Exception as error:
        raise BadFile(f"{path}: {ort_reason.words(path, str(error), onnxruntime.__version__)}") from error
