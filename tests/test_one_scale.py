"""Clustered kernels of an int8 file have one scale and few values; all others keep theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers import ROOT, edgecnn

from edgecnn import card as cards
from edgecnn import files, runtime
from edgecnn.compress.quantizers import on_grid
from edgecnn.export import Exported, export, flatbuffer, one_scale
from edgecnn.settings import Export

MODELS = ROOT / "models"


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/squeezenet.keras with 90 % zeros and 8 other values in each larger kernel."""
    net = keras.saving.load_model(MODELS / "squeezenet.keras", compile=False)
    for layer in net.layers:
        if layer.weights and layer.kernel.shape[-1] * layer.kernel.shape[-2] > 500:
            kernel = layer.kernel.numpy()
            levels = np.quantile(kernel, np.linspace(0.005, 0.995, 8))
            near = levels[np.abs(kernel[..., None] - levels).argmin(-1)]
            layer.kernel.assign(on_grid(np.where(np.abs(kernel) < np.quantile(np.abs(kernel), 0.9), 0, near), None))
    path = tmp_path_factory.mktemp("clustered") / "clustered.keras"
    net.save(path)
    cards.write(path, replace(cards.read(MODELS / "squeezenet.keras"), weights_sha256=files.sha256(path), ranges={}, means={}, calibration={}))
    return path


@pytest.fixture(scope="module")
def dense(clustered: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    out = tmp_path_factory.mktemp("dense")
    (made,) = export(clustered, settings=Export(("int8",), ("tflite",), sparse=False, calibration=32, min_agreement=0.0), out=out)
    return made


def kernels(path: Path) -> list[tuple[np.ndarray, int]]:
    """(int8 values, how many scales) of each kernel of a convolution."""
    model = flatbuffer.read(path.read_bytes())
    tensors = [t for t in model.subgraphs[0].tensors if t.type == 9 and t.buffer and len(t.shape) == 4 and model.buffers[t.buffer].data is not None]
    return [(np.frombuffer(bytes(model.buffers[t.buffer].data), np.int8), len(t.quantization.scale)) for t in tensors]


def test_a_clustered_kernel_has_one_scale_and_its_few_values(dense: Exported):
    found = kernels(dense.path)
    few = [(values, scales) for values, scales in found if scales == 1]
    assert len(few) == 25, "of SqueezeNet's 26 convolutions, all but the first"
    assert max(len(np.unique(values)) for values, _ in few) <= 9
    assert (dense.dense, dense.storage) == (0, "")


def test_the_file_does_what_the_network_does(clustered: Path, dense: Exported):
    """Scales and biases that do not fit each other would change every answer."""
    pictures = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8)
    exact, whole = (runtime.open_model(path)(pictures) for path in (clustered, dense.path))
    assert (exact.argmax(-1) == whole.argmax(-1)).mean() > 0.9
    assert np.abs(exact - whole).mean() < 0.02


def test_a_kernel_of_many_values_keeps_its_scales():
    content = (MODELS / "squeezenet_int8.tflite").read_bytes()
    assert one_scale.one_scale(content) is content


def test_export_stores_it_sparse_and_says_so(clustered: Path, dense: Exported, tmp_path: Path):
    result = edgecnn("export", clustered, "--int8", "--tflite", "--calibration", 32, "--out", tmp_path)
    made = tmp_path / "squeezenet_int8.tflite"
    assert result.code == 0, result.err
    assert made.stat().st_size < 0.5 * dense.bytes
    assert f"stored sparse, {made.stat().st_size:,} bytes instead of {dense.bytes:,}" in " ".join(result.out.split())
    assert runtime.describe(made).sparse_kernels == 25
    kept = edgecnn("export", clustered, "--int8", "--tflite", "--calibration", 32, "--out", tmp_path, "--no-sparse")
    assert "stored sparse" not in kept.out
    assert made.stat().st_size == dense.bytes
