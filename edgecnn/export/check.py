"""Written is not exported: run a file, compare it with its original, and say no when it does something else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.errors import CheckFailed
from edgecnn.schemes import scheme

# Root mean square of the differences of log-probabilities, over their spread between pictures. Wrong preprocessing or weights give 0.3 and more.
TOLERANCE = {"float32": 1e-3, "float16": 0.1}

# Probabilities below this are all the same "no"; their logarithms would drown the rest, and float16 cannot tell them apart.
FLOOR = 1e-4

# A network whose answers vary less from picture to picture has learnt nothing, and agreement with it proves nothing.
LEAST_SPREAD = 1e-4


@dataclass(frozen=True)
class Comparison:
    """A file beside its original on the same pictures.

    Attributes:
        agreement: share of pictures with the same top-1 answer.
        beyond_chance: agreement over what two unrelated networks with the same answers a class would reach (Cohen's kappa).
        difference: root mean square of the differences of log-probabilities, over their spread between pictures.
        pictures: how many.
    """

    agreement: float
    beyond_chance: float
    difference: float
    pictures: int


def compare(answers: np.ndarray, original: np.ndarray, *, multi_label: bool = False) -> Comparison:
    """Compare probabilities [N, classes] of a file with those of its original.

    Args:
        answers, original: probabilities [N, classes].
        multi_label: any number of classes may hold. Their decisions at 0.5 are compared too, and the better agreement of the two counts: of several classes
            that hold the best changes without harm, and where hardly any reaches 0.5 the decisions say little.
    """
    agreement, beyond = _agreement(answers.argmax(1)[:, None] == np.arange(original.shape[1]), original.argmax(1)[:, None] == np.arange(original.shape[1]))
    if multi_label:
        agreement, beyond = max((agreement, beyond), _label_agreement(answers > 0.5, original > 0.5), key=lambda pair: pair[1])
    difference = float(np.sqrt(np.square(_logs(answers) - _logs(original)).mean())) / max(spread(original), LEAST_SPREAD)
    return Comparison(agreement, beyond, difference, len(answers))


def _agreement(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Share of images with the same class, of one-hot answers [N, classes], and Cohen's kappa."""
    return _beyond((ours & theirs).any(1).mean(), (ours.mean(0) * theirs.mean(0)).sum())


def _label_agreement(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Share of the same decisions, bool [N, labels], and Cohen's kappa, with the chance of each label."""
    ours_share, theirs_share = ours.mean(0), theirs.mean(0)
    return _beyond((ours == theirs).mean(), (ours_share * theirs_share + (1 - ours_share) * (1 - theirs_share)).mean())


def _beyond(agreement: float, chance: float) -> tuple[float, float]:
    """An agreement, and what it is beyond chance."""
    return float(agreement), float((agreement - chance) / (1 - chance)) if chance < 1 else float(agreement)


def spread(probabilities: np.ndarray) -> float:
    """How much the answers vary: standard deviation over pictures of each class's log-probability, the mean over classes."""
    return float(_logs(probabilities).std(0).mean())


def must_vary(original: np.ndarray, name: str) -> None:
    """Refuse an original whose answers are the same for every picture.

    Raises:
        CheckFailed: no comparison with such a network can fail, so none proves anything.
    """
    if len(original) > 1 and spread(original) < LEAST_SPREAD:
        raise CheckFailed(f"{name} gives the same answer to every picture, so that no comparison can prove its exports; train it first")


def must_agree(found: Comparison, name: str, path: Path, least: float) -> None:
    """Judge one file by its scheme: float formats by difference, lossy ones by agreement beyond chance.

    Raises:
        CheckFailed: with what was measured and what was expected.
    """
    if scheme(name).lossless:
        limit = TOLERANCE[name]
        if found.difference > limit:
            raise CheckFailed(
                f"{path} was not kept: its log-probabilities differ from the original's by {found.difference:.2g} of their spread; "
                f"{name} may differ by {limit:g}; this is a fault of the converter: please report it with the model"
            )
    elif found.beyond_chance < least:
        raise CheckFailed(
            f"{path} was not kept: it agrees with the original on {found.agreement:.1%} of {found.pictures} pictures, "
            f"{found.beyond_chance:.2f} beyond chance; expected {least:g} or more; calibrate on pictures of the model's own kind with --data"
        )


def generated(preprocessing: Preprocessing, count: int, seed: int = 0) -> np.ndarray:
    """Pictures made of smooth colour fields and noise, uint8 RGB [count, H, W, 3], for a comparison where no real ones are at hand."""
    random = np.random.default_rng(seed)
    height, width = preprocessing.height, preprocessing.width
    coarse = random.uniform(0, 255, (count, 5, 5, 3))
    rows, columns = np.linspace(0, 4, height), np.linspace(0, 4, width)
    smooth = _interpolate(_interpolate(coarse, rows, 1), columns, 2)
    noisy = smooth + random.normal(0, 1, smooth.shape) * random.uniform(0, 40, (count, 1, 1, 1))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _interpolate(values: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    low = np.minimum(at.astype(int), values.shape[axis] - 2)
    shape = [1] * values.ndim
    shape[axis] = len(at)
    share = (at - low).reshape(shape)
    return np.take(values, low, axis) * (1 - share) + np.take(values, low + 1, axis) * share


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, FLOOR))
