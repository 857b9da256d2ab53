"""A network beside the one that it was: which answers have changed, and which of them are right."""

from __future__ import annotations

import keras
import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.compress import Change
from edgecnn.compress.answers import Answers
from edgecnn.data import Split
from edgecnn.progress import Progress
from edgecnn.runtime.preprocess import Encoder
from edgecnn.statistics import paired_interval
from edgecnn.train.feed import slices

BATCH = 64


def change(
    before: keras.Model, after: keras.Model, name: str, split: Split, answers: Answers, preprocessing: Preprocessing, progress: Progress
) -> Change:  # fmt: skip
    """Compare two networks on the images of a split; without right answers, by their agreement alone."""
    given = [_decisions(net, split, answers, preprocessing) for net in (before, after)]
    truth, agreement = answers.truth(split), float(_same(*given).mean())
    if truth is None:
        progress.step(f"{name}: {100 * agreement:.1f} % of {len(split)} pictures are answered as before")
        return Change(name, len(split), None, None, None, None, agreement)
    right = [_same(one, truth) for one in given]
    gained, lost = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    low, high = paired_interval(gained, lost, len(split))
    result = Change(name, len(split), float(right[0].mean()), float(right[1].mean()), low, high, agreement)
    points = 100 * (result.after - result.before)
    text = f"{100 * result.before:.1f} -> {100 * result.after:.1f} %, change {points:+.2f} (95 % interval {100 * low:+.2f} to {100 * high:+.2f})"
    progress.step(f"{name}: {text}, {len(split)} pictures")
    return result


def encoder(net: keras.Model, preprocessing: Preprocessing) -> Encoder:
    """From images to a network's input, which of gray ones may lack the axis of channels."""
    return Encoder(preprocessing, "float32", has_channel_axis=len(net.inputs[0].shape) == 4)


def scores(net: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Scores [n, scores] of some inputs."""
    rows = np.asarray(net.predict_on_batch(inputs), np.float32)
    return rows.reshape(len(rows), -1)


def _decisions(net: keras.Model, split: Split, answers: Answers, preprocessing: Preprocessing) -> np.ndarray:
    """The best class of each image, int [N], or which labels hold, bool [N, labels]."""
    encode = encoder(net, preprocessing)
    return np.concatenate([answers.decide(scores(net, encode(np.asarray(split.pictures[part])))) for part in slices(len(split), BATCH)])


def _same(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where two answers are the same, all labels together, bool [N]."""
    return first == second if first.ndim == 1 else (first == second).all(1)
