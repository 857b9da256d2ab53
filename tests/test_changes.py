"""Random changes of training pictures do what `Augment` says, and nothing else."""

import numpy as np
import pytest
from changing import EVERYTHING, FILLS, changed, run, tensors
from keras import ops

from edgecnn.settings import Augment
from edgecnn.train import geometry
from edgecnn.train.changes import Changes


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


def test_a_turn_with_zoom_and_mirror_keeps_the_angles():
    found = geometry.turned(*tensors([0.3], [1.5], [-1], [2], [5]))
    cosine, sine = 1.5 * np.cos(0.3), 1.5 * np.sin(0.3)
    np.testing.assert_allclose([float(part[0]) for part in found], [-cosine, -sine, -sine, cosine, 2, 5], rtol=1e-6)


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
