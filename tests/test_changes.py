"""Random changes of training pictures."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from edgecnn.settings import Augment
from edgecnn.train import geometry, randaugment
from edgecnn.train.changes import Changes

FILLS = {"nearest": {"mode": "edge"}, "grey": {"mode": "constant", "constant_values": 128}, "reflect": {"mode": "reflect"}}
EVERYTHING = {
    "rotation": 20,
    "shift": 0.1,
    "zoom": 0.2,
    "brightness": 0.1,
    "contrast": 0.2,
    "colour": 0.3,
    "flip": True,
    "crop": 0.1,
    "area": 0.5,
    "operations": 2,
    "strength": 0.6,
    "erase": 0.5,
    "mixup": 0.3,
    "cutmix": 1.0,
}


def tensors(*arrays):
    return [ops.convert_to_tensor(np.asarray(array, "float32")) for array in arrays]


def run(changes, pictures, draws, labels=None):
    labels = np.eye(4)[np.arange(len(pictures)) % 4] if labels is None else labels
    return [ops.convert_to_numpy(made) for made in changes(*tensors(pictures, labels, draws))]


def changed(pictures, **settings):
    changes = Changes(Augment(**settings))
    return run(changes, pictures, changes.draw(np.random.default_rng(0), len(pictures)))[0]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (64, 12, 10, 3)).astype("float32")


def test_nothing_asked_for_is_nothing_drawn_and_nothing_changed(noise):
    changes = Changes(Augment())
    assert changes.columns == 0
    draws = changes.draw(np.random.default_rng(0), 64)
    assert (draws.shape, draws.dtype) == ((64, 0), np.float32)
    np.testing.assert_array_equal(run(changes, noise, draws)[0], noise)


def test_draws_depend_on_the_seed_alone_and_lambdas_follow_the_beta_distribution():
    changes = Changes(Augment(rotation=5, mixup=0.2, cutmix=1.0))
    draws = changes.draw(np.random.default_rng(3), 4000)
    assert (draws.shape, draws.dtype) == ((4000, changes.columns), np.float32)
    np.testing.assert_array_equal(draws, changes.draw(np.random.default_rng(3), 4000))
    deviations = np.sort(draws.std(axis=0))
    np.testing.assert_allclose(deviations[:-1], np.sqrt(1 / 12), atol=0.01)  # uniform, as is Beta(1, 1)
    assert deviations[-1] == pytest.approx(np.sqrt(1 / (4 * 1.4)), abs=0.01)


def test_flip_mirrors_about_half_of_the_pictures_and_leaves_the_others(noise):
    found = changed(noise, flip=True)
    same = (found == noise).all(axis=(1, 2, 3))
    mirrored = (found == noise[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("more", [{}, {"rotation": 1e-30}], ids=["one gather", "bilinear"])
def test_crop_and_flip_give_the_pixels_that_slicing_gives(noise, fill, more):
    padded = np.pad(noise, ((0, 0), (3, 3), (2, 2), (0, 0)), **FILLS[fill])  # a quarter of 12 and of 10, to even
    found = changed(noise, flip=True, crop=0.25, fill=fill, **more)
    seen = set()
    for picture, source in zip(found, padded, strict=True):
        places = [(down, right, mirror) for down in range(7) for right in range(5) for mirror in (1, -1)]
        seen |= {(d, r, m) for d, r, m in places if (picture == source[d : d + 12, r : r + 10][:, ::m]).all()}
    assert {down for down, _, _ in seen} == set(range(7))
    assert {right for _, right, _ in seen} == set(range(5))
    assert len(seen) > 30
    assert all((changed(noise[i : i + 1], crop=0.25, fill=fill) != noise[i]).any() for i in range(2))


def test_every_cropped_picture_is_one_of_the_slices(noise):
    padded = np.pad(noise, ((0, 0), (3, 3), (2, 2), (0, 0)), mode="edge")
    for picture, source in zip(changed(noise, crop=0.25), padded, strict=True):
        assert any((picture == source[d : d + 12, r : r + 10]).all() for d in range(7) for r in range(5))


@pytest.mark.parametrize("fill", FILLS)
def test_half_a_pixel_is_the_mean_of_two(noise, fill):
    half = np.full(64, 0.5)
    shift = geometry.Affine(*tensors(half * 2, half * 0, half * 0, half * 2, half, half * 0))
    found = ops.convert_to_numpy(geometry.sample(ops.convert_to_tensor(noise), shift, fill))
    padded = np.pad(noise, ((0, 0), (0, 0), (0, 1), (0, 0)), **FILLS[fill])
    np.testing.assert_allclose(found, (padded[:, :, :-1] + padded[:, :, 1:]) / 2, atol=1e-4)


def test_one_pixel_pictures_stay_whole():
    for fill in FILLS:
        found = changed(np.full((8, 1, 1, 3), 128.0), rotation=90, shift=0.9, flip=True, area=0.1, operations=2, fill=fill, strength=0)
        np.testing.assert_allclose(found, 128, atol=1e-3)


def test_wide_pictures_are_read_where_float64_says():
    size, count = 224, 4
    ramp = np.broadcast_to(np.arange(size, dtype="float32")[None, None, :, None], (count, size, size, 3))
    angle = np.linspace(0.1, 0.4, count)
    turn = geometry.turned(*tensors(angle, np.ones(count), np.ones(count), np.zeros(count), np.zeros(count)))
    found = ops.convert_to_numpy(geometry.sample(ops.convert_to_tensor(np.array(ramp)), turn, "nearest"))[..., 0]
    v, u = np.mgrid[:size, :size] - (size - 1) / 2
    angle = angle.astype("float32").astype("float64")[:, None, None]
    np.testing.assert_allclose(found, np.clip(np.cos(angle) * u - np.sin(angle) * v + (size - 1) / 2, 0, size - 1), atol=1e-4)


def test_shift_zoom_and_rotation_move_a_dot_by_what_was_asked():
    size, dot = 41, np.zeros((300, 41, 41, 3))
    dot[:, 20, 30] = 255  # ten pixels right of the centre
    y, x = np.mgrid[:size, :size] - 20

    def places(**settings):
        found = changed(dot, **settings)[..., 0]
        total = found.sum(axis=(1, 2))
        return (found * x).sum(axis=(1, 2)) / total, (found * y).sum(axis=(1, 2)) / total

    right, down = places(rotation=90)
    np.testing.assert_allclose(np.hypot(right, down), 10, atol=0.3)
    assert np.degrees(np.arctan2(down, right)).max() > 80
    assert np.degrees(np.arctan2(down, right)).min() < -80
    right, down = places(shift=0.1)
    assert np.abs(right - 10).max() <= 4.2
    assert np.abs(down).max() <= 4.2
    assert np.abs(down).max() > 3.8
    right, down = places(zoom=0.25)
    assert 7.7 < right.min() < 8.5
    assert 12.5 < right.max() < 13.6
    assert np.abs(down).max() < 0.1


def test_area_reads_a_part_inside_the_picture_of_the_share_and_aspect_asked_for():
    y, x = np.mgrid[:40, :60].astype("float32")
    found = changed(np.broadcast_to(np.stack([x, y, x], -1), (500, 40, 60, 3)), area=0.25)
    wide = (found[:, 0, -1, 0] - found[:, 0, 0, 0]) / 59 * 60
    high = (found[:, -1, 0, 1] - found[:, 0, 0, 1]) / 39 * 40
    share = wide * high / 2400
    assert 0.24 < share.min() < 0.27
    assert 0.8 < share.max() <= 1.0001
    free = (wide < 59.9) & (high < 39.9)
    assert 0.74 < (wide / high)[free].min() < 0.8
    assert 1.25 < (wide / high)[free].max() < 1.34
    assert found[..., 0].min() < 1
    assert found[..., 0].max() > 58
    assert found[:, 0, 0, 0].std() > 5


def test_brightness_adds_up_to_its_share_of_the_full_range():
    found = changed(np.full((200, 4, 4, 3), 128.0), brightness=0.2) - 128
    assert np.ptp(found, axis=(1, 2, 3)).max() == 0
    assert -51.01 <= found.min() < -45
    assert 45 < found.max() <= 51.01


def test_contrast_spreads_around_the_mean_and_pixels_stay_bytes(noise):
    calm = 128 + (noise - 128) / 4
    ratio = changed(calm, contrast=0.3).std(axis=(1, 2, 3)) / calm.std(axis=(1, 2, 3))
    assert 0.7 <= ratio.min() < 0.8
    assert 1.2 < ratio.max() <= 1.3
    wild = changed(noise, contrast=0.9, brightness=0.9)
    assert (wild.min(), wild.max()) == (0, 255)


def test_colour_changes_the_distance_from_grey_and_leaves_the_luma(noise):
    calm = 128 + (noise - 128) / 4
    found, luma = changed(calm, colour=0.3), [0.299, 0.587, 0.114]
    np.testing.assert_allclose(found @ luma, calm @ luma, atol=1e-3)
    ratio = np.ptp(found, axis=-1).sum(axis=(1, 2)) / np.ptp(calm, axis=-1).sum(axis=(1, 2))
    assert 0.7 <= ratio.min() < 0.75
    assert 1.25 < ratio.max() <= 1.3


def test_erase_makes_one_grey_rectangle_in_the_share_asked_for():
    found = changed(np.zeros((800, 40, 60, 3)), erase=0.25)
    erased = (found == 128).all(axis=-1)
    assert ((found == 128) | (found == 0)).all()
    hit = erased[erased.any(axis=(1, 2))]
    assert 150 < len(hit) < 250
    rows, columns = hit.any(axis=2).sum(axis=1), hit.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(hit.sum(axis=(1, 2)), rows * columns)
    share = rows * columns / 2400
    assert 0.01 < share.min() < 0.05
    assert 0.25 < share.max() < 0.36
    assert 0.25 < (rows / columns).min() < 0.5
    assert 2 < (rows / columns).max() < 3.8


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


def test_a_turn_before_a_shift_is_the_product_of_both():
    both = np.random.default_rng(0).normal(size=(2, 5, 6))
    first, then = (geometry.Affine(*tensors(*parts.T)) for parts in both)
    matrices = [np.array([[[a, b, e], [c, d, f], [0, 0, 1]] for a, b, c, d, e, f in parts]) for parts in both]
    found = np.stack([ops.convert_to_numpy(part) for part in then.after(first)], axis=1)
    expected = (matrices[0] @ matrices[1])[:, :2]
    np.testing.assert_allclose(found, expected[:, [0, 0, 1, 1, 0, 1], [0, 1, 0, 1, 2, 2]], atol=1e-5)


@pytest.mark.parametrize("fill", FILLS)
def test_pixels_stay_in_range_and_shapes_stay(noise, fill):
    changes = Changes(Augment(**EVERYTHING, fill=fill))
    pictures, labels = run(changes, noise, changes.draw(np.random.default_rng(0), 64))
    assert (pictures.shape, pictures.dtype, labels.shape, labels.dtype) == (noise.shape, np.float32, (64, 4), np.float32)
    assert pictures.min() >= 0
    assert pictures.max() <= 255
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)


# Prints what one backend makes of the same draws, eagerly and compiled; the pictures are smooth, as neighbours in photographs are.
BACKEND = """
import json, sys
import keras, numpy as np
from keras import ops
from edgecnn.settings import Augment
from edgecnn.train.changes import Changes

y, x = np.mgrid[:20, :24]
waves = [128 + 120 * np.sin(x * (i + 1) / 9 + k) * np.cos(y / (5 + i) + k) for i in range(8) for k in range(3)]
pictures = np.round(np.stack(waves).reshape(8, 3, 20, 24)).transpose(0, 2, 3, 1).astype("float32")
labels = np.eye(8, dtype="float32")
found = {}
for fill in ("nearest", "grey", "reflect"):
    for name, settings in json.loads(sys.argv[1]).items():
        changes = Changes(Augment(**settings, fill=fill))
        given = [pictures, labels, changes.draw(np.random.default_rng(5), 8)]
        kinds = {"eager": changes}
        if fill != "grey":  # compiling takes seconds; the frame of this one takes part in the shapes
            pass
        elif keras.backend.backend() == "jax":
            import jax
            kinds["compiled"] = jax.jit(changes)
        elif keras.backend.backend() == "tensorflow":
            import tensorflow as tf
            free = [tf.TensorSpec((None, *array.shape[1:])) for array in given]
            kinds["compiled"] = tf.function(changes, input_signature=free)
            kinds["xla"] = tf.function(changes, jit_compile=True)
        for kind, function in kinds.items():
            made = function(*[ops.convert_to_tensor(array) for array in given])
            found[f"{fill} {name} {kind}"], found[f"{fill} {name} {kind} labels"] = map(ops.convert_to_numpy, made)
np.savez(sys.argv[2], **found)
"""
KINDS = {"everything": EVERYTHING, "quick": {"flip": True, "crop": 0.2}, "one mix": {"mixup": 0.4, "rotation": 30}, "cut": {"cutmix": 1.0, "colour": 0.5}}


@pytest.fixture(scope="module")
def of_backend(tmp_path_factory):
    made = {}

    def get(backend):
        if find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed")
        if backend not in made:
            path = tmp_path_factory.mktemp("changes") / f"{backend}.npz"
            command = [sys.executable, "-c", BACKEND, json.dumps(KINDS), str(path)]
            done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
            made[backend] = dict(np.load(path))
        return made[backend]

    return get


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_compiled_changes_are_those_made_eagerly(of_backend, backend):
    found = of_backend(backend)
    compiled = [key for key in found if "compiled" in key or "xla" in key]
    assert len(compiled) >= 8
    for key in compiled:
        np.testing.assert_allclose(found[key], found[key.replace("compiled", "eager").replace("xla", "eager")], atol=1e-3, err_msg=key)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(of_backend, backend):
    ours, theirs = of_backend("tensorflow"), of_backend(backend)
    eager = [key for key in ours if "eager" in key]
    assert len(eager) == 24
    for key in eager:
        np.testing.assert_allclose(theirs[key], ours[key], atol=1e-3, err_msg=key)


def test_geometry_is_float32_under_mixed_precision(noise):
    wide = np.tile(noise[:4], (1, 8, 8, 1))
    before = changed(wide, rotation=20, zoom=0.1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        after = changed(wide, rotation=20, zoom=0.1)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(after, before)
