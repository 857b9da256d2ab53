"""What the scores of a classifier mean, and the way from them to probabilities."""

from __future__ import annotations

from enum import Enum

import numpy as np


class ScoreKind(str, Enum):
    """Meaning of one row of scores.

    `SIGMOID` and `LOGIT` are one score an image: of the second of two classes. `MULTI_LABEL` is one independent probability a class: several
    classes, or none, may hold for one image.
    """

    SOFTMAX = "softmax"
    LOGITS = "logits"
    SIGMOID = "sigmoid"
    LOGIT = "logit"
    MULTI_LABEL = "multi-label"
    MULTI_LABEL_LOGITS = "multi-label-logits"
    PERCENT = "percent"

    @property
    def is_multi_label(self) -> bool:
        """Whether classes are independent of one another."""
        return self in (ScoreKind.MULTI_LABEL, ScoreKind.MULTI_LABEL_LOGITS)

    @property
    def are_logits(self) -> bool:
        """Whether an app must add a softmax or a sigmoid to get probabilities."""
        return self in (ScoreKind.LOGITS, ScoreKind.LOGIT, ScoreKind.MULTI_LABEL_LOGITS)


DESCRIPTIONS = {
    ScoreKind.SOFTMAX: "probabilities of a softmax",
    ScoreKind.LOGITS: "logits: softmax makes probabilities of them",
    ScoreKind.SIGMOID: "one probability, of the second of two classes",
    ScoreKind.LOGIT: "one logit, of the second of two classes: sigmoid makes a probability of it",
    ScoreKind.MULTI_LABEL: "independent probabilities, one a class (sigmoids)",
    ScoreKind.MULTI_LABEL_LOGITS: "independent logits, one a class: sigmoid makes probabilities of them",
    ScoreKind.PERCENT: "probabilities in percent, 0 to 100",
}

# Scores from which a meaning is read; fewer images could all lie in 0..1 by chance.
ENOUGH = 8


def num_classes(kind: ScoreKind | None, num_scores: int) -> int:
    """Classes behind `num_scores` scores: one score means two classes."""
    return 2 if num_scores == 1 and kind is not ScoreKind.MULTI_LABEL else num_scores


def to_probabilities(scores: np.ndarray, kind: ScoreKind) -> np.ndarray:
    """Probabilities [N, classes], float32, for scores [N, scores] as a file gives them.

    Example:
        >>> to_probabilities(np.array([[0.25]], np.float32), ScoreKind.SIGMOID)
        array([[0.75, 0.25]], dtype=float32)
    """
    if kind is ScoreKind.LOGITS:
        return softmax(scores)
    if kind is ScoreKind.PERCENT:
        return scores / np.float32(100)
    if kind is ScoreKind.MULTI_LABEL_LOGITS:
        return sigmoid(scores)
    if kind in (ScoreKind.SIGMOID, ScoreKind.LOGIT):
        second = scores if kind is ScoreKind.SIGMOID else sigmoid(scores)
        return np.concatenate([1 - second, second], axis=-1)
    return scores


def kind_of_activation(activation: str, num_scores: int) -> ScoreKind | None:
    """Meaning of the scores behind a last operator: `softmax` or `sigmoid`; None where it says nothing."""
    if activation == "softmax" and num_scores > 1:
        return ScoreKind.SOFTMAX
    if activation == "sigmoid":
        return ScoreKind.SIGMOID if num_scores == 1 else ScoreKind.MULTI_LABEL
    return None


def kind_of_values(scores: np.ndarray) -> ScoreKind:
    """Meaning read off the values of scores [N, scores] of several images.

    Rows of 0..1 that sum to 1 are a softmax's, other rows of 0..1 are independent probabilities, rows of 0..100 that sum to 100 are percent; all else is
    logits.
    """
    one = scores.shape[-1] == 1
    if len(scores) and scores.min() >= 0:
        if scores.max() <= 1 + 1e-3:
            if one:
                return ScoreKind.SIGMOID
            return ScoreKind.SOFTMAX if _sum_to(scores, 1.0) else ScoreKind.MULTI_LABEL
        if not one and scores.max() <= 100.1 and _sum_to(scores, 100.0):
            return ScoreKind.PERCENT
    return ScoreKind.LOGIT if one else ScoreKind.LOGITS


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis of [N, classes], float32."""
    grown = np.exp(scores - scores.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Logistic function, elementwise, without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * scores.astype(np.float64)))).astype(np.float32)


def _sum_to(scores: np.ndarray, total: float) -> bool:
    """Whether rows [N, classes] sum to `total`, within rounding of a quantized output."""
    step, values = 0.0, np.unique(scores)
    if 1 < len(values) <= 256:
        step = float(np.diff(values).min())
        # Real numbers have no common step; a quantized output has nothing else.
        step = step if np.allclose(values / step, np.rint(values / step), atol=1e-2) and step > 1e-4 * total else 0.0
    return bool(np.abs(scores.sum(-1, dtype=np.float64) - total).max() <= 1e-3 * total + step * scores.shape[-1] / 2)
