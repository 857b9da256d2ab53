"""Pruning, clustering and training under int8's rounding: what they promise of the weights, of the file, and of being cut off."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from exporting import tflite_operators
from helpers import edgecnn, refused
from training import Heard, assert_same_weights, few_digits

from edgecnn import card as cards
from edgecnn.arch import macs
from edgecnn.compress import compress
from edgecnn.compress.cluster import Clustering, numbers
from edgecnn.compress.legacy_keras import to_legacy
from edgecnn.compress.quantizers import ByChannel, Kept, on_grid
from edgecnn.errors import BadData, BadSetting
from edgecnn.export import export
from edgecnn.runtime import open_model
from edgecnn.settings import FINE_TUNING, Augment, Channels, Cluster, Compress, Export, Prune, QuantizeAware

QUICK = replace(FINE_TUNING, epochs=2, augment=Augment(rotation=10, shift=0.05))
STEPS = 2 * 10  # of few_digits


def done(lenet, out, **wish):
    train = replace(QUICK, **wish.pop("train", {}))
    progress = wish.pop("progress", Heard())
    return compress(lenet, settings=Compress(train=train, **wish), data=few_digits(), out=out, progress=progress)


def kernels(path):
    """Name of a layer -> its kernel, of all layers that have one."""
    model = keras.saving.load_model(path, compile=False)
    return {layer.name: layer.get_weights()[0] for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def everything(lenet, tmp_path_factory):
    """LeNet pruned, clustered and trained under int8's rounding."""
    before = lenet.read_bytes()
    found = done(lenet, tmp_path_factory.mktemp("all"), prune=Prune(0.5), cluster=Cluster(16), quantize=QuantizeAware())
    assert lenet.read_bytes() == before, "the model itself has changed"
    return found


def test_half_of_the_weights_are_zero(lenet, tmp_path):
    found = done(lenet, tmp_path, prune=Prune(0.5))
    weights = keras.saving.load_model(found.path, compile=False).get_weights()
    assert sum((value == 0).sum() for value in weights) / sum(value.size for value in weights) == pytest.approx(0.5, abs=0.005)
    assert found.zeros == pytest.approx(0.5, abs=0.005)
    assert (next(iter(kernels(found.path).values())) != 0).all(), "the first layer has been pruned"


def test_two_of_four_weights_in_a_row_are_zero(lenet, tmp_path):
    found = done(lenet, tmp_path, prune=Prune(0.5, pattern="2:4"), train={"epochs": 1})
    pruned = [kernel for kernel in kernels(found.path).values() if (kernel == 0).mean() > 0.4]
    assert pruned
    for kernel in pruned:
        rows = np.moveaxis(kernel, -2, -1).reshape(-1, 4)
        assert ((rows == 0).sum(1) >= 2).all()


def test_blocks_of_weights_are_zero(lenet, tmp_path):
    found = done(lenet, tmp_path, prune=Prune(0.4, pattern="block", bits=8), train={"epochs": 1})
    pruned = [kernel for kernel in kernels(found.path).values() if kernel.ndim == 2 and (kernel == 0).mean() > 0.3 and kernel.shape[1] % 4 == 0]
    assert pruned
    for kernel in pruned:
        blocks = (kernel.reshape(kernel.shape[0], -1, 4) == 0).sum(2)
        assert set(np.unique(blocks)) <= {0, 4}


@pytest.mark.parametrize("also", [{}, {"quantize": QuantizeAware()}], ids=["alone", "with-qat"])
def test_weights_that_pruning_leaves_keep_so_many_bits(lenet, tmp_path, also):
    found = done(lenet, tmp_path, prune=Prune(0.5, bits=5), train={"epochs": 1}, **also)
    pruned = [kernel for kernel in kernels(found.path).values() if (kernel == 0).mean() > 0.3]
    assert pruned
    for kernel in pruned:
        steps = np.unique(np.round(kernel / np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)), keepdims=True) * 127, 3))
        assert {step % 8 for step in steps if abs(step) != 127} == {0}


def test_clusters_lie_on_one_grid_for_all_channels(lenet, tmp_path):
    found = done(lenet, tmp_path, prune=Prune(0.5), cluster=Cluster(8), quantize=QuantizeAware(), train={"epochs": 1})
    for kernel in (kernel for kernel in kernels(found.path).values() if len(np.unique(kernel)) <= 8):
        steps = np.unique(kernel) / np.abs(kernel).max() * 127
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


def test_a_kernel_has_few_values(lenet, tmp_path):
    found = done(lenet, tmp_path, cluster=Cluster(8), train={"epochs": 1})
    assert max(len(np.unique(kernel)) for kernel in kernels(found.path).values()) <= 8


def test_skipped_layers_keep_their_weights(lenet, tmp_path):
    chosen = list(kernels(lenet))[1]
    found = done(lenet, tmp_path, prune=Prune(0.3, skip=(chosen,)), train={"epochs": 1})
    assert (kernels(found.path)[chosen] != 0).all()


def test_filters_are_removed_and_the_narrow_network_is_pruned_too(lenet, tmp_path):
    heard = Heard()
    found = done(lenet, tmp_path, channels=Channels(0.3, multiple=1, least=2), prune=Prune(0.4), train={"epochs": 1}, progress=heard)
    assert found.path.name == "lenet-channels30-prune40.keras"
    wide, narrow = (keras.saving.load_model(path, compile=False) for path in (lenet, found.path))
    assert macs.count(narrow) == pytest.approx(0.7 * macs.count(wide), rel=0.06)
    assert narrow.count_params() < wide.count_params()
    assert found.zeros == pytest.approx(0.4, abs=0.01)
    assert any("multiply-accumulates are gone" in text for text in heard.said)


def test_all_three_keep_what_was_done_before(everything):
    assert everything.path.name == "lenet-prune50-cluster16-qat.keras"
    assert everything.zeros >= 0.495
    for kernel in kernels(everything.path).values():
        few = len(np.unique(kernel)) <= 16
        scale = np.abs(kernel).max(axis=None if few else tuple(range(kernel.ndim - 1)), keepdims=True) / 127
        steps = kernel / np.where(scale > 0, scale, 1)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert few or kernel.size < 1000, "a clustered kernel keeps its few values, on one scale"


def test_the_card_says_what_was_done(everything, lenet):
    card = cards.read(everything.path)
    assert list(card.compression) == ["prune", "cluster", "quantize"]
    assert card.compression["prune"]["share"] == 0.5
    assert card.sources["weights"].startswith("lenet.keras ")
    assert card.accuracy["test"]["top1"] == everything.changes[1].after
    assert card.labels == cards.read(lenet).labels


def test_the_int8_file_is_integer_throughout_and_answers_the_same(everything, tmp_path):
    (written,) = export(everything.path, settings=Export(("int8",), ("tflite",)), data=few_digits(), out=tmp_path)
    assert not [operator for operator in tflite_operators(written.path) if "FLOAT32" in operator.types]
    pictures = few_digits().splits["test"].pictures
    original, file = open_model(everything.path), open_model(written.path)
    same = (original(pictures).argmax(-1) == file(pictures).argmax(-1)).mean()
    assert same >= 0.97


def test_accuracy_is_kept(everything):
    assert {change.split for change in everything.changes} == {"val", "test"}
    for change in everything.changes:
        assert change.after >= change.before - 0.12
        assert change.low <= change.after - change.before <= change.high


@pytest.mark.parametrize("stop", [STEPS // 2 + 3, STEPS + 13], ids=["while pruning", "while rounding"])
def test_what_was_cut_off_goes_on_to_the_same_weights(lenet, tmp_path, stop):
    wish = {"prune": Prune(0.5), "quantize": QuantizeAware()}
    whole = done(lenet, tmp_path / "whole", **wish)
    with pytest.raises(KeyboardInterrupt):
        done(lenet, tmp_path / "cut", progress=Heard(stop_at=stop), **wish)
    heard = Heard()
    cut = done(lenet, tmp_path / "cut", progress=heard, **wish)
    assert any(text.startswith("resumed after epoch") for text in heard.said)
    assert_same_weights(*(keras.saving.load_model(it.path, compile=False).get_weights() for it in (whole, cut)))
    assert not list((tmp_path / "cut").glob(".*")), "a checkpoint was left behind"


def test_rounding_is_that_of_the_files():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype("float32")
    kernel[..., 2] = 0
    rounded = ByChannel((0, 1, 2), Kept())(tf.constant(kernel), False, {}).numpy()
    np.testing.assert_allclose(rounded, on_grid(kernel, (0, 1, 2)), atol=1e-6)
    for channel in range(5):
        assert len(np.unique(np.round(rounded[..., channel] / max(np.abs(kernel[..., channel]).max() / 127, 1e-9)))) <= 255


def test_the_gradient_passes_the_rounding_and_moves_clusters_as_one():
    number, count = numbers(np.repeat([1.0, 2.0, 0.0], [6, 6, 4]).astype("float32"))
    assert count == 3
    weights = tf.Variable(np.repeat([1.0, 2.0, 0.0], [6, 6, 4]).astype("float32").reshape(4, 4))
    mask = (weights.numpy() != 0).astype("float32")
    quantizer = ByChannel((0,), Kept(mask, number, count))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer(weights, True, {}) * tf.constant(np.arange(16, dtype="float32").reshape(4, 4)))
    gradient = tape.gradient(loss, weights).numpy().reshape(-1)
    np.testing.assert_allclose(gradient[:6], gradient[0])
    np.testing.assert_allclose(gradient[6:12], np.arange(6, 12).mean())
    np.testing.assert_array_equal(gradient[12:], 0)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"prune": Prune(0.99)}, "of the .* weights can be pruned"),
        ({"prune": Prune(0.5, skip=("nowhere",))}, "layer 'nowhere' to skip: expected a layer of the network"),
        ({"cluster": Cluster(16, skip=("nowhere",))}, "layer 'nowhere' to skip"),
    ],
)
def test_what_cannot_be_done_is_refused(lenet, tmp_path, wish, words):
    with pytest.raises(BadSetting, match=words):
        done(lenet, tmp_path, **wish)


def test_other_classes_are_refused(lenet, tmp_path):
    with pytest.raises(BadData, match="expected the model's"):
        compress(lenet, settings=Compress(prune=Prune()), data=replace(few_digits(), classes=tuple("abcdefghij")), out=tmp_path)


def test_the_command(lenet, tmp_path):
    result = edgecnn("compress", lenet, "--prune", 0.5, "--epochs", 1, "--out", tmp_path)
    assert result.code == 0, result.err
    assert result.out.split()[1:5] == ["pictures", "before", "after", "change"]
    assert "% of the weights are zero" in result.out
    assert (tmp_path / "lenet-prune50.keras").exists()
    assert f"Next: edgecnn export {tmp_path / 'lenet-prune50.keras'} --int8" in result.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "nothing to do: expected --channels SHARE, --prune SHARE, --cluster N or --qat"),
        (("--prune", 2), "prune 2.0: expected a share of the weights between 0 and 1"),
        (("--cluster", 1), "cluster 1: expected from 3 to 256 values"),
        (("--prune", 0.7, "--pattern", "2:4"), "expected at most 0.5, two of four weights"),
        (("--qat", "--name", "lenet"), "name 'lenet' is that of the model to compress"),
        (("--qat", "--data", "nowhere"), "nowhere"),
    ],
)
def test_nonsense_is_refused_in_one_line(lenet, words, expected):
    refused(edgecnn("compress", lenet, *words), expected)


def test_a_sparse_kernel_with_few_weights_of_one_sign_is_not_clustered():
    """TF-MOT shares out the clusters between the signs, and fails where there are fewer weights than clusters."""
    start = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, name="wide")(keras.layers.Conv2D(8, 3, name="few")(start))
    net = keras.Model(start, keras.layers.Dense(4, name="logits")(keras.layers.Flatten()(x)))
    random = np.random.default_rng(0)
    for layer in (net.get_layer("few"), net.get_layer("wide")):
        kernel, bias = layer.get_weights()
        kernel = random.normal(size=kernel.shape)
        kernel[np.abs(kernel) < 0.7] = 0
        if layer.name == "few":
            kernel[kernel > 0] = 0
            kernel.reshape(-1)[:3] = 1
        layer.set_weights([kernel, bias])
    stage = Clustering(to_legacy(net, "logits"), Cluster(16))
    assert "few" not in stage.kernels
    assert "wide" in stage.kernels
