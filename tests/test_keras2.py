"""Files of Keras 2: read by Keras 3 where it can be helped to, else run by tf_keras; never a traceback."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import edgecnn, refused
from test_validate import shop  # noqa: F401 - a fixture

from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.runtime import open_model
from edgecnn.runtime.keras_model import KerasRunner, load

# What the tiny nets want.
WANTED = Preprocessing(16, 16)
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)


def classifier(spelled_out: bool, only_keras_2: bool = False) -> object:
    """A small Keras 2 classifier; spelled out, its hard-swish is made of operators, which Keras 2 saves as TFOpLambda."""
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    layers = tf_keras.layers
    image = layers.Input((16, 16, 3))
    x = layers.BatchNormalization(axis=[3])(layers.Conv2D(8, 3, 2, padding="same")(image))
    x = x * tf.nn.relu6(x + 3) / 6 if spelled_out else layers.ReLU(6.0)(x)
    x = layers.LocallyConnected2D(4, 3)(x) if only_keras_2 else x
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    return tf_keras.Model(image, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("spelled_out", [False, True])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_answers_are_those_of_keras_2(tmp_path, spelled_out, suffix):
    model = classifier(spelled_out)
    assert "groups" in str(model.get_config()), "tf_keras no longer writes what Keras 3 refuses: this test has lost its sense"
    path = tmp_path / f"old{suffix}"
    model.save(path)
    theirs = model((PICTURES.astype(np.float32) - 128) / 128).numpy()
    assert np.abs(open_model(path, preprocessing=WANTED)(PICTURES) - theirs).max() < 1e-5


def test_what_keras_3_can_be_helped_to_read_is_a_plain_model(tmp_path):
    classifier(False).save(tmp_path / "old.h5")
    model = load(tmp_path / "old.h5")
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    model.save(tmp_path / "new.keras")
    assert len(open_model(tmp_path / "new.keras", preprocessing=WANTED)(PICTURES)) == 5


def test_what_only_keras_2_can_run_is_refused_where_it_must_be_converted(tmp_path):
    model = classifier(True, only_keras_2=True)
    model.save(tmp_path / "old.h5")
    theirs = model((PICTURES.astype(np.float32) - 128) / 128).numpy()
    assert np.abs(open_model(tmp_path / "old.h5", preprocessing=WANTED)(PICTURES) - theirs).max() < 1e-5
    with pytest.raises(BadFile, match="LocallyConnected2D"):
        KerasRunner(tmp_path / "old.h5")
    refused(edgecnn("export", tmp_path / "old.h5", "--tflite", "--mean", 128, "--std", 128), "LocallyConnected2D")


def test_keras_2_models_are_originals_too(shop, tmp_path):  # noqa: F811
    classifier(True).save(tmp_path / "old.h5")
    result = edgecnn("validate", tmp_path / "old.h5", "--data", shop / "colors", "--no-latency", "--mean", 128, "--std", 128)
    assert result.code == 0, result.err
    assert "old.h5" in result.out
