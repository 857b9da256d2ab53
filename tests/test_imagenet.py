"""Starting from keras.applications: what is copied, what is refused, and the same answers as there, shown with random weights and no network."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from helpers import process, refused
from twin_nets import check_equal, random_twin

from edgecnn import card as cards
from edgecnn.arch import build
from edgecnn.catalog import CATALOG, PIXELS
from edgecnn.errors import BadSetting
from edgecnn.train import imagenet, preprocessing_for, twins

TWINS = [name for name, row in CATALOG.items() if row.twin]

# The least that keras.applications takes, where it is more than 32 pixels.
LEAST = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}

DEEP = ("inception_resnet_v2",)


def quick(name: str) -> bool:
    """Whether the row is the least of its family, so that its deeper siblings are tried with --all only."""
    siblings = [other for other in TWINS if CATALOG[other].family == CATALOG[name].family]
    return name == min(siblings, key=lambda other: CATALOG[other].macs) and name not in DEEP


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if quick(name) else pytest.mark.slow) for name in TWINS])
def test_moved_weights_give_the_answers_of_the_twin(name):
    keras.backend.clear_session()
    size = LEAST.get(CATALOG[name].twin, 32)
    theirs, ours = random_twin(name, size), build(name, classes=5, image_size=size)
    taken = imagenet.copy(ours, theirs)
    assert (taken.fresh, taken.unused) == ((), ())
    check_equal(ours, theirs)


def test_head_of_other_classes_stays_fresh_and_that_is_said():
    ours = build("mobilenet", classes=3, image_size=32, width=0.25)
    before = ours.get_layer("conv_preds").get_weights()[0]
    theirs = random_twin("mobilenet", 32, classes=7, width=0.25)
    taken = imagenet.copy(ours, theirs)
    assert (len(taken.by_order), taken.fresh, taken.unused) == (54, ("conv_preds",), ("conv_preds 1x1x256x7 7",))
    assert "left with fresh weights: conv_preds" in "\n".join(taken.lines())
    np.testing.assert_array_equal(ours.get_layer("conv_preds").get_weights()[0], before)
    np.testing.assert_array_equal(ours.get_layer("conv_pw_13").get_weights()[0], theirs.get_layer("conv_pw_13").get_weights()[0])


def test_dense_layers_for_pictures_of_another_size_stay_fresh():
    taken = imagenet.copy(build("vgg16", classes=5, image_size=64), random_twin("vgg16", 32))
    assert len(taken.by_order) == 13
    assert len(taken.fresh) == len(taken.unused) == 3


def test_networks_that_differ_are_not_copied():
    with pytest.raises(BadSetting, match="differ from layer 1 of 55 and 55: expected the same network"):
        imagenet.copy(build("mobilenet", classes=5, image_size=32, width=0.25), random_twin("mobilenet", 32, width=0.5))


def test_take_builds_the_twin_of_the_same_arguments_size_and_classes():
    ours = build("mobilenet_v2", classes=5, image_size=24, width=0.4, pad_input=32)
    before = ours.get_weights()
    taken = imagenet.take(ours, "mobilenet_v2", {"width": 0.4, "pad_input": 32, "dropout": 0.5}, twin_weights=None)
    assert (len(taken.by_order), taken.fresh, taken.unused) == (105, (), ())
    assert "of keras.applications: taken by name 0 layers, by order and shape 105" in "\n".join(taken.lines())
    assert not np.array_equal(ours.get_weights()[0], before[0])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("squeezenet", {}, "no ImageNet weights for squeezenet; expected a row that keras.applications has, too: .*mobilenet_v2"),
        ("mobilenet", {"width": 0.4}, "no ImageNet weights for mobilenet of width 0.4; expected one of 0.25, 0.5, 0.75, 1.0"),
        ("mobilenet_v3_small", {"width": 0.75, "minimalistic": True}, "width 0.75; expected one of 1.0"),
        ("mobilenet_v3_small", {"size": "large"}, "size=large is not keras.applications.MobileNetV3Small: ImageNet weights expect size=small"),
        ("mobilenet", {"padding": "symmetric"}, "ImageNet weights expect padding=same"),
        ("xception", {"width": 0.5}, "ImageNet weights expect width=1.0"),
    ],
)
def test_what_keras_applications_does_not_have_is_refused_before_anything_is_built(name, arguments, message):
    row = CATALOG[name]
    with pytest.raises(BadSetting, match=message) as caught:
        twins.check(row, row.with_defaults(arguments))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TWINS)
def test_preprocessing_is_that_of_the_weights(name):
    row, found = CATALOG[name], preprocessing_for(name, weights="imagenet")
    order, mean, _ = PIXELS[row.pixels]
    assert (found.height, found.order, found.mean[-1]) == (row.image_size, order, mean[-1])
    assert preprocessing_for(name, weights="imagenet", image_size=96).width == 96
    # Keras' own function, on one picture of noise in RGB; MobileNet v3 has its own inside, which is MobileNet v2's.
    pictures = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype("float32")
    expected = keras.applications.imagenet_utils.preprocess_input(pictures.copy(), mode=row.pixels)
    ours = (pictures[..., ::-1] if found.order == "bgr" else pictures) - np.array(found.mean)
    np.testing.assert_allclose(ours / np.array(found.std), expected, atol=1e-2)


def test_preprocessing_of_what_has_no_twin_is_refused():
    with pytest.raises(BadSetting, match="no ImageNet weights for lenet"):
        preprocessing_for("lenet", weights="imagenet")


def test_training_starts_from_the_file_that_keras_keeps(tmp_path):
    theirs = random_twin("mobilenet", 128, classes=1000, width=0.25)
    kept = tmp_path / "home" / "models" / "mobilenet_2_5_128_tf.h5"
    kept.parent.mkdir(parents=True)
    store(theirs, kept)
    done = train(tmp_path, "--width", 0.25, "--image-size", 128)
    assert done.code == 0, done.err
    assert "by order and shape 54" in done.err
    assert "left with fresh weights: conv_preds" in done.err
    model = keras.saving.load_model(tmp_path / "out" / "mobilenet.keras", compile=False)
    np.testing.assert_array_equal(model.get_layer("conv_pw_13_bn").get_weights()[3], theirs.get_layer("conv_pw_13_bn").get_weights()[3])
    assert cards.read(tmp_path / "out" / "mobilenet.keras").preprocessing == preprocessing_for("mobilenet", image_size=128, weights="imagenet")


def test_without_a_network_one_line_says_what_to_do(tmp_path):
    refused(train(tmp_path, "--image-size", 32), "mobilenet: no ImageNet weights", "URL fetch failure", "expected a network, or that file in", "models")


def train(folder: Path, *words: object):
    """`edgecnn train mobilenet --weights imagenet` on a machine whose network leads nowhere, with FOLDER/home as Keras' home."""
    nowhere = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9") | {"no_proxy": "", "NO_PROXY": ""}
    start = ("train", "mobilenet", "--weights", "imagenet", "--data", "digits", "--epochs", 0)
    return process(*start, "--out", folder / "out", *words, KERAS_HOME=str(folder / "home"), **nowhere)


def store(model: keras.Model, path: Path) -> None:
    """Write weights alone in the form of Keras 2, as the files of keras.applications are."""
    with h5py.File(path, "w") as stored:
        found = [layer for layer in model.layers if layer.weights]
        stored.attrs["layer_names"] = [layer.name.encode() for layer in found]
        for layer in found:
            group = stored.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{weight.name}:0".encode() for weight in layer.weights]
            for weight in layer.weights:
                group[f"{layer.name}/{weight.name}:0"] = np.asarray(weight)
