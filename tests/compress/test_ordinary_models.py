"""Classifiers as other people have them are flattened, bridged to TF-MOT and compressed, and mean the same afterwards."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from ordinary_models import MODELS, SIZE, stirred

from edgecnn.card import Preprocessing
from edgecnn.compress.endings import ending_of, operation_of
from edgecnn.compress.flat_model import flatten_model, is_foreign, with_input_of
from edgecnn.compress.legacy_keras import to_legacy

RAW = Preprocessing(SIZE, SIZE, mean=(0.0,), std=(1.0,))
ENDINGS = {
    "tutorial_with_augmentation": "", "nested_base_with_preprocess_input": "", "one_logit": "", "gray_without_channels": "", "one_sigmoid": "sigmoid",
    "independent_sigmoids": "sigmoid",
}  # fmt: skip
WHOLE = {"layer_with_its_own_weight": ("scaled",)}


def scores(net: keras.Model, images: np.ndarray) -> np.ndarray:
    """Row by row, in the type of the input."""
    dtype = net.inputs[0].dtype if isinstance(net.inputs[0].dtype, str) else net.inputs[0].dtype.name
    rows = [keras.ops.convert_to_numpy(net(image[None].astype(dtype), training=False)) for image in images]
    return np.asarray(np.concatenate(rows), np.float32).reshape(len(images), -1)


def images_for(net: keras.Model) -> np.ndarray:
    """Bytes as floats, at the size that open sides take."""
    return np.random.default_rng(1).integers(0, 256, (3, *(side or SIZE for side in net.inputs[0].shape[1:]))).astype("float32")


@pytest.mark.parametrize("name", MODELS)
def test_a_flat_copy_and_its_bridge_give_the_same_scores(name, tmp_path):
    net = stirred(MODELS[name]())
    images, atol = images_for(net), 0.02 if name == "mixed_half_precision" else 1e-4
    expected = scores(net, images)
    flat = flatten_model(net, RAW, Path("theirs.keras"))
    assert flat.whole == WHOLE.get(name, ())
    assert all(not isinstance(layer, keras.Model) and (not is_foreign(layer) or layer.name in flat.whole) for layer in flat.net.layers)
    np.testing.assert_allclose(scores(flat.net, images), expected, atol=atol)

    ending = ending_of(flat.net)
    assert ending.activation == ENDINGS.get(name, "softmax")
    legacy = to_legacy(flat.net, ending.logits)
    logits = keras.Model(flat.net.input, operation_of(flat.net, ending.logits).output)(images) if ending.logits else flat.net(images)
    np.testing.assert_allclose(legacy.model(images, training=False).numpy(), keras.ops.convert_to_numpy(logits), atol=1e-3)
    for one, other in zip(flat.net.get_weights(), legacy.weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    with_input_of(flat.net, net).save(tmp_path / "written.keras")
    if not flat.whole:
        written = keras.saving.load_model(tmp_path / "written.keras", compile=False)
        assert (written.inputs[0].dtype, written.inputs[0].shape[0]) == (net.inputs[0].dtype, net.inputs[0].shape[0])
        np.testing.assert_allclose(scores(written, images), expected, atol=atol)
