"""What `edgecnn info` tells of a Keras model, in the words that exported files are told in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import keras

from edgecnn.arch import macs
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.file_info import FileInfo, Operator
from edgecnn.runtime.keras_model import load, own_card


def describe(path: Path) -> FileInfo:
    """Layers, counts and card of a Keras model; BadFile when it cannot be loaded."""
    card, model = own_card(path), load(path)
    weight_bytes: Counter[str] = Counter()
    for weight in model.weights:
        weight_bytes[str(weight.dtype)] += _bytes(weight)
    return FileInfo(
        path=path,
        format=f"Keras {keras.__version__}",
        bytes=sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size,
        inputs=tuple(_tensor(t) for t in model.inputs),
        outputs=tuple(_tensor(t) for t in model.outputs),
        operators=tuple(_layer(layer) for layer in model.layers),
        weight_bytes=dict(weight_bytes),
        card=card,
    )


def _layer(layer: keras.Layer) -> Operator:
    shape = layer.output.shape if isinstance(layer.output, keras.KerasTensor) else ()
    total = sum(_bytes(w) for w in layer.weights)
    return Operator(type(layer).__name__, layer.name, tuple(shape), layer.count_params(), total, macs.of_layer(layer))


def _bytes(weight: keras.Variable) -> int:
    return int(weight.numpy().nbytes)


def _tensor(raw: keras.KerasTensor) -> Tensor:
    return Tensor(raw.name, tuple(raw.shape), str(raw.dtype))
