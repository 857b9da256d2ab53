"""The pieces of the export room: comparison, ranges, bias correction, and edits to files."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.card import INPUT, OUTPUT, Preprocessing
from edgecnn.errors import CheckFailed
from edgecnn.export import bias, check, ranges
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


def _twice():
    return lambda image: iter([("double", image * 2)])


@pytest.fixture
def shades() -> np.ndarray:
    return np.stack([np.full((4, 4, 3), shade, np.uint8) for shade in (0, 64, 255)])


def test_extremes_see_every_picture(shades):
    seen = observe(_twice, shades, Preprocessing(4, 4), lambda: Extremes(each=10))
    assert (seen[INPUT].low, seen[INPUT].high) == (-1.0, 127 / 128)
    assert (seen["double"].low, seen["double"].high) == (-2.0, 254 / 128)
    assert len(seen["double"].sample) == 3 * 10


def test_means_are_of_all_pictures_and_positions(shades):
    seen = observe(_twice, shades, Preprocessing(4, 4), lambda: Means(axis=3))
    np.testing.assert_allclose(seen["double"].means, np.full(3, 2 * np.mean([-1, -0.5, 127 / 128])))
