"""SqueezeNet: against the paper's tables, the paper's bypasses, and independent weights."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from edgecnn.arch import build, sketch
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadSetting

# Fire modules that keep the number of channels, and those that change it.
KEEP, CHANGE = ("fire3", "fire5", "fire7", "fire9"), ("fire2", "fire4", "fire6", "fire8")


def named(model, kind, end):
    return {layer.name.removesuffix(end) for layer in model.layers if isinstance(layer, kind) and layer.name.endswith(end)}


def test_maps_have_the_sizes_of_table_1():
    model = sketch("squeezenet", image_size=227)
    names = ("conv1", "pool1", "fire4_concat", "pool4", "fire8_concat", "pool8", "conv10")
    assert [model.get_layer(name).output.shape[1] for name in names] == [111, 55, 55, 27, 27, 13, 13]


def test_1_1_computes_2_4_times_less():
    ratio = CATALOG["squeezenet"].macs / CATALOG["squeezenet1_1"].macs
    assert 2.2 < ratio < 2.5  # the authors say 2.4 x, of their 227-pixel networks


def test_1_1_with_the_authors_weights_gives_their_answers():
    if "EDGECNN_DATA" not in os.environ:
        pytest.skip("EDGECNN_DATA is not set: the independent weights lie beside it")
    path = Path(os.environ["EDGECNN_DATA"]).parent / "weights" / "squeezenet1_1_imagenet.keras"
    if not path.exists():
        pytest.skip(f"no {path.name} beside EDGECNN_DATA")
    theirs = keras.saving.load_model(path, compile=False)
    ours = build("squeezenet1_1", image_size=227)
    ours.set_weights(theirs.get_weights())
    pictures = np.random.default_rng(0).uniform(-120, 130, size=(2, 227, 227, 3)).astype("float32")
    np.testing.assert_allclose(ours.predict(pictures, verbose=0), theirs.predict(pictures, verbose=0), atol=1e-5)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("bypass", "added", "convolved"), [("", (), ()), ("simple", KEEP, ()), ("complex", KEEP + CHANGE, CHANGE)], ids=["none", "simple", "complex"]
)
def test_bypasses_are_those_of_figure_2(version, bypass, added, convolved):
    model = sketch("squeezenet", version=version, bypass=bypass)
    assert named(model, keras.layers.Add, "_add") == set(added)
    assert named(model, keras.layers.Conv2D, "_bypass1x1") == set(convolved)


def test_bypass_adds_the_input_of_the_module():
    model = build("squeezenet_bypass", classes=5, image_size=32, width=0.25)
    for name in ("fire3_expand1x1", "fire3_expand3x3"):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    ends = keras.Model(model.input, [model.get_layer(name).output for name in ("fire2_concat", "fire3_add")])
    before, after = (np.asarray(x) for x in ends(np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")))
    assert before.any()
    np.testing.assert_array_equal(after, before)


def test_width_scales_every_layer_but_the_last():
    model = sketch("squeezenet", width=0.5)
    assert [model.get_layer(name).filters for name in ("conv1", "fire2_squeeze1x1", "fire9_expand3x3", "conv10")] == [48, 8, 128, 1000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "1.2"}, "version '1.2': expected one of 1.0, 1.1"),
        ({"bypass": "double"}, "bypass 'double': expected one of , simple, complex"),
        ({"width": 0.05}, "width 0.05 leaves 16 filters none"),
        ({"dropout": 1.0}, "dropout 1.0: expected a share"),
    ],
)
def test_values_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(BadSetting, match=message):
        build("squeezenet", **arguments)
