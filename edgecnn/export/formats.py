"""The two file formats behind one contract: convert once, observe, snap, quantize many, finish."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.card import EMBEDDED, Card, Preprocessing
from edgecnn.progress import Progress

if TYPE_CHECKING:
    import keras
    import numpy as np

    from edgecnn.export.observe import Observed
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

    def observe(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing, progress: Progress) -> Mapping[str, Observed]:
        """What flows through the float32 form over uint8 RGB pictures [N, H, W, 3], tensor by tensor."""
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


class TFLite:
    """.tflite by TensorFlow's converter and ai-edge-quantizer."""

    suffix = "tflite"

    def convert(self, model: keras.Model) -> bytes:
        return _room("tflite_float").convert(model)

    def observe(self, content: bytes, pictures: np.ndarray, preprocessing: Preprocessing, progress: Progress) -> Mapping[str, Observed]:
        room = _room("observe")
        return room.observe(lambda: room.tflite_tensors(content), pictures, preprocessing, 3, progress)

    def snap(self, content: bytes, means: Means) -> bytes:
        return _room("tflite_layers").snap(content, means)

    def quantize(self, scheme: str, content: bytes, ranges: Ranges | None, io: str) -> bytes:
        return _room("tflite_quantize").QUANTIZERS[scheme](content, ranges, io)

    def finish(self, content: bytes, card: Card) -> bytes:
        # The converter computed the oldest runtime for the float operators; for derived ones it would be wrong.
        stale = () if card.scheme == "float32" else ("min_runtime_version",)
        return _room("flatbuffer").finished(content, {EMBEDDED: card.dumps(lines=False).encode()}, stale)


class ONNX:
    """.onnx by tf2onnx, onnxslim and ONNX Runtime's quantizer."""

    suffix = "onnx"

    def convert(self, model: keras.Model) -> Any:
        return _room("onnx_float").convert(model)

    def observe(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing, progress: Progress) -> Mapping[str, Observed]:
        room, content = _room("observe"), content.SerializeToString()
        return room.observe(lambda: room.onnx_tensors(content), pictures, preprocessing, 1, progress)

    def snap(self, content: Any, means: Means) -> Any:
        return _room("onnx_layers").snap(content, means)

    def quantize(self, scheme: str, content: Any, ranges: Ranges | None, io: str) -> Any:
        return _room("onnx_quantize").QUANTIZERS[scheme](content, ranges)

    def finish(self, content: Any, card: Card) -> bytes:
        return _room("onnx_float").finished(content, {EMBEDDED: card.dumps(lines=False)})


FORMATS: dict[str, type[Format]] = {"tflite": TFLite, "onnx": ONNX}


def _room(name: str) -> Any:
    """Loaded when it is first used: who writes TFLite only pays for no ONNX, and the other way round."""
    return importlib.import_module(f"edgecnn.export.{name}")
