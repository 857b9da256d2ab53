"""The two file formats behind one contract: convert once, observe, snap, quantize many, finish."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.card import EMBEDDED, Card, Preprocessing
from edgecnn.export.interface import Interface
from edgecnn.progress import Progress
from edgecnn.settings import About

if TYPE_CHECKING:
    import keras
    import numpy as np

    from edgecnn.export.observe import Extremes, Tensors
    from edgecnn.export.ranges import Means, Ranges
    from edgecnn.export.reconstruct import Products, Window


class Format(Protocol):
    """Writes one file format. What `convert` gives is passed back to the other methods and means nothing outside them.

    Attributes:
        suffix: of the files, without the dot.
        interface: the ends that finished files have.
    """

    suffix: str
    interface: Interface

    def convert(self, model: keras.Model) -> Any:
        """The float32 form of a Keras model."""
        ...

    def for_integers(self, content: Any) -> Any:
        """The float32 form in operators that have fast integer kernels; `content` itself where all have."""
        ...

    def means(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Means:
        """Mean a channel of every tensor of the float32 form over uint8 RGB pictures [N, H, W, 3], or over inputs [N, ...] without preprocessing."""
        ...

    def extremes(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
        """Extremes and a sample of every tensor, over the same."""
        ...

    def products(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Products:
        """Second moments of what each layer with weights sees of its input, over the same."""
        ...

    def snap(self, content: Any, means: Means, products: Products) -> Any:
        """The float32 form with weights on int8's grid and biases corrected by the mean inputs of their layers.

        Each weight goes to its nearest step, or as `reconstruct` says where there are `products` of the layer's input.
        """
        ...

    def quantize(self, scheme: str, content: Any, ranges: Ranges | None, io: str, wide: Collection[str] = ()) -> Any:
        """Another scheme, derived from the float32 form; for int8, the activations of the operators `wide` stay in float."""
        ...

    def operators(self, content: Any) -> tuple[str, ...]:
        """Names of the float32 form's operators, in the order of computation."""
        ...

    def head(self, content: Any) -> tuple[str, ...]:
        """Those from the last one with weights on."""
        ...

    def finish(self, content: Any, card: Card, about: About) -> bytes:
        """The bytes of the file, with the card inside, and what else is to be said of the model where the format has a place for it."""
        ...

    def input_note(self, content: Any, quantized: bytes) -> str:
        """What a finished int8 file loses of the preprocessing in the float form's graph, in words; "" where there is none or it cannot be told."""
        ...

    def sparse(self, content: bytes) -> bytes:
        """A finished file with kernels of many zeros stored sparse; `content` itself where the format has no such form, or none is smaller."""
        ...

    def older(self, content: bytes, release: str) -> bytes:
        """A finished file in a form that the runtime of that release takes; `content` itself where it is one.

        Raises:
            CheckFailed: there is none.
        """
        ...


class TFLite:
    """.tflite by TensorFlow's converter and ai-edge-quantizer."""

    suffix = "tflite"

    def __init__(self, interface: Interface | None = None) -> None:
        self.interface = interface or Interface()

    def convert(self, model: keras.Model) -> bytes:
        return _room("tflite_float").convert(model)

    def for_integers(self, content: bytes) -> bytes:
        return _room("tflite_swish").spelled_out(_room("input_affine_tflite").with_input_affine(content))

    def means(self, content: bytes, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Means:
        return _means(self._tensors(content), pictures, preprocessing, 3, self.interface)

    def extremes(self, content: bytes, pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
        return _extremes(self._tensors(content), pictures, preprocessing, progress, self.interface)

    def _tensors(self, content: bytes) -> Callable[[], Tensors]:
        return partial(_room("observe").tflite_tensors, _room("flatbuffer").with_all_outputs(content))

    def products(self, content: bytes, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Products:
        return _products(self._tensors(content), pictures, preprocessing, _room("tflite_layers").windows(content), 3, self.interface)

    def snap(self, content: bytes, means: Means, products: Products) -> bytes:
        return _room("tflite_layers").snap(content, means, products)

    def quantize(self, scheme: str, content: bytes, ranges: Ranges | None, io: str, wide: Collection[str] = ()) -> bytes:
        room = _room("tflite_quantize")
        ranges = ranges and _room("input_affine_tflite").with_exact_ranges(content, ranges)
        return room.int8(content, ranges, io, wide) if scheme == "int8" else room.QUANTIZERS[scheme](content, ranges, io)

    def operators(self, content: bytes) -> tuple[str, ...]:
        return tuple(name for name, _ in _room("tflite_layers").operators(content))

    def head(self, content: bytes) -> tuple[str, ...]:
        return _from_last_weights(_room("tflite_layers").operators(content))

    def finish(self, content: bytes, card: Card, about: About) -> bytes:
        content = content if card.scheme in ("float32", "float16") else _room("one_scale").one_scale(content)
        return _room("shipping").finished(content, card, about, self.interface)

    def input_note(self, content: bytes, quantized: bytes) -> str:
        return str(_room("input_affine_tflite").measure_input_rounding(content, quantized) or "")

    def sparse(self, content: bytes) -> bytes:
        return _room("sparse").sparse(content)

    def older(self, content: bytes, release: str) -> bytes:
        return _room("older").tflite(content, release)


class ONNX:
    """.onnx by tf2onnx, onnxslim and ONNX Runtime's quantizer."""

    suffix = "onnx"

    def __init__(self, interface: Interface | None = None) -> None:
        self.interface = interface or Interface()

    def convert(self, model: keras.Model) -> Any:
        return _room("onnx_float").convert(model)

    def for_integers(self, content: Any) -> Any:
        return _room("input_affine_onnx").with_input_affine(content)

    def means(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Means:
        return _means(self._tensors(content), pictures, preprocessing, 1, self.interface)

    def extremes(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress) -> Mapping[str, Extremes]:
        return _extremes(self._tensors(content), pictures, preprocessing, progress, self.interface)

    def _tensors(self, content: Any) -> Callable[[], Tensors]:
        return partial(_room("observe").onnx_tensors, *_room("observe").onnx_with_all_outputs(content))

    def products(self, content: Any, pictures: np.ndarray, preprocessing: Preprocessing | None) -> Products:
        return _products(self._tensors(content), pictures, preprocessing, _room("onnx_layers").windows(content), 1, self.interface)

    def snap(self, content: Any, means: Means, products: Products) -> Any:
        return _room("onnx_layers").snap(content, means, products)

    def quantize(self, scheme: str, content: Any, ranges: Ranges | None, io: str, wide: Collection[str] = ()) -> Any:
        room = _room("onnx_quantize")
        nodes = _room("onnx_layers").nodes(content, wide)
        ranges = ranges and _room("input_affine_onnx").with_exact_ranges(content, ranges)
        return room.int8(content, ranges, nodes) if scheme == "int8" else room.QUANTIZERS[scheme](content, ranges)

    def operators(self, content: Any) -> tuple[str, ...]:
        return tuple(name for name, _ in _room("onnx_layers").operators(content))

    def head(self, content: Any) -> tuple[str, ...]:
        return _from_last_weights(_room("onnx_layers").operators(content))

    def finish(self, content: Any, card: Card, about: About) -> bytes:
        # Names of https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md.
        said = {"model_author": about.author, "model_license": about.license}
        entries = {EMBEDDED: card.dumps(lines=False), **{key: value for key, value in said.items() if value}}
        return _room("onnx_finish").finished(content, entries, self.interface)

    def input_note(self, content: Any, quantized: bytes) -> str:
        import onnx

        return str(_room("input_affine_onnx").measure_input_rounding(content, onnx.load_from_string(quantized)) or "")

    def sparse(self, content: bytes) -> bytes:
        return content

    def older(self, content: bytes, release: str) -> bytes:
        return _room("older").onnx_file(content, release)


def _from_last_weights(operators: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
    """Of (name, whether it has weights), the names from the last one with weights on; all where none has."""
    last = max((place for place, (_, weights) in enumerate(operators) if weights), default=0)
    return tuple(name for name, _ in operators[last:])


FORMATS: dict[str, type[Format]] = {"tflite": TFLite, "onnx": ONNX}


def _means(tensors: Callable[[], Tensors], pictures: np.ndarray, preprocessing: Preprocessing | None, channel_axis: int, interface: Interface) -> Means:
    room = _room("observe")
    seen = room.observe(tensors, pictures, preprocessing, lambda name: room.Means(channel_axis), encode=interface.encode)
    return {name: tally.means for name, tally in seen.items()}


def _products(
    tensors: Callable[[], Tensors],
    pictures: np.ndarray,
    preprocessing: Preprocessing | None,
    windows: Mapping[str, Sequence[Window]],
    channel_axis: int,
    interface: Interface,
) -> Products:
    """Second moments of each tensor under each of its windows; those of one tensor are looked at in one run."""
    room = _room("reconstruct")

    def tally(name: str) -> Any:
        return room.Several(windows[name], channel_axis == 1) if name in windows else None

    seen = _room("observe").observe(tensors, pictures, preprocessing, tally, encode=interface.encode)
    return {(name, products.window): products.total for name, several in seen.items() for products in several.each if products.enough}


def _extremes(
    tensors: Callable[[], Tensors], pictures: np.ndarray, preprocessing: Preprocessing | None, progress: Progress, interface: Interface
) -> Mapping[str, Extremes]:
    room = _room("observe")
    each = max(1, room.SAMPLE // len(pictures))
    return room.observe(tensors, pictures, preprocessing, lambda name: room.Extremes(each), progress, encode=interface.encode)


def _room(name: str) -> Any:
    """Loaded when it is first used: who writes TFLite only pays for no ONNX, and the other way round."""
    return importlib.import_module(f"edgecnn.export.{name}")
