"""Auxiliary classifiers help in training and leave nothing behind; frames around small pictures stay in the model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from helpers import edgecnn, refused

from edgecnn import card as cards
from edgecnn.arch import build, heads
from edgecnn.card import Preprocessing
from edgecnn.data import Dataset, Split
from edgecnn.errors import BadSetting
from edgecnn.runtime import keras_model
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Augment, Train
from edgecnn.train import fit

LAYERS = "conv_pw_3_relu, conv_pw_8_relu"
PIXELS = Preprocessing(32, 32, "rgb", (128.0,), (128.0,))


def small():
    keras.utils.set_random_seed(0)
    return build("mobilenet", classes=3, image_size=32, width=0.25, dropout=0.0)


def examples(count=8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 32, 32, 3)).astype("uint8"), np.eye(3, dtype="float32")[rng.integers(0, 3, count)]


def trained(net, auxiliary=""):
    settings = Train(epochs=1, warmup=0, augment=Augment(), label_smoothing=0.0)
    pictures, labels = examples()
    split = Split(pictures, labels.argmax(axis=1), ("",) * len(pictures))
    return fit.compiled(fit.Task(net, Dataset("made", ("a", "b", "c"), {"train": split}, ""), PIXELS, settings, auxiliary=auxiliary))


def test_each_head_gives_logits_of_all_classes():
    net = small()
    assert [x.shape for x in heads.attach(net, LAYERS)] == [(None, 3), (None, 3)]
    assert heads.attach(net, "") == heads.attach(net, "none") == []


def test_training_loss_counts_the_heads_and_validation_does_not():
    net = small()
    plain, helped = trained(net), trained(net, LAYERS)
    pictures, labels = examples()
    main, *others = [keras.ops.convert_to_tensor(x) for x in helped.predict(prepare(pictures, PIXELS), verbose=0)]
    cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    in_training = float(helped.compute_loss(y=labels, y_pred=[main, *others], training=True))
    expected = float(cross_entropy(labels, main) + heads.WEIGHT * sum(cross_entropy(labels, other) for other in others))
    assert in_training == pytest.approx(expected, rel=1e-5)
    given = {"pictures": pictures}, labels
    judged = helped.test_on_batch(*given, return_dict=True)
    assert judged == pytest.approx(plain.test_on_batch(*given, return_dict=True), rel=1e-5)


def test_a_step_teaches_the_heads_too():
    model = trained(small(), LAYERS)
    before = [np.array(v) for v in model.trainable_variables]
    pictures, labels = examples()
    model.train_on_batch({"pictures": pictures}, labels)
    still = [v.path for v, old in zip(model.trainable_variables, before, strict=True) if np.array_equal(np.array(v), old)]
    assert len([v for v in model.trainable_variables if "auxiliary_2" in v.path]) == 6
    assert not still


def test_trained_model_has_one_output_and_its_card_says_what_helped(folder, tmp_path):
    words = ("train", "mobilenet", "--data", folder, "--image-size", 32, "--width", 0.25, "--epochs", 1, "--auxiliary", LAYERS, "--out", tmp_path)
    result = edgecnn(*words)
    assert result.code == 0, result.err
    model = keras.saving.load_model(tmp_path / "mobilenet.keras")
    assert model.output_names == ["probabilities"]
    assert not [layer.name for layer in model.layers if "auxiliary" in layer.name]
    assert cards.read(tmp_path / "mobilenet.keras").arguments["auxiliary"] == LAYERS


def test_a_head_on_a_layer_that_is_not_there_is_refused_in_one_line(folder, tmp_path):
    result = edgecnn("train", "lenet", "--data", folder, "--auxiliary", "c9", "--out", tmp_path)
    refused(result, "auxiliary classifier on 'c9'", ", c1, s2, c3, s4")


def test_a_layer_without_a_map_carries_no_head():
    with pytest.raises(BadSetting, match="on 'pool_flat'"):
        heads.attach(small(), "pool_flat")


def test_a_file_that_kept_its_heads_is_run_and_exported_by_its_probabilities(tmp_path):
    net = small()
    path = tmp_path / "kept.keras"
    keras.Model(net.input, [*heads.attach(net, LAYERS), net.output]).save(path)
    model = keras_model.load(path)
    assert model.output_names == ["probabilities"]
    pictures = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(pictures, verbose=0), net.predict(pictures, verbose=0), atol=1e-6)


def test_pictures_stand_in_the_middle_of_their_frame(folder, tmp_path):
    words = ("train", "lenet", "--data", folder, "--image-size", 28, "--pad-input", 32, "--epochs", 1, "--out", tmp_path)
    assert edgecnn(*words).code == 0
    model = keras.saving.load_model(tmp_path / "lenet.keras")
    assert model.input.shape == (None, 28, 28, 1)
    framed = keras.Model(model.input, model.get_layer("pad_input").output).predict(np.ones((1, 28, 28, 1)), verbose=0)[0, :, :, 0]
    assert framed.shape == (32, 32)
    assert framed[2:30, 2:30].all()
    assert framed.sum() == 28 * 28


def test_a_frame_smaller_than_the_picture_is_refused():
    with pytest.raises(BadSetting, match="pad_input 16: expected 32 or more"):
        build("lenet", image_size=32, pad_input=16)
