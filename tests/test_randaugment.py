"""RandAugment's operations are Pillow's and NumPy's, drawn at even odds."""

import numpy as np
import pytest
from changing import changed, tensors
from keras import ops
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from edgecnn.train import geometry, randaugment


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (64, 12, 10, 3)).astype("float32")


def one_operation(name, sign, strength, count=3):
    return randaugment.Change(*tensors(np.full(count, randaugment.OPERATIONS.index(name)), np.full(count, sign)), strength)


def repainted(pictures, name, sign, strength):
    return ops.convert_to_numpy(randaugment.repaint(*tensors(pictures), one_operation(name, sign, strength, len(pictures))))


PILLOW = {
    "identity": lambda picture, sign: picture,
    "brightness": lambda picture, sign: ImageEnhance.Brightness(picture).enhance(1 + sign * 0.45),
    "contrast": lambda picture, sign: ImageEnhance.Contrast(picture).enhance(1 + sign * 0.45),
    "colour": lambda picture, sign: ImageEnhance.Color(picture).enhance(1 + sign * 0.45),
    "sharpness": lambda picture, sign: ImageEnhance.Sharpness(picture).enhance(1 + sign * 0.45),
    "posterize": lambda picture, sign: ImageOps.posterize(picture, 6),
    "solarize": lambda picture, sign: ImageOps.solarize(picture, 128),
    "autocontrast": lambda picture, sign: ImageOps.autocontrast(picture),
    "rotate": lambda picture, sign: picture,
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", PILLOW)
def test_each_change_of_pixels_at_half_strength_is_that_of_pillow(name, sign):
    pictures = np.random.default_rng(1).integers(40, 200, (3, 13, 11, 3)).astype("uint8")
    theirs = np.stack([np.asarray(PILLOW[name](Image.fromarray(picture), sign)) for picture in pictures])
    found = repainted(pictures, name, sign, 0.5)
    exact = name in ("identity", "rotate", "posterize", "solarize")
    np.testing.assert_allclose(found, theirs, atol=0 if exact else 1.51)  # Pillow works in whole bytes
    assert exact or np.abs(found - pictures).max() > 10


def test_the_border_stays_as_it_is_where_pillow_smooths():
    pictures = np.random.default_rng(1).integers(0, 256, (2, 9, 8, 3)).astype("uint8")
    theirs = np.stack([np.asarray(Image.fromarray(picture).filter(ImageFilter.SMOOTH)) for picture in pictures])
    np.testing.assert_allclose(ops.convert_to_numpy(randaugment.smoothed(*tensors(pictures))), theirs, atol=0.51)


def test_autocontrast_leaves_a_picture_of_one_colour():
    np.testing.assert_array_equal(repainted(np.full((2, 5, 5, 3), 77.0), "autocontrast", 1, 1.0), 77)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("rotate", (10 * np.cos(np.pi / 12), -10 * np.sin(np.pi / 12))),
        ("shear_x", (10, 0)),
        ("shear_y", (10, -1.5)),
        ("translate_x", (10 - 0.225 * 61, 0)),
        ("translate_y", (10, -0.225 * 61)),
        ("brightness", (10, 0)),
    ],
)
def test_each_move_at_half_strength_brings_a_dot_where_it_should_be(name, place):
    dot = np.zeros((3, 61, 61, 3))
    dot[:, 30, 40] = 255
    moved = ops.convert_to_numpy(geometry.sample(*tensors(dot), randaugment.move(one_operation(name, 1.0, 0.5), (61, 61)), "nearest"))[0, ..., 0]
    y, x = np.mgrid[:61, :61] - 30
    np.testing.assert_allclose([(moved * x).sum() / moved.sum(), (moved * y).sum() / moved.sum()], place, atol=0.1)


def test_shear_across_moves_rows_by_their_height():
    dot = np.zeros((3, 61, 61, 3))
    dot[:, 40, 30] = 255
    moved = ops.convert_to_numpy(geometry.sample(*tensors(dot), randaugment.move(one_operation("shear_x", 1.0, 1.0), (61, 61)), "nearest"))[0, ..., 0]
    assert np.unravel_index(moved.argmax(), moved.shape) == (40, 27)


def test_operations_are_drawn_at_even_odds_with_either_sign():
    draws = np.random.default_rng(0).random((13000, 2), dtype="float32")
    made = randaugment.drawn(*tensors(draws[:, 0], draws[:, 1]), 0.5)
    counts = np.bincount(ops.convert_to_numpy(made.choice).astype(int), minlength=13)
    assert len(counts) == 13
    assert counts.min() > 880
    assert set(np.unique(ops.convert_to_numpy(made.amount("rotate")))) == {-15, 0, 15}


def test_no_strength_changes_nothing_but_autocontrast(noise):
    full = noise.copy()
    full[:, 0, 0], full[:, 0, 1] = 0, 255  # autocontrast has nothing to stretch
    np.testing.assert_allclose(changed(full, operations=3, strength=0), full, atol=1e-3)


def test_randaugment_moves_pictures_among_the_other_changes():
    dot = np.zeros((600, 41, 41, 3))
    dot[:, 20, 20] = 255
    found = changed(dot, operations=1, strength=0.3)[..., 0]  # 0.3 of 0.45 of 41 pixels is 5.5
    assert 60 < (found[:, 20, 20] == 0).sum() < 150  # two of the thirteen, and no other, move the middle
    assert (found[:, 20, [14, 26]] > 50).any(axis=0).all()
    assert (found[:, [14, 26], 20] > 50).any(axis=0).all()
