"""Grouped convolutions as one native operator against one convolution a group between slices and a concatenation; a part of tools/benchmark.py.

The network is ResNeXt-50 32x4d. Its sliced twin has the same weights, cut up, and is the same function; that is checked first. `edgecnn train` computes
native groups by dense convolutions where there is no GPU (edgecnn/train/processor.py): XLA's gradients of grouped ones are slow on a processor.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from edgecnn import build, export
from edgecnn.arch.lively import enliven
from edgecnn.card import Preprocessing
from edgecnn.export.check import generated
from edgecnn.runtime import file_info, onnx_file, tflite_file
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Export
from edgecnn.train import optimizer, processor

NETWORK, CLASSES, SIZE, BATCH = "resnext50_32x4d", 10, 64, 16
DESCRIBE = {".tflite": tflite_file.describe, ".onnx": onnx_file.describe}


@keras.saving.register_keras_serializable("edgecnn_benchmark")
class Sliced(layers.Layer):
    """A grouped convolution as teaching notebooks write it: [N, H, W, C] -> slices of channels, a convolution on each -> [N, H/stride, W/stride, filters]."""

    def __init__(self, groups: int, filters: int, kernel: int, stride: int, padding: str, name: str, trainable: bool = True, dtype: Any = None) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.settings = {"groups": groups, "filters": filters, "kernel": kernel, "stride": stride, "padding": padding}
        self.parts = [layers.Conv2D(filters // groups, kernel, stride, padding, use_bias=False) for _ in range(groups)]

    def build(self, shape: tuple[int | None, ...]) -> None:
        """One small convolution a group."""
        self.width = shape[-1] // len(self.parts)
        for part in self.parts:
            part.build((*shape[:-1], self.width))

    def call(self, x: Any) -> Any:
        """Slices, convolutions, concatenation."""
        return keras.ops.concatenate([part(x[..., i * self.width : (i + 1) * self.width]) for i, part in enumerate(self.parts)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), **self.settings}


def measure(folder: Path, pictures: Path, rounds: int) -> None:
    """Print time of a training step, bytes and operators of both forms, and their ratios."""
    keras.utils.set_random_seed(0)
    native = build(NETWORK, classes=CLASSES, image_size=SIZE)
    preprocessing = Preprocessing(SIZE, SIZE)
    enliven(native, prepare(generated(preprocessing, 16), preprocessing))
    ways = {"native groups": native, "sliced": sliced(native)}
    _check(*ways.values())
    trained = {"edgecnn train": native if optimizer.accelerated() else processor.for_processor(native), "sliced": ways["sliced"], "native groups": native}
    for name, seconds in _steps(trained, rounds).items():
        print(f"  {name:<16} {1000 * seconds[0]:9.1f} ms a training step of {BATCH} pictures of {SIZE}x{SIZE}   {seconds[1]:5.2f}x")
    found = {name: _files(model, folder / name.split()[0], pictures) for name, model in ways.items()}
    for file, (_, operators, size) in found["native groups"].items():
        for name in ways:
            _, count, taken = found[name][file]
            print(f"  {name:<16} {file:<16} {taken:11,} bytes {taken / size:5.2f}x   {count:6,} operators {count / operators:5.2f}x")


def sliced(native: keras.Model) -> keras.Model:
    """The same function with every grouped convolution cut up."""

    def replaced(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, layers.Conv2D) and layer.groups > 1:
            return Sliced(layer.groups, layer.filters, layer.kernel_size[0], layer.strides[0], layer.padding, layer.name)
        return layer.__class__.from_config(layer.get_config())

    twin = keras.models.clone_model(native, clone_function=replaced)
    for layer in twin.layers:
        weights = native.get_layer(layer.name).get_weights()
        if isinstance(layer, Sliced):
            weights = np.split(weights[0], len(layer.parts), axis=-1)
        layer.set_weights(weights)
    return twin


def _check(native: keras.Model, twin: keras.Model) -> None:
    """Both must be one function, or their times say nothing."""
    batch = np.random.default_rng(0).uniform(-1, 1, (2, SIZE, SIZE, 3)).astype("float32")
    expected, got = (model.predict(batch, verbose=0) for model in (native, twin))
    if not np.abs(got - expected).max() <= 1e-4 * expected.std():
        raise SystemExit("the sliced network is not the same function as the native one")


def _steps(ways: dict[str, keras.Model], rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds of a training step, the median of alternating rounds, and the ratio to the first way. The first round, which compiles, is not counted."""
    rng = np.random.default_rng(0)
    images, labels = rng.uniform(-1, 1, (BATCH, SIZE, SIZE, 3)).astype("float32"), rng.integers(0, CLASSES, BATCH)
    for model in ways.values():
        model.compile(keras.optimizers.SGD(1e-4, momentum=0.9), "sparse_categorical_crossentropy", jit_compile=optimizer.jit())
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, model in ways.items():
            began = time.perf_counter()
            model.train_on_batch(images, labels)
            times[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    base = next(iter(middle.values()))
    return {name: (seconds, seconds / base) for name, seconds in middle.items()}


def _files(model: keras.Model, folder: Path, pictures: Path) -> dict[str, tuple[Path, int, int]]:
    """Export; scheme and suffix -> path, number of operators, bytes."""
    folder.mkdir()
    model.save(folder / "net.keras")
    # Made-up weights: rounded to int8 they answer something else, and only sizes are read here.
    settings = Export(schemes=("float32", "int8"), calibration=16, min_agreement=0.0)
    written = export(folder / "net.keras", settings=settings, data=pictures, preprocessing=Preprocessing(SIZE, SIZE))
    return {f"{one.scheme} {one.path.suffix}": (one.path, len(_described(one.path).operators), one.bytes) for one in written}


def _described(path: Path) -> file_info.FileInfo:
    return DESCRIBE[path.suffix](path)
