"""What a network said to each picture, in tens of bytes a picture: all that the statistics need, of any number of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from edgecnn.runtime.contract import Runner

# Pictures that a statistic looks at together: what it needs beside the answers does not grow with their number.
TOGETHER = 1 << 16


@dataclass(frozen=True)
class Outcome:
    """Answers of one network to N pictures.

    Attributes:
        answer: int32 [N], the class with the best score; of equal ones the first, as argmax has it.
        tied: bool [N], whether the two best scores are exactly equal.
        best: float32 [N], probability of the answer.
        own: float32 [N], probability of the right class; empty without labels.
        top5: bool [N], whether the right class is among the five best scores; empty without labels.
        brier: float32 [N], squared distance of the probabilities from the right answer; empty without labels.
        answers: classes that can be answered.
        score_kind: what the scores mean, a value of `runtime.scores.ScoreKind`; "" where no image was seen.
    """

    answer: np.ndarray
    tied: np.ndarray
    best: np.ndarray
    own: np.ndarray
    top5: np.ndarray
    brier: np.ndarray
    answers: int
    score_kind: str = ""

    def __len__(self) -> int:
        return len(self.answer)

    def arrays(self) -> dict[str, np.ndarray]:
        """The fields as arrays, ready for `numpy.savez`; `from_arrays` takes them back."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Outcome:
        """Back from `arrays`; KeyError when one is missing."""
        values = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**{**values, "answers": int(values["answers"]), "score_kind": str(values["score_kind"])})


def empty(count: int, answers: int, labelled: bool) -> Outcome:
    """Room for the answers to `count` pictures."""
    known = count if labelled else 0
    return Outcome(
        np.empty(count, np.int32), np.empty(count, bool), np.empty(count, np.float32),
        np.empty(known, np.float32), np.empty(known, bool), np.empty(known, np.float32), answers,
    )  # fmt: skip


def parts(count: int) -> Iterator[slice]:
    """The rows of `count` pictures, `TOGETHER` at a time."""
    return (slice(start, min(start + TOGETHER, count)) for start in range(0, count, TOGETHER))


def recorder(
    outcome: Outcome,
    truth: np.ndarray | None,
    offset: int,
    probabilities: Callable[[np.ndarray], np.ndarray],
    keep: np.ndarray | None = None,
) -> Callable[[int, np.ndarray], None]:
    """What `pool.stream` hands its scores to: fills `outcome`, a chunk at a time.

    Args:
        truth: right class [N], or None.
        offset: outputs before the first answer; these never count.
        probabilities: from scores as the file gives them, [n, outputs].
        keep: takes all probabilities, float32 [N, answers]; None keeps none.
    """

    def take(start: int, scores: np.ndarray) -> None:
        rows = slice(start, start + len(scores))
        chances = probabilities(scores)
        # One score speaks of two classes: then the probabilities are compared.
        chances, scores = chances[:, offset:], (scores if scores.shape == chances.shape else chances)[:, offset:]
        if keep is not None:
            keep[rows] = chances
        each = np.arange(len(scores))
        answer = scores.argmax(1)
        two = np.partition(scores, -2, axis=1)[:, -2:]
        outcome.answer[rows], outcome.tied[rows], outcome.best[rows] = answer, two[:, 0] == two[:, 1], chances[each, answer]
        if truth is None:
            return
        right = truth[rows]
        own = chances[each, right]
        outcome.own[rows], outcome.top5[rows] = own, _rank(scores, right) < 5
        outcome.brier[rows] = np.square(chances).sum(1) - np.square(own) + np.square(1 - own)

    return take


def judged(runner: Runner, pictures: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The runner's `probabilities`, after it has seen enough scores to tell logits from probabilities: threads must not decide that by who comes first."""
    if len(pictures):
        runner.probabilities(runner.scores(pictures))
    return runner.probabilities


def _rank(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Place [n] of the right class among the scores [n, classes], 0 the best; equal scores rank in the order of the classes, as argmax does."""
    own = scores[np.arange(len(scores)), right][:, None]
    before = np.arange(scores.shape[1]) < right[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(1)
