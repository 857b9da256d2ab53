"""Every row of the catalog is pruned, clustered and trained under int8's rounding, and its int8 file is integer from input to output."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest
from helpers import ROOT
from miniatures import miniature
from test_legacy_keras import stirred

from edgecnn import arch
from edgecnn.catalog import CATALOG
from edgecnn.compress import fit
from edgecnn.compress.legacy_keras import to_legacy
from edgecnn.compress.quantize_aware import Awareness, outputs
from edgecnn.settings import QuantizeAware

SOME = ("mobilenet_v3_small",)
ROWS = [pytest.param(name, marks=() if name in SOME else pytest.mark.slow) for name in CATALOG]


@pytest.fixture
def compress_rows(monkeypatch):
    """The tool that compresses rows of the catalog."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("compress_rows")


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_compressed_and_its_int8_file_is_integer(name, compress_rows):
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    row = dict(zip(compress_rows.HEAD, compress_rows.measured(name), strict=True))
    assert float(row["zeros found"]) == pytest.approx(float(row["zeros asked"]), abs=0.02)
    assert int(row["operators of the int8 file"]) > 0
    assert row["of them float"] == "0"
    assert row["green"] == "yes"


def test_mending_gives_the_logits_their_means_back_and_leaves_kernels_alone(compress_rows, tmp_path):
    net = stirred(miniature("resnet20"))
    inputs = np.random.default_rng(0).uniform(-1, 1, (4, *net.input.shape[1:])).astype("float32")
    off = keras.models.clone_model(net)
    off.set_weights(net.get_weights())
    kernel = off.get_layer("logits").kernel
    kernel.assign(np.where(np.abs(kernel) < np.quantile(np.abs(kernel), 0.5), 0, kernel))
    off.save(tmp_path / "off.keras")
    mended = keras.saving.load_model(compress_rows.mend(tmp_path / "off.keras", net, inputs, tmp_path / "mended.keras"), compile=False)
    means = [np.asarray(keras.Model(it.input, it.get_layer("logits").output)(inputs)).mean(0) for it in (net, off, mended)]
    assert np.abs(means[1] - means[0]).max() > 0.01
    np.testing.assert_allclose(means[2], means[0], atol=1e-4)
    kernels = [[w.numpy() for layer in it.layers for w in layer.weights if "kernel" in w.name] for it in (off, mended)]
    for before, after in zip(*kernels, strict=True):
        np.testing.assert_array_equal(after, before)


def test_the_table_names_rows_of_the_catalog(compress_rows):
    assert set(compress_rows.MENDED) <= set(CATALOG)
    assert {row[0] for row in compress_rows.markdown.rows_between(ROOT / "models" / "README.md", "rows")} <= set(CATALOG)


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
