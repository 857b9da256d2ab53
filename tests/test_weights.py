"""Starting from weights that others made: what is taken, what is said, and folded batch norms."""

from __future__ import annotations

from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from edgecnn import data
from edgecnn.arch import build
from edgecnn.errors import BadFile
from edgecnn.progress import Progress
from edgecnn.settings import Train
from edgecnn.train import preprocessing_for, train, weights


def small(classes=5, **arguments):
    return build("mobilenet", classes=classes, image_size=32, width=0.25, **arguments)


def noise(count=16, size=32):
    return np.random.default_rng(0).normal(size=(count, size, size, 3)).astype("float32")


def folded(model):
    """The model with batch norms that only add a bias, as they come out of a .tflite file, and kernels that let the pictures through."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            layer.set_weights([np.full(count, 1.0005), rng.normal(0.3, 0.3, count), np.zeros(count), np.ones(count)])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([rng.normal(0, 0.5, layer.kernel.shape)])
        elif isinstance(layer, keras.layers.Conv2D) and not layer.use_bias:
            layer.set_weights([rng.normal(0, (2 / layer.kernel.shape[2]) ** 0.5, layer.kernel.shape)])
    return model


def saved(model, path):
    model.save(path)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_layers_of_the_same_name_are_taken(tmp_path, suffix):
    theirs, ours = small(), small()
    taken = weights.take(ours, saved(theirs, tmp_path / f"theirs{suffix}"))
    assert len(taken.by_name) == 55
    assert (taken.by_order, taken.fresh, taken.unused) == ((), (), ())
    np.testing.assert_array_equal(ours.predict(noise(), verbose=0), theirs.predict(noise(), verbose=0))


def test_layers_of_other_names_are_taken_by_order_and_shape(tmp_path):
    theirs, ours = small(), small()
    for layer in theirs.layers:
        layer.name = f"their_{layer.name}"
    taken = weights.take(ours, saved(theirs, tmp_path / "theirs.keras"))
    assert (len(taken.by_name), len(taken.by_order)) == (0, 55)
    assert taken.by_order[0] == ("conv1", "their_conv1")
    np.testing.assert_array_equal(ours.predict(noise(), verbose=0), theirs.predict(noise(), verbose=0))


def test_inner_models_are_opened(tmp_path):
    inner, ours = small(), small()
    image = keras.Input((32, 32, 3))
    taken = weights.take(ours, saved(keras.Model(image, inner(image)), tmp_path / "theirs.keras"))
    assert len(taken.by_name) == 55


def test_head_of_another_class_count_stays_fresh_and_that_is_said(tmp_path):
    ours = small(classes=3)
    before = ours.get_layer("conv_preds").get_weights()[0]
    taken = weights.take(ours, saved(small(classes=7), tmp_path / "theirs.keras"))
    assert taken.fresh == ("conv_preds",)
    assert taken.unused == ("conv_preds 1x1x256x7 7",)
    np.testing.assert_array_equal(ours.get_layer("conv_preds").get_weights()[0], before)
    said = "\n".join(taken.lines())
    assert "by name 54 layers" in said
    assert "not found there, left with fresh weights: conv_preds" in said
    assert "not taken from there: conv_preds 1x1x256x7 7" in said


def test_h5_files_with_weights_alone_are_read_in_the_form_of_keras_2(tmp_path):
    theirs, ours = build("lenet"), build("lenet")
    with h5py.File(tmp_path / "theirs.h5", "w") as stored:
        layers = [layer for layer in theirs.layers if layer.weights]
        stored.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = stored.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{weight.name}:0".encode() for weight in layer.weights]
            for weight in layer.weights:
                group[f"{layer.name}/{weight.name}:0"] = np.asarray(weight)
    assert len(weights.take(ours, tmp_path / "theirs.h5").by_name) == 5
    np.testing.assert_array_equal(ours.get_weights()[4], theirs.get_weights()[4])


def test_folded_batch_norms_are_noticed_and_given_statistics_that_change_nothing(tmp_path):
    theirs, ours = folded(small()), small()
    taken = weights.take(ours, saved(theirs, tmp_path / "theirs.keras"))
    assert len(taken.folded) == 27
    before = ours.predict(noise(), verbose=0)
    assert np.ptp(before, axis=0).max() > 1e-4, "answers that do not vary prove nothing"
    naive = keras.ops.convert_to_numpy(ours(noise(), training=True))
    weights.unfold(ours, taken.folded, noise())
    np.testing.assert_allclose(ours.predict(noise(), verbose=0), before, atol=1e-5)
    in_training = keras.ops.convert_to_numpy(ours(noise(), training=True))
    assert np.abs(in_training - before).max() < 0.2 * np.abs(naive - before).max(), "training must start from the same function, too"


def test_batch_norms_with_statistics_of_their_own_are_left_alone(tmp_path):
    theirs = small()
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([w + 0.3 for w in layer.get_weights()])
    assert weights.take(small(), saved(theirs, tmp_path / "theirs.keras")).folded == ()


def test_nothing_that_fits_is_an_error(tmp_path):
    with pytest.raises(BadFile, match="none of its 5 layers has the shapes of a layer of mobilenet"):
        weights.take(small(), saved(build("lenet"), tmp_path / "lenet.keras"))


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    theirs = build("lenet")
    theirs.set_weights([w * np.nan for w in theirs.get_weights()])
    with pytest.raises(BadFile, match="layer c1 are not all numbers"):
        weights.take(build("lenet"), saved(theirs, tmp_path / "lenet.keras"))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, suffix):
    path = saved(build("lenet"), tmp_path / f"lenet{suffix}")
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(BadFile, match=r"cut off or damaged|Keras cannot read it") as caught:
        weights.take(build("lenet"), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "message"), [("none.keras", "no such weights file"), ("net.pt", "is a pickle"), ("net.bin", "unknown suffix '.bin'")])
def test_files_of_no_use_are_refused(tmp_path, name, message):
    if name.startswith("net"):
        (tmp_path / name).write_bytes(b"torch")
    with pytest.raises(BadFile, match=message):
        weights.take(build("lenet"), tmp_path / name)


def test_training_goes_on_from_given_weights_with_their_preprocessing(tmp_path):
    digits = data.load("digits", preprocessing_for("lenet"))
    first = train("lenet", digits, settings=Train(epochs=2, warmup=0), out=tmp_path, name="first")
    again = train("lenet", digits, settings=Train(epochs=0), weights=tmp_path / "first.keras", out=tmp_path, name="again")
    assert again.accuracy == first.accuracy
    assert preprocessing_for("lenet", weights=tmp_path / "first.keras") == first.preprocessing


class Heard(Progress):
    def __init__(self):
        self.said = []

    def step(self, text):
        self.said.append(text)


@pytest.mark.parametrize(
    ("file", "architecture", "arguments", "size", "classes"),
    [
        ("squeezenet1_1_imagenet.keras", "squeezenet1_1", {}, 227, 1000),
        ("mobilenet_025_224_imagenet.keras", "mobilenet", {"width": 0.25}, 224, 1001),
    ],
    ids=["squeezenet1_1", "mobilenet 0.25"],
)
def test_independent_weights_give_the_answers_of_their_own_network(weights_folder, file, architecture, arguments, size, classes):
    ours = build(architecture, image_size=size, classes=classes, **arguments)
    taken = weights.take(ours, weights_folder / file)
    assert (taken.fresh, taken.unused) == ((), ())
    theirs = keras.saving.load_model(weights_folder / file, compile=False)
    pictures = noise(4, size) * (60 if "squeeze" in file else 0.5)
    before = theirs.predict(pictures, verbose=0)
    if taken.folded:
        weights.unfold(ours, taken.folded, pictures)
    np.testing.assert_allclose(ours.predict(pictures, verbose=0), before, atol=1e-5)
    assert len(taken.folded) == (27 if architecture == "mobilenet" else 0)


@pytest.mark.slow
def test_independent_mobilenet_with_folded_batch_norms_is_fine_tuned(weights_folder, tmp_path):
    digits = data.load("digits", preprocessing_for("mobilenet", image_size=32))
    some = replace(
        digits, splits={name: replace(s, pictures=s.pictures[:100], labels=s.labels[:100], names=s.names[:100]) for name, s in digits.splits.items()}
    )
    heard = Heard()
    train(
        "mobilenet", some, settings=Train(epochs=1), arguments={"width": 0.25}, weights=weights_folder / "mobilenet_025_224_imagenet.keras", out=tmp_path,
        progress=heard,
    )  # fmt: skip
    said = "\n".join(heard.said)
    assert "not taken from there: conv_preds 1x1x256x1001 1001" in said
    assert "27 batch norms do nothing but add a bias" in said
    assert "gave them statistics measured on 100 training pictures" in said
