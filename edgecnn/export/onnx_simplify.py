"""A float ONNX graph with fewer operators, where that changes no score: constants and batch norms folded, pieces put together."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import onnxruntime
import onnxslim

from edgecnn.card import INPUT, OUTPUT
from edgecnn.export import onnx_fuse

# How far the scores of two forms may differ, in shares of their spread.
TOLERANCE = 1e-3


def simplified(plain: onnx.ModelProto, inputs: list[np.ndarray]) -> onnx.ModelProto:
    """The form with the fewest operators that gives the scores of `plain`; a tool that fails, or changes an answer, is done without."""
    expected = _scores(plain, inputs)

    def folded() -> onnx.ModelProto:
        return onnxslim.slim(_copy(plain))

    forms: tuple[Callable[[], onnx.ModelProto], ...] = (lambda: onnx_fuse.fuse(folded()), folded)
    for form in forms:
        # Whatever goes wrong in another tool, the plain graph serves.
        with contextlib.suppress(Exception):
            candidate = _settled(form(), plain)
            if _are_close(_scores(candidate, inputs), expected):
                return candidate
    return plain


def _settled(proto: onnx.ModelProto, plain: onnx.ModelProto) -> onnx.ModelProto:
    """A simplified graph with the ends of `plain`, names for its nodes, and the shapes that follow."""
    for field in ("input", "output"):
        del getattr(proto.graph, field)[:]
        getattr(proto.graph, field).extend(getattr(plain.graph, field))
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        node.name = next(name for name in node.output if name)
    onnx.checker.check_model(proto, full_check=True)
    return onnx.shape_inference.infer_shapes(proto)


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


def _scores(proto: onnx.ModelProto, inputs: list[np.ndarray]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.stack([session.run([OUTPUT], {INPUT: part})[0] for part in inputs])


def _are_close(scores: np.ndarray, expected: np.ndarray) -> bool:
    if scores.shape != expected.shape:
        return False
    spread = float(expected.std())
    return bool(np.abs(scores - expected).max() <= TOLERANCE * spread + 1e-5 * float(np.abs(expected).max()))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """onnxslim and onnx print and log what no user can act on."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
