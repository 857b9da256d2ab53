"""The two file formats behind one contract: convert once, observe, snap, quantize many, finish."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.card import EMBEDDED, Card, Preprocessing
from edgecnn.progress import Progress

if TYPE_CHECKING:
    import keras
    import numpy as np

    from edgecnn.export.observe import Extremes, Tensors
    from edgecnn.export.ranges import Means, Ranges


class Format(Protocol):
    """Writes one file format. What `convert` gives is passed back to the other methods and means nothing outside them.

    Attributes:
        suffix: of the files, without the dot.
    """

    suffix: str

    def convert(self, model: keras.Model) -> Any:
        """The float32 form of a Keras model."""
        ...

    def means(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Means:
        """Mean a channel of every tensor of the float32 form over uint8 RGB pictures [N, H, W, 3], or over inputs [N, ...] without preprocessing."""
        ...

    def extremes(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
        """Extremes and a sample of every tensor, over the same."""
        ...

    def snap(self, content: Any, means: Means) -> Any:
        """The float32 form with weights rounded to int8's grid and biases corrected by the mean inputs of their layers."""
        ...

    def quantize(self, scheme: str, content: Any, ranges: Ranges | None, io: str) -> Any:
        """Another scheme, derived from the float32 form."""
        ...

    def finish(self, content: Any, card: Card) -> bytes:
        """The bytes of the file, with the card inside."""
        ...

    def sparse(self, content: bytes) -> bytes:
        """A finished file with kernels of many zeros stored sparse; `content` itself where the format has no such form, or none is smaller."""
        ...


class TFLite:
    """.tflite by TensorFlow's converter and ai-edge-quantizer."""

    suffix = "tflite"

    def convert(self, model: keras.Model) -> bytes:
        return _room("tflite_float").convert(model)

    def means(self, content: bytes, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Means:
        return _means(self._tensors(content), pictures, preprocessing, 3)

    def extremes(self, content: bytes, pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
        return _extremes(self._tensors(content), pictures, preprocessing, progress)

    def _tensors(self, content: bytes) -> Callable[[], Tensors]:
        return partial(_room("observe").tflite_tensors, _room("flatbuffer").with_all_outputs(content))

    def snap(self, content: bytes, means: Means) -> bytes:
        return _room("tflite_layers").snap(content, means)

    def quantize(self, scheme: str, content: bytes, ranges: Ranges | None, io: str) -> bytes:
        return _room("tflite_quantize").QUANTIZERS[scheme](content, ranges, io)

    def finish(self, content: bytes, card: Card) -> bytes:
        # The converter computed the oldest runtime for the float operators; for derived ones it would be wrong.
        stale = () if card.scheme == "float32" else ("min_runtime_version",)
        content = content if card.scheme in ("float32", "float16") else _room("one_scale").one_scale(content)
        return _room("flatbuffer").finished(content, {EMBEDDED: card.dumps(lines=False).encode()}, stale)

    def sparse(self, content: bytes) -> bytes:
        return _room("sparse").sparse(content)


class ONNX:
    """.onnx by tf2onnx, onnxslim and ONNX Runtime's quantizer."""

    suffix = "onnx"

    def convert(self, model: keras.Model) -> Any:
        return _room("onnx_float").convert(model)

    def means(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Means:
        return _means(self._tensors(content), pictures, preprocessing, 1)

    def extremes(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
        return _extremes(self._tensors(content), pictures, preprocessing, progress)

    def _tensors(self, content: Any) -> Callable[[], Tensors]:
        return partial(_room("observe").onnx_tensors, *_room("observe").onnx_with_all_outputs(content))

    def snap(self, content: Any, means: Means) -> Any:
        return _room("onnx_layers").snap(content, means)

    def quantize(self, scheme: str, content: Any, ranges: Ranges | None, io: str) -> Any:
        return _room("onnx_quantize").QUANTIZERS[scheme](content, ranges)

    def finish(self, content: Any, card: Card) -> bytes:
        return _room("onnx_float").finished(content, {EMBEDDED: card.dumps(lines=False)})

    def sparse(self, content: bytes) -> bytes:
        return content


FORMATS: dict[str, type[Format]] = {"tflite": TFLite, "onnx": ONNX}


def _means(tensors: Callable[[], Tensors], pictures: np.ndarray, preprocessing: Preprocessing | None, channel_axis: int) -> Means:
    room = _room("observe")
    seen = room.observe(tensors, pictures, preprocessing, partial(room.Means, channel_axis))
    return {name: tally.means for name, tally in seen.items()}


def _extremes(tensors: Callable[[], Tensors], pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
    room = _room("observe")
    return room.observe(tensors, pictures, preprocessing, partial(room.Extremes, max(1, room.SAMPLE // len(pictures))), progress)


def _room(name: str) -> Any:
    """Loaded when it is first used: who writes TFLite only pays for no ONNX, and the other way round."""
    return importlib.import_module(f"edgecnn.export.{name}")
