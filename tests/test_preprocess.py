"""From bytes to what a network stores: exact in every order, type and layout."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_nets import pictures

from edgecnn.card import Preprocessing
from edgecnn.runtime.preprocess import Encoder, channels, prepare

BYTES = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, axis=3)


def test_float_input_is_pixel_minus_mean_over_std():
    mean, std = (104.0, 117.0, 123.0), (57.4, 57.1, 58.4)
    given = pictures()
    expected = (given.astype(np.float32) - np.float32(mean)) / np.float32(std)
    np.testing.assert_array_equal(prepare(given, Preprocessing(16, 16, "rgb", mean, std)), expected)


def test_bgr_swaps_channels_before_the_mean():
    given = pictures()
    expected = given[..., ::-1].astype(np.float32) - np.float32((104, 117, 123))
    np.testing.assert_array_equal(prepare(given, Preprocessing(16, 16, "bgr", (104, 117, 123), (1,))), expected)


def test_grey_is_luma_rounded_to_nearest():
    given = pictures()
    expected = np.floor(given @ np.array([0.299, 0.587, 0.114]) + 0.5)
    np.testing.assert_array_equal(channels(given, "grey")[..., 0], expected)


def test_grey_rgb_keeps_its_bytes():
    np.testing.assert_array_equal(channels(BYTES, "grey"), BYTES[..., :1])


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 128), ("int8", 0)])
def test_a_byte_is_its_own_quantized_input(dtype, zero_point):
    stored = Encoder(Preprocessing(16, 16), dtype, 1 / 128, zero_point)(BYTES)
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored.astype(int), BYTES.astype(int) - (128 - zero_point))


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize(("dtype", "scale", "zero_point"), [("uint8", 1 / 127.5, 127), ("int8", 0.02, -5), ("int16", 1 / 20000, 0), ("uint8", 0.9, 120)])
def test_quantization_follows_the_files_scale(dtype, scale, zero_point, order):
    settings = Preprocessing(16, 16, order, (100.0, 128.0, 140.0), (60.0, 64.0, 128.0))
    limits = np.iinfo(dtype)
    real = (pictures()[..., :: -1 if order == "bgr" else 1] - np.array(settings.mean)) / settings.std
    expected = np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max)
    np.testing.assert_array_equal(Encoder(settings, dtype, scale, zero_point)(pictures()), expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int8"])
@pytest.mark.parametrize("order", ["rgb", "bgr", "grey"])
def test_channels_first_is_the_same_transposed(dtype, order):
    settings = Preprocessing(16, 16, order, (128.0,), (64.0,))
    quantized = {} if dtype.startswith("float") else {"scale": 1 / 64, "zero_point": 3}
    last = Encoder(settings, dtype, **quantized)(pictures())
    first = Encoder(settings, dtype, **quantized, channels_first=True)(pictures())
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


def test_out_is_filled_in_place():
    out = np.zeros((6, 16, 16, 3), np.float32)
    assert Encoder(Preprocessing(16, 16), "float32")(pictures(), out) is out
    assert out.any()
