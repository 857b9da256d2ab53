"""What an input wants, measured: the usual mappings are tried on labeled images, and the best is taken only if it certainly beats every other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.contract import Runner
from edgecnn.sources.labeled_images import LabeledImages
from edgecnn.sources.mappings import COLOR_MAPPINGS, GRAY_MAPPINGS, PixelMapping
from edgecnn.statistics import holm, mcnemar, paired_interval

# Images after which candidates that are far behind are given up.
ROUNDS = (64, 256, 1024, 2048)
FAR_BEHIND = 1e-4
LEVEL = 0.05
# Mappings whose accuracy certainly differs by less than this share are one answer; the first of this order is taken.
EQUIVALENT = 0.01
SIMPLICITY = ("unit", "tf", "raw", "torch", "caffe", "mnist")


@dataclass(frozen=True)
class Candidate:
    """One way to feed a network.

    Attributes:
        mapping: from pixels to numbers.
        preprocessing: the same, at the network's size and in one channel order.
    """

    mapping: PixelMapping
    preprocessing: Preprocessing

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.mapping.text}, {self.preprocessing.order.upper().replace('GREY', 'gray')}"

    @property
    def options(self) -> str:
        """How it is typed."""
        p = self.preprocessing
        if p.channels != 3 or p.order == self.mapping.order:
            return f"--preprocess {self.mapping.name}"
        mean, std = (",".join(f"{value:g}" for value in values) for values in (p.mean, p.std))
        return f"--mean {mean} --std {std} --order {p.order}"


@dataclass(frozen=True)
class MeasuredInput:
    """What was measured.

    Attributes:
        best: the candidate with the most right answers.
        is_certain: whether it beats every other mapping significantly (exact McNemar, Holm's correction, 5 %).
        text: the figures in words.
        open: the best candidate and those that it does not certainly beat.
    """

    best: Candidate
    is_certain: bool
    text: str
    open: tuple[Candidate, ...]


Merits = dict[Candidate, np.ndarray]


def candidates_for(base: Preprocessing, order: str | None) -> list[Candidate]:
    """The usual mappings in the channel orders that are possible; in `order` alone where that is known."""
    if base.channels != 3:
        return [Candidate(m, replace(base, mean=m.mean, std=m.std)) for m in GRAY_MAPPINGS]
    orders = (order,) if order else ("rgb", "bgr")
    return [Candidate(m, replace(base, order=o, mean=m.values(o)[0], std=m.values(o)[1])) for m in COLOR_MAPPINGS for o in orders]


def measure_input(runner: Runner, labeled: LabeledImages, candidates: Sequence[Candidate], offset: int, progress: Progress = SILENT) -> MeasuredInput:
    """Run the network on labeled images as each candidate feeds it.

    Mappings that certainly give the same accuracy to a point are one answer: the simplest is taken, and the text names the others. Two channel orders of one
    mapping that cannot be told apart are no doubt about the mapping: the order that it is known with is taken, and the text says so.

    Args:
        runner: is left with the best candidate's preprocessing.
        offset: background outputs before the first answer.
    """
    merits = _race(runner, labeled, list(candidates), offset, progress)
    ranked = sorted(merits, key=lambda one: -merits[one].mean())
    best = _usual_order(_simplest_of_equals(ranked, merits), merits)
    rivals = [one for one in ranked if one.mapping is not best.mapping and not _is_equivalent(merits[best], merits[one])]
    corrected = holm([_p_value(merits[best], merits[one]) for one in rivals])
    certain = bool(merits[best].mean() > 0) and all(p <= LEVEL and merits[best].mean() > merits[one].mean() for one, p in zip(rivals, corrected, strict=True))
    runner.set_preprocessing(best.preprocessing)
    level = [one for one, p in zip(rivals, corrected, strict=True) if p > LEVEL]
    return MeasuredInput(best, certain, _text(labeled, best, rivals, merits, corrected), (best, *level))


def _simplest_of_equals(ranked: Sequence[Candidate], merits: Merits) -> Candidate:
    """The first of the usual mappings that is certainly not a point worse than the best one."""
    equals = [one for one in ranked if _is_equivalent(merits[ranked[0]], merits[one])]
    simplest = min(equals, key=lambda one: SIMPLICITY.index(one.mapping.name))
    return next(one for one in equals if one.mapping is simplest.mapping)


def _is_equivalent(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two candidates that saw the same images certainly differ by less than a point: then either does, and the choice costs nothing."""
    if first is second:
        return True
    if len(first) != len(second):
        return False
    gained, lost = int((first > second).sum()), int((first < second).sum())
    low, high = paired_interval(gained, lost, len(first))
    return low > -EQUIVALENT and high < EQUIVALENT


def is_better(runner: Runner, labeled: LabeledImages, first: Preprocessing, second: Preprocessing, offset: int) -> tuple[bool, str]:
    """Whether `second` certainly gives more right answers than `first`, and the figures in words."""
    scores = []
    for preprocessing in (first, second):
        runner.set_preprocessing(preprocessing)
        scores.append(right_answers(runner(labeled.images), labeled.answers, offset))
    p = _p_value(scores[1], scores[0])
    text = f"{100 * scores[1].mean():.1f} % against {100 * scores[0].mean():.1f} % right on {labeled.text} (p = {p:.2g})"
    return bool(p <= LEVEL and scores[1].mean() > scores[0].mean()), text


def right_answers(probabilities: np.ndarray, answers: np.ndarray, offset: int) -> np.ndarray:
    """Share of each image's answer that is right [N]: 0 or 1, or of its labels where several may hold."""
    probabilities = probabilities[:, offset:]
    if answers.ndim == 2:
        return ((probabilities > 0.5) == answers.astype(bool)).mean(1)
    return (probabilities.argmax(1) == answers).astype(float)


def _race(runner: Runner, labeled: LabeledImages, alive: list[Candidate], offset: int, progress: Progress) -> Merits:
    """Right answers of each candidate that was run to the end; those far behind have fewer images, and lost."""
    merits: Merits = {one: np.empty(0) for one in alive}
    with progress.track("measuring what the input wants", len(ROUNDS)) as advance:
        for count in ROUNDS:
            rows = slice(len(merits[alive[0]]), min(count, len(labeled)))
            for one in alive:
                runner.set_preprocessing(one.preprocessing)
                right = right_answers(runner(labeled.images[rows]), labeled.answers[rows], offset) if rows.start < rows.stop else np.empty(0)
                merits[one] = np.concatenate([merits[one], right])
            best = max(alive, key=lambda one: merits[one].mean())
            alive = [one for one in alive if _p_value(merits[best], merits[one]) > FAR_BEHIND or merits[one].mean() >= merits[best].mean()]
            advance(1, "")
            if len({one.mapping for one in alive}) == 1 and rows.stop >= ROUNDS[1]:
                break
    return merits


def _usual_order(best: Candidate, merits: Merits) -> Candidate:
    """The candidate of the same mapping in its usual channel order, unless that is certainly worse."""
    usual = next((one for one in merits if one.mapping is best.mapping and one.preprocessing.order == best.mapping.order), best)
    return usual if len(merits[usual]) == len(merits[best]) and _p_value(merits[best], merits[usual]) > LEVEL else best


def _p_value(first: np.ndarray, second: np.ndarray) -> float:
    """Exact two-sided sign test of two candidates on the images that both saw."""
    count = min(len(first), len(second))
    return mcnemar(int((first[:count] > second[:count]).sum()), int((first[:count] < second[:count]).sum()))


def _text(labeled: LabeledImages, best: Candidate, rivals: Sequence[Candidate], merits: Merits, corrected: Sequence[float]) -> str:
    count, others = len(merits[best]), [one for one in merits if one.mapping is best.mapping and one is not best]
    text = f"measured on {count:,} of {labeled.text}: {best.text} {100 * merits[best].mean():.1f} % right"
    if rivals:
        closest = max(range(len(rivals)), key=lambda i: corrected[i])
        text += f", next {rivals[closest].text} {100 * merits[rivals[closest]].mean():.1f} % (p = {corrected[closest]:.2g})"
    equal = dict.fromkeys(one.mapping.text for one in merits if one.mapping is not best.mapping and _is_equivalent(merits[best], merits[one]))
    if equal:
        text += f"; {' and '.join(equal)} would be right as often, to a point"
    if any(_p_value(merits[best], merits[one]) > LEVEL for one in others):
        text += "; the other channel order is not certainly worse or better"
    return text


Provider = Callable[[Preprocessing], "LabeledImages | None"]
