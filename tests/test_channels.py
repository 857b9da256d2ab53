"""Narrower networks compute what the wide ones would with the removed channels at zero, and what is tied goes together."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from miniatures import miniature

from edgecnn.arch import macs
from edgecnn.catalog import CATALOG, MODULES
from edgecnn.compress import channel_choice
from edgecnn.compress.channel_groups import Wiring, wiring
from edgecnn.compress.channel_importance import importance
from edgecnn.compress.channel_rebuild import narrowed, rebuilt
from edgecnn.compress.channels import cut
from edgecnn.errors import BadData, BadSetting, UnknownName
from edgecnn.settings.channels import IMPORTANCES, Channels

# Rows that have, among them, most kinds of tie: sums, padded shortcuts, products, offsets, depthwise and grouped kernels, dense layers on maps.
FEW = ("convnet", "squeezenet_bypass", "resnet20", "mobilenet", "mobilenet_v3_small", "cifar_builder")
NAMES = [*CATALOG, *MODULES]
ROWS = [pytest.param(name, marks=() if name in FEW else pytest.mark.slow) for name in NAMES]
SMALL = Channels(0.3, "norm", least=1, multiple=1)


def enliven(net: keras.Model, seed: int = 0) -> keras.Model:
    """Weights that differ from channel to channel in everything, biases and batch norms too, and keep the signal alive."""
    random = np.random.default_rng(seed)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
        elif layer.weights:
            layer.set_weights([value if value.ndim > 1 else random.normal(0, 0.3, value.shape) for value in layer.get_weights()])
    return net


def pictures(net: keras.Model, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (count, *net.input.shape[1:])).astype("float32")


def chosen(wired: Wiring, seed: int = 2) -> np.ndarray:
    """A third of the units goes, at random; every layer keeps something."""
    keep = np.random.default_rng(seed).random(wired.units) > 1 / 3
    keep[0] = True
    for part in wired.parts:
        for channels in part.widths:
            keep[wired.unit[channels[0]]] |= not keep[wired.unit[channels]].any()
    return keep


def masked(wired: Wiring, keep: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Output of the wide network with the output of every layer at zero where its channels are removed."""
    labels = {id(part.layer): part.output for part in wired.parts}

    def call(layer, *args, **kwargs):
        x = layer(*args, **kwargs)
        known = labels.get(id(layer))
        if known is None:
            return x
        shape = [1] * len(x.shape)
        shape[known.axis] = -1
        return x * keep[wired.unit[known.channels]].astype("float32").reshape(shape)

    copy = keras.models.clone_model(wired.net, clone_function=lambda layer: layer, call_function=call)
    return np.asarray(copy(inputs, training=False))


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """To 1e-5 of the largest."""
    assert np.isfinite(expected).all()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1.0, float(np.abs(expected).max())))


def logits(net: keras.Model) -> keras.Model:
    """The part before the softmax, which would hide differences."""
    names = [layer.name for layer in net.layers]
    return keras.Model(net.input, net.get_layer("logits").output) if "logits" in names else net


@pytest.mark.parametrize("name", ROWS)
def test_exact(name: str) -> None:
    """Random channels of every row: the narrow network equals the wide one with these channels at zero, and the wide one stays as it is."""
    net = enliven(logits(miniature(name)))
    before, inputs = net.get_weights(), pictures(net)
    wired = wiring(net)
    keep = chosen(wired)
    expected = masked(wired, keep, inputs)
    narrow = rebuilt(wired, keep)
    same(np.asarray(narrow(inputs, training=False)), expected)
    assert float(np.abs(expected).max()) > 0
    assert [layer.name for layer in narrow.layers] == [layer.name for layer in net.layers]
    for old, new in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", ROWS)
def test_cuttable(name: str) -> None:
    """In every row all kernels but the last can lose filters, and their arithmetic is counted as `macs` counts it."""
    net = miniature(name)
    wired = wiring(net)
    assert channel_choice.Budget(wired).total() == macs.count(net)
    last = [part for part in wired.parts if part.widths][-1].layer.name
    fixed = {part.layer.name for part in wired.parts if part.widths and not wired.unit[part.widths[0]].any()}
    if name in CATALOG:
        assert fixed == {last}
    elif name != "resnext_block_a":
        assert last in fixed


@pytest.mark.parametrize("name", ["squeezenet", "mobilenet", pytest.param("densenet_bc_100_12", marks=pytest.mark.slow)])
def test_cut(name: str, tmp_path) -> None:
    """As much goes as was asked for, and the file is an ordinary Keras model."""
    net = enliven(miniature(name))
    inputs = pictures(net)
    found = cut(net, SMALL)
    assert found.macs_before == macs.count(net)
    assert found.macs_after == macs.count(found.net)
    assert 0.3 <= found.share < 0.36
    assert found.net.output.shape == net.output.shape
    assert {"logits", "probabilities"} <= {layer.name for layer in found.net.layers}
    for layer, (before, after) in found.kept.items():
        assert before == net.get_layer(layer).output.shape[-1]
        assert after == found.net.get_layer(layer).output.shape[-1] < before
    found.net.save(tmp_path / "narrow.keras")
    again = keras.saving.load_model(tmp_path / "narrow.keras")
    np.testing.assert_array_equal(again.predict_on_batch(inputs), found.net.predict_on_batch(inputs))


def test_least_and_multiple() -> None:
    net = keras.Sequential([keras.Input((8, 8, 3)), *(layers.Conv2D(count, 3, name=f"c{count}") for count in (6, 64, 20)), layers.Flatten(), layers.Dense(5)])
    net = keras.Model(net.inputs, net.outputs)
    found = cut(net, Channels(0.7, "l1", least=8, multiple=8))
    after = {name: found.net.get_layer(name).filters for name in ("c6", "c64", "c20")}
    assert after["c6"] == 6
    assert 8 <= after["c64"] < 64
    assert after["c64"] % 8 == 0
    assert after["c20"] in (8, 12, 16, 20)


def sum_of(shared: bool = False, lambda_: bool = False) -> keras.Model:
    """Two convolutions that are added, and maybe something that is not understood."""
    x = start = keras.Input((6, 6, 3))
    one = layers.Conv2D(8, 3, padding="same", name="one")
    two = layers.Conv2D(8, 3, padding="same", name="two")
    x = layers.Add(name="sum")([one(x), two(x)])
    if lambda_:
        x = layers.Lambda(lambda value: value[..., ::-1], name="mirror")(x)
    if shared:
        again = layers.Conv2D(8, 3, padding="same", name="again")
        x = again(again(x))
    x = layers.Conv2D(8, 3, name="three")(x)
    return keras.Model(start, layers.Dense(4, name="logits")(layers.GlobalAveragePooling2D()(x)), name="sum_of")


def test_sums_are_tied() -> None:
    narrow = narrowed(sum_of(), {"one": [0, 2, 3, 5, 6, 7], "two": [0, 1, 2, 3, 4, 5, 6]})
    assert narrow.get_layer("one").filters == narrow.get_layer("two").filters == 5


@pytest.mark.parametrize(("given", "whole"), [({"shared": True}, {"one", "two", "again"}), ({"lambda_": True}, {"one", "two"})], ids=["shared", "lambda"])
def test_what_is_not_understood_stays_whole(given: dict, whole: set[str]) -> None:
    net = sum_of(**given)
    found = cut(net, Channels(0.1, "l1", least=1, multiple=1))
    assert set(found.kept) == {"three"}
    assert all(found.net.get_layer(name).filters == 8 for name in whole)
    inputs, wired = pictures(net), wiring(net)
    keep = chosen(wired)
    same(np.asarray(rebuilt(wired, keep)(inputs)), masked(wired, keep, inputs))


def unusual() -> keras.Model:
    """What no row of the catalog has: depth multipliers, operators, joining along a side, gates of one channel, PReLU, dense layers on maps."""
    start = keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, padding="same", name="c1")(start)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="hard_sigmoid", name="dw")(x)
    x = layers.SeparableConv2D(8, 3, depth_multiplier=3, padding="same", activation="tanh", name="sep")(x)
    gate = layers.Conv2D(1, 1, activation="sigmoid", name="gate")(x)
    x = layers.Multiply()([x, gate])
    y = layers.Conv2D(8, 1, name="c2")(x)
    x = layers.Concatenate(axis=1)([x, y])
    x = layers.Dense(12, activation="relu", name="on_map")(x)
    x = layers.Conv2D(12, 3, groups=4, activation="softplus", name="grouped")(x)
    x = layers.Conv2D(12, 1, name="before_operator")(x)
    x = layers.Reshape((-1, 12))(x)
    x = layers.Reshape((40, 1, 12))(x) + layers.Reshape((40, 1, 12))(layers.Conv2D(12, 1, name="c3")(layers.Reshape((40, 1, 12))(x)))
    x = layers.Conv2D(10, 1, name="c4")(layers.PReLU()(layers.Conv2D(7, 1, name="c5")(x)))
    x = layers.Conv2D(6, 1, activation="softmax", name="c6")(layers.Conv2D(9, 1, name="c7")(x))
    return keras.Model(start, layers.Dense(4, name="logits")(layers.Flatten()(layers.AveragePooling2D((4, 1))(x))), name="unusual")


def test_unusual_layers() -> None:
    net = enliven(unusual())
    wired, inputs = wiring(net), pictures(net)
    for seed in range(4):
        keep = chosen(wired, seed)
        same(np.asarray(rebuilt(wired, keep)(inputs)), masked(wired, keep, inputs))
    free = {part.layer.name for part in wired.parts if part.widths and wired.unit[part.widths[0]].any()}
    assert free == {"c1", "sep", "c2", "on_map", "grouped", "c4", "c7"}


@pytest.mark.parametrize("kind", IMPORTANCES)
def test_importance_finds_dead_channels(kind: str) -> None:
    """Filters that give nothing go first."""
    net = enliven(miniature("mobilenet"))
    for name in ("conv_pw_3", "conv_pw_3_bn", "conv_dw_4_bn"):
        values = net.get_layer(name).get_weights()
        for value in values[:2]:  # the kernel, or gamma and beta
            value[..., [1, 3]] = 0
        net.get_layer(name).set_weights(values)
    wired = wiring(net)
    inputs = pictures(net, 16)
    found = importance(wired, kind, inputs, np.eye(7, dtype="float32")[np.arange(16) % 7])
    of_filters = found[wired.unit[wired.by_name["conv_pw_3"].widths[0]]]
    assert (of_filters[[1, 3]] == 0).all()
    assert of_filters.sum() > 0


def test_taylor_is_the_change_of_the_loss() -> None:
    """To first order: for a small step towards zero of what one filter gives to its readers."""
    net = enliven(miniature("lenet"))
    wired, inputs = wiring(net), pictures(net, 4)
    labels = np.eye(7, dtype="float32")[:4]
    part = wired.by_name["c3"]
    unit = wired.unit[part.widths[0][2]]
    found = importance(wired, "taylor", inputs, labels)[unit]
    reader = wired.by_name["c5"]
    rows = wired.unit[reader.weights[0][0]] == unit

    def loss(scale: float) -> float:
        kernel, *rest = reader.layer.get_weights()
        reader.layer.set_weights([np.where(rows[:, None], kernel * scale, kernel), *rest])
        value = float(keras.losses.CategoricalCrossentropy(reduction="sum")(labels, net(inputs)))
        reader.layer.set_weights([kernel, *rest])
        return value

    slope = (loss(1.01) - loss(0.99)) / 0.02
    np.testing.assert_allclose(found, slope**2, rtol=0.1)  # ReLU has kinks


WRONG = [{"share": 0}, {"share": 1}, {"share": -0.1}, {"importance": "l3"}, {"least": 0}, {"multiple": 0}]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: "-".join(f"{key}{value}" for key, value in wrong.items()))
def test_settings_refuse(wrong: dict) -> None:
    with pytest.raises(BadSetting, match="expected"):
        Channels(**wrong)


def test_refusals() -> None:
    net = sum_of()
    with pytest.raises(BadSetting, match=r"expected 0\.\d+ or less"):
        cut(net, Channels(0.9, "l1", least=4, multiple=1))
    with pytest.raises(BadData, match="without pictures"):
        cut(net, Channels(0.3))
    with pytest.raises(BadData, match="labels"):
        cut(net, Channels(0.3), np.zeros((4, 5, 5, 3), "float32"), np.zeros((4, 4), "float32"))
    with pytest.raises(UnknownName, match="did you mean"):
        narrowed(net, {"onee": [1]})
    with pytest.raises(BadSetting, match="no channels"):
        narrowed(net, {"sum": [1]})
    with pytest.raises(BadSetting, match="cannot go"):
        narrowed(net, {"logits": [1]})
    with pytest.raises(BadSetting, match="no filters"):
        narrowed(net, {"one": []})
    with pytest.raises(BadSetting, match="one of each"):
        cut(keras.Model(net.input, [net.output, net.get_layer("three").output]), SMALL)
    with pytest.raises(BadSetting, match="any size"):
        cut(keras.Model(start := keras.Input((None, None, 3)), layers.Conv2D(4, 3)(start)), SMALL)
