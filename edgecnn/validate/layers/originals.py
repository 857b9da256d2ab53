"""The float network that a file's tensors are held against, in the file's own format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import zoo
from edgecnn.errors import BadData

if TYPE_CHECKING:
    from edgecnn.validate.layers.net import Network


def opened(path: Path, suffix: str) -> Network:
    """The network in `path`; a Keras model is converted to the float file of that format.

    Raises:
        BadData: it is a file of another format. BadFile: missing, damaged, or not to be converted.
    """
    own = path.suffix.lower()
    if own != suffix and not zoo.is_keras(path):
        raise BadData(f"{path} is no {suffix} file: tensors are matched within one format; name the float {suffix} file or the .keras model with --against")
    if suffix == ".tflite":
        from edgecnn.validate.layers import tflite

        return tflite.read(path) if own == suffix else tflite.TFLiteNetwork(_converted(path, "tflite"), str(path))
    from edgecnn.validate.layers import onnx

    return onnx.read(path) if own == suffix else onnx.ONNXNetwork(_converted(path, "onnx"), str(path))


def _converted(path: Path, suffix: str) -> object:
    from edgecnn.export.formats import FORMATS
    from edgecnn.runtime import keras_model

    return FORMATS[suffix]().convert(keras_model.load(path))
