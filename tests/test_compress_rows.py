"""Every row of the catalog is pruned, clustered and trained under int8's rounding, and its int8 file is integer from input to output."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from exporting import tflite_operators
from miniatures import miniature
from test_legacy_keras import stirred

from edgecnn import arch
from edgecnn.arch.lively import enliven
from edgecnn.card import Preprocessing
from edgecnn.catalog import CATALOG
from edgecnn.compress import compress, fit
from edgecnn.compress.legacy_keras import to_legacy
from edgecnn.compress.quantize_aware import Awareness, outputs
from edgecnn.data import Dataset, Split
from edgecnn.export import export
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import FINE_TUNING, Cluster, Compress, Export, Prune, QuantizeAware

SOME = ("mobilenet_v3_small",)
ROWS = [pytest.param(name, marks=() if name in SOME else pytest.mark.slow) for name in CATALOG]
TRAIN = replace(FINE_TUNING, epochs=1, batch_size=4, learning_rate=1e-5)


def photos(net: keras.Model) -> Dataset:
    """Noise in seven classes, at the size of the input."""
    height, width, _ = net.input.shape[1:]
    random = np.random.default_rng(0)

    def split(count: int) -> Split:
        return Split(random.integers(0, 256, (count, height, width, 3), dtype=np.uint8), random.integers(0, 7, count), tuple(map(str, range(count))))

    return Dataset("noise", tuple("abcdefg"), {"train": split(8), "val": split(4), "test": split(4)}, "0" * 64)


def zeros_of(net: keras.Model) -> float:
    """0.3, or less where a miniature has few weights outside of depthwise kernels and batch norms."""
    kernels = [layer.kernel.shape for layer in net.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    pruned = kernels[1:] if len(kernels[0]) == 4 else kernels  # a first convolution is left alone
    return min(0.3, round(0.8 * sum(int(np.prod(shape)) for shape in pruned) / net.count_params(), 2))


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_compressed_and_its_int8_file_is_integer(name, tmp_path):
    net = miniature(name)
    data, channels = photos(net), net.input.shape[-1]
    size = Preprocessing(*net.input.shape[1:3], "grey" if channels == 1 else "rgb", (128.0,), (128.0,))
    enliven(net, prepare(data.splits["train"].pictures, size))
    net.save(tmp_path / "net.keras")
    share = zeros_of(net)
    wish = Compress(prune=Prune(share, until=0.5, every=1), cluster=Cluster(16), quantize=QuantizeAware(observe=2), train=TRAIN)
    found = compress(tmp_path / "net.keras", settings=wish, data=data, preprocessing=size)
    assert found.zeros == pytest.approx(share, abs=0.02)
    wish = Export(("int8",), ("tflite",), calibration=8, min_agreement=0.0)
    (written,) = export(found.path, settings=wish, data=data, preprocessing=size)
    floats = [operator.kind for operator in tflite_operators(written.path) if "FLOAT32" in operator.types]
    assert not floats


def test_outputs_are_rounded_where_the_file_has_tensors_between_its_operators():
    """A convolution, its batch norm and its ReLU are one operator of the file; an addition and the ReLU behind it, too."""
    net = arch.build("resnet20", classes=7, image_size=32)
    named = outputs(to_legacy(net, "logits"))
    kinds = {name: type(net.get_layer(name)).__name__ for name in named}
    assert "Conv2D" not in kinds.values()
    followed = {layer.name for layer in net.layers if isinstance(layer, keras.layers.Add)}
    assert not followed & named
    assert "logits" in named


def test_ranges_start_where_activations_are():
    net = stirred(miniature("mobilenet"))
    stage = Awareness(to_legacy(net, "logits"), QuantizeAware())
    pictures = np.random.default_rng(0).uniform(-1, 1, (8, *net.input.shape[1:])).astype("float32")
    stage.observe([pictures, pictures / 2])
    whole = keras.Model(net.input, net.get_layer("logits").output)
    expected = [keras.ops.convert_to_numpy(whole(batch)) for batch in (pictures, pictures / 2)]
    low, high = (end.numpy() for end in stage.followers[-1].ends)
    assert low == pytest.approx(np.mean([min(value.min(), 0) for value in expected]), abs=1e-4)
    assert high == pytest.approx(np.mean([max(value.max(), 0) for value in expected]), abs=1e-4)


def test_the_teacher_is_the_original():
    net = stirred(miniature("lenet"))
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, *net.input.shape[1:])).astype("float32")
    expected = keras.ops.convert_to_numpy(keras.Model(net.input, net.get_layer("logits").output)(pictures))
    np.testing.assert_allclose(fit.teacher(net, "logits")(pictures), expected, atol=1e-6)
