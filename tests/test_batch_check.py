"""Images alone and in a batch: dependence and chance are named, a batch of one is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.errors import BadFile
from edgecnn.runtime.batch_check import check_batch_independence

PATH = Path("theirs.onnx")
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3), np.uint8)
WEIGHTS = np.random.default_rng(1).normal(0, 1, (108, 4))


def alone(images: np.ndarray) -> np.ndarray:
    return (images.reshape(len(images), -1) / 255 @ WEIGHTS).astype(np.float32)


def normed(images: np.ndarray) -> np.ndarray:
    scores = alone(images)
    return (scores - scores.mean(0)) / (scores.std(0) + 1e-3)


def softmax_over_batch(images: np.ndarray) -> np.ndarray:
    grown = np.exp(alone(images) - alone(images).max(0))
    return grown / grown.sum(0)


def one_only(images: np.ndarray) -> np.ndarray:
    if len(images) > 1:
        raise BadFile("reshape")
    return alone(images)


def rounded(images: np.ndarray) -> np.ndarray:
    """Float sums in another order for each size of a batch."""
    return alone(images) * np.float32(1 + 1e-6 * len(images))


@pytest.mark.parametrize("run", [alone, rounded])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("fixed", [False, True])
def test_images_that_are_answered_by_themselves_keep_the_batch(run, count: int, fixed: bool) -> None:
    assert check_batch_independence(PATH, run, IMAGES[:count], 8, fixed=fixed) == 8


@pytest.mark.parametrize("run", [normed, softmax_over_batch])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_dependence_on_the_batch_is_named(run, count: int) -> None:
    with pytest.raises(BadFile, match=r"theirs.onnx: the scores of an image depend on the other images"):
        check_batch_independence(PATH, run, IMAGES[:count], 8)


def test_dependence_by_design_is_run_alone() -> None:
    assert check_batch_independence(PATH, normed, IMAGES, 8, is_by_design=lambda: True) == 1


def test_chance_is_named() -> None:
    random = np.random.default_rng(2)
    with pytest.raises(BadFile, match="each time it sees the same image"):
        check_batch_independence(PATH, lambda images: alone(images) + random.normal(0, 0.1, (len(images), 4)), IMAGES, 8)


def test_open_batch_that_works_for_one_is_run_with_one() -> None:
    assert check_batch_independence(PATH, one_only, IMAGES, 8) == 1


def test_fixed_batch_that_fails_is_refused() -> None:
    with pytest.raises(BadFile, match="reshape"):
        check_batch_independence(PATH, one_only, IMAGES, 8, fixed=True)


def test_not_a_number_is_left_to_others() -> None:
    assert check_batch_independence(PATH, lambda images: alone(images) * np.nan, IMAGES, 8) == 8
