"""The pieces of the export room: comparison, ranges, bias correction, names, and edits to files."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest

from edgecnn.card import INPUT, OUTPUT, Preprocessing
from edgecnn.errors import CheckFailed
from edgecnn.export import bias, check, names, ranges
from edgecnn.export.formats import FORMATS
from edgecnn.export.observe import Extremes, Means, observe
from edgecnn.settings import Export


def _softmax(logits: np.ndarray) -> np.ndarray:
    grown = np.exp(logits)
    return grown / grown.sum(1, keepdims=True)


@pytest.fixture
def answers() -> np.ndarray:
    return _softmax(np.random.default_rng(0).normal(0, 2, (200, 10)))


def test_a_network_agrees_with_itself(answers):
    found = check.compare(answers, answers)
    assert (found.agreement, found.beyond_chance, found.difference) == (1.0, 1.0, 0.0)


def test_chance_is_taken_off(answers):
    shuffled = answers[np.random.default_rng(1).permutation(len(answers))]
    found = check.compare(shuffled, answers)
    assert 0 < found.agreement < 0.3
    assert abs(found.beyond_chance) < 0.1


def test_labels_that_hold_together_are_compared_one_by_one():
    """The best of two sure labels flips on every second image, and no decision does."""
    random = np.random.default_rng(3)
    holds = random.random((200, 3)) < 0.5
    original = np.where(holds, 0.95, 0.05) + random.uniform(-0.04, 0.04, holds.shape)
    answers = np.where(holds, 0.95, 0.05) + random.uniform(-0.04, 0.04, holds.shape)
    assert check.compare(answers, original).beyond_chance < 0.7
    assert check.compare(answers, original, multi_label=True).beyond_chance == 1.0
    other = check.compare(answers[random.permutation(200)], original, multi_label=True)
    assert other.agreement < 0.7
    assert other.beyond_chance < 0.2


def test_labels_that_hardly_ever_hold_are_compared_by_the_best_one():
    """One decision in a thousand differs, which is all that chance leaves: kappa of the decisions is 0."""
    original = np.random.default_rng(4).uniform(0.0, 0.4, (200, 5))
    answers = original.copy()
    answers[0, 0] = 0.6
    found = check.compare(answers, original, multi_label=True)
    assert found.beyond_chance > 0.99


def test_a_float_file_with_other_answers_is_refused(answers, tmp_path):
    other = _softmax(np.log(answers) + np.random.default_rng(2).normal(0, 0.3, answers.shape))
    with pytest.raises(CheckFailed, match="was not kept"):
        check.must_agree(check.compare(other, answers), "float32", tmp_path / "x.tflite", Export().min_agreement)


def test_generated_pictures_are_pictures():
    pictures = check.generated(Preprocessing(20, 30), 4)
    assert (pictures.shape, pictures.dtype) == ((4, 20, 30, 3), np.uint8)
    assert pictures.std() > 20


def _seen(sample: np.ndarray, high: float) -> Extremes:
    kept = Extremes(each=len(sample))
    kept.add(sample.astype(np.float32), picture=0)
    kept.high = high
    return kept


def test_a_clip_cuts_what_no_sample_shows():
    random = np.random.default_rng(0)
    assert ranges.best_clip(_seen(np.abs(random.normal(0, 1, 100_000)), high=40.0)) < 0.3
    assert ranges.best_clip(_seen(random.uniform(0, 40, 100_000), high=40.0)) > 0.9


def test_the_output_is_never_clipped():
    assert ranges.choose({OUTPUT: _seen(np.zeros(1000), high=1.0)})[OUTPUT].clip == 1.0


@pytest.mark.parametrize(
    ("preprocessing", "low", "high"),
    [(Preprocessing(8, 8), -1.0, 127 / 128), (Preprocessing(8, 8, "bgr", (104.0, 117.0, 123.0), (1.0,)), -123.0, 151.0)],
    ids=["ours", "caffe"],
)
def test_the_input_range_is_what_bytes_become(preprocessing, low, high):
    found = ranges.with_exact_input({INPUT: ranges.Range(-0.3, 0.2), "x": ranges.Range(0, 1)}, preprocessing)
    assert found[INPUT].clipped == (low, high)
    assert found["x"] == ranges.Range(0, 1)


def test_rounded_weights_are_127_steps_a_channel():
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 5)).astype(np.float32)
    near = bias.rounded(weights, 0)
    for channel, exact in zip(near, weights, strict=True):
        step = np.abs(exact).max() / 127
        np.testing.assert_allclose(channel / step, np.rint(channel / step), atol=1e-3)
        assert np.abs(channel - exact).max() <= step / 2 * 1.001
    np.testing.assert_allclose(bias.rounded(near, 0), near, atol=1e-7)


@pytest.mark.parametrize("groups", [1, 2, 6], ids=["dense", "grouped", "depthwise"])
def test_the_shift_is_the_lost_mean(groups):
    """Against a convolution done by hand, on inputs whose mean a channel is known exactly."""
    random = np.random.default_rng(0)
    inputs, outputs = 6, 12
    lost = random.normal(size=(outputs, inputs // groups, 3, 3))
    means = random.normal(size=inputs)
    expected = np.zeros(outputs)
    for o in range(outputs):
        first = o // (outputs // groups) * (inputs // groups)
        for i in range(inputs // groups):
            expected[o] += lost[o, i].sum() * means[first + i]
    np.testing.assert_allclose(bias.shift(lost, means, groups), expected)


@pytest.mark.parametrize(
    ("size", "taps", "stride", "dilation"), [(1, 3, 1, 1), (2, 3, 1, 1), (5, 7, 1, 1), (6, 3, 2, 1), (7, 3, 2, 1), (9, 3, 1, 4), (4, 1, 2, 1)]
)
def test_shares_are_what_a_convolution_of_ones_sees(size, taps, stride, dilation):
    """Against a convolution with each tap alone, on a map of ones."""
    kernel = np.eye(taps).reshape(taps, 1, 1, taps)
    seen = keras.ops.conv(np.ones((1, size, 1, 1)), kernel, stride, "same", dilation_rate=dilation)
    found = bias.on_map(size, taps, stride, dilation, bias.same(size, taps, stride, dilation))
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(seen).mean((0, 1, 2)), atol=1e-6)


def _first_means(fmt, layers, inputs):
    """Mean a channel of what the last of `layers` gives: exact, with rounded weights, and with corrected biases too."""
    start = keras.Input(inputs.shape[1:])
    x = start
    for layer in layers:
        x = layer(x)
    end = layers[-1].name
    writer = FORMATS[fmt]()
    exact = writer.convert(keras.Model(start, keras.layers.Softmax()(keras.layers.Flatten(name="logits")(x))))
    means = writer.means(exact, inputs, None)
    return [means[end], *(writer.means(writer.snap(exact, known, {}), inputs, None)[end] for known in ({}, means))]


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize(
    ("size", "arguments"),
    [
        (1, {"kernel_size": 3, "padding": "same"}),
        (2, {"kernel_size": 3, "padding": "same", "groups": 2}),
        (4, {"kernel_size": 3, "padding": "same", "strides": 2, "use_bias": False}),
        (5, {"kernel_size": (1, 7), "padding": "same", "groups": 6}),
        (7, {"kernel_size": 3, "strides": 2}),
    ],
    ids=["1 pixel", "2 pixels, groups", "stride", "long kernel, depthwise", "valid"],
)
def test_corrected_biases_bring_means_back_on_maps_of_a_few_pixels(fmt, size, arguments):
    """Inputs are the same at every position, so that the correction is exact where it counts the taps that lie on the map, and wrong where it counts all."""
    shades = np.random.default_rng(0).uniform(0, 1, (16, 1, 1, 6)).astype(np.float32)
    keras.utils.set_random_seed(0)
    conv = keras.layers.Conv2D(12, bias_initializer="random_normal", name="conv", **arguments)
    exact, rounded, corrected = _first_means(fmt, [conv], np.broadcast_to(shades, (16, size, size, 6)))
    assert np.abs(corrected - exact).max() < 0.02 * np.abs(rounded - exact).max()


@pytest.mark.parametrize("fmt", FORMATS)
def test_layers_without_a_bias_are_corrected_each_by_its_own(fmt):
    """Converters give one constant of zeros to all of them."""
    inputs = np.random.default_rng(0).uniform(0, 1, (16, 6, 6, 8)).astype(np.float32)
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name=f"conv{i}") for i in range(4)]
    exact, rounded, corrected = _first_means(fmt, layers, inputs)
    assert np.abs(corrected - exact).mean() < 0.3 * np.abs(rounded - exact).mean()


def test_names_do_not_hang_on_the_order_of_operators():
    """A layer of four operators, two of them side by side, between two others."""
    steps = [
        names.Step("first", "conv", ("in",), ("a",)),
        names.Step("layer", "add", ("a",), ("b",)),
        names.Step("layer", "mul", ("a",), ("c",)),
        names.Step("layer", "mul", ("b", "c"), ("d",)),
        names.Step("layer_2", "conv", ("d",), ("e",)),
        names.Step("", "reshape", ("e",), ("f",)),
        names.Step("last", "softmax", ("f",), ("out",)),
    ]
    expected = names.activations(steps, {"in": INPUT, "out": OUTPUT})
    assert [expected[edge] for edge in ("in", "a", "b", "c", "d", "f", "out")] == [INPUT, "first", "layer", "layer_2", "layer_3", "layer_2_2_reshape", OUTPUT]
    for seed in range(20):
        shuffled = random.Random(seed).sample(steps, len(steps))
        assert names.activations(shuffled, {"in": INPUT, "out": OUTPUT}) == expected


@pytest.mark.parametrize("fmt", FORMATS)
def test_layers_that_differ_by_a_number_keep_their_names(fmt):
    start = keras.Input((8, 8, 6))
    x = start
    for name in ("conv", "conv_1", "conv_1_1", "conv_2"):
        x = keras.layers.Conv2D(6, 3, activation="tanh", name=name)(x) if name == "conv" else keras.layers.Conv2D(6, 1, name=name)(x)
    writer = FORMATS[fmt]()
    content = writer.convert(keras.Model(start, keras.layers.Softmax()(keras.layers.Flatten(name="logits")(x))))
    found = writer.means(content, np.ones((1, 8, 8, 6), np.float32), None)
    assert {"conv", "conv_1", "conv_1_1", "conv_2"} <= found.keys()


def _twice():
    return lambda image: iter([("double", image * 2)])


@pytest.fixture
def shades() -> np.ndarray:
    return np.stack([np.full((4, 4, 3), shade, np.uint8) for shade in (0, 64, 255)])


def test_extremes_see_every_picture(shades):
    seen = observe(_twice, shades, Preprocessing(4, 4), lambda name: Extremes(each=10))
    assert (seen[INPUT].low, seen[INPUT].high) == (-1.0, 127 / 128)
    assert (seen["double"].low, seen["double"].high) == (-2.0, 254 / 128)
    assert len(seen["double"].sample) == 3 * 10


def test_means_are_of_all_pictures_and_positions(shades):
    seen = observe(_twice, shades, Preprocessing(4, 4), lambda name: Means(axis=3))
    np.testing.assert_allclose(seen["double"].means, np.full(3, 2 * np.mean([-1, -0.5, 127 / 128])))
