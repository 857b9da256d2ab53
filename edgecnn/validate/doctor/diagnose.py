"""Which way of pre-processing explains what was seen in an app, and which others cannot be told from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgecnn import statistics
from edgecnn.settings import Doctor
from edgecnn.validate.accuracy import share
from edgecnn.validate.diagnosis import Diagnosis
from edgecnn.validate.doctor.seen import Seen
from edgecnn.validate.doctor.trial import Answers
from edgecnn.validate.figures import Mistake, Share

# On the same pictures the right guess misses the accuracy seen by what another decoder moves and by rounding, not by chance: in points and in pictures.
SLACK, PICTURES = 0.005, 1.5
# Share of an app's answers that the right guess gives at least. What is left is for another decoder or resizer: cutting out 87.5 % at fractions of
# pixels instead of whole ones changed 12 % of the answers of an ImageNet SqueezeNet to photos of TrashNet.
EXPLAINED = 0.8
# Chance of calling two ways different that are not, over all comparisons with the best one.
ALPHA = 0.05
# Names in one sentence.
MOST = 4


@dataclass(frozen=True)
class Guess:
    """One way with its figures; `errors` [n] says how far it is from each of the app's answers, None without these."""

    answers: Answers
    top1: Share | None
    agreement: Share
    matched: Share | None = None
    errors: np.ndarray | None = None

    @property
    def figure(self) -> Share:
        """Accuracy, or agreement with the right pre-processing where there are no labels."""
        return self.top1 or self.agreement

    @property
    def name(self) -> str:
        """Of the way."""
        return self.answers.names[0]


def diagnose(found: Sequence[Answers], truth: np.ndarray | None, asked: Doctor, seen: Seen | None) -> tuple[tuple[Mistake, ...], Diagnosis]:
    """Figures of all mistakes and the verdict.

    Args:
        found: the right way first.
        truth: right answer of each picture [N]; None where the network does not know the data's classes.
        asked: what was seen.
        seen: the answers in the file that `asked` names.
    """
    scored = seen is not None and bool(np.isfinite(seen.scores).any())
    right, *wrong = [_guess(answers, found[0], truth, seen) for answers in (found if scored else [found[0], *_merged(found[1:])])]
    notes = _notes(truth, asked, seen, len(right.answers.found))
    base = Diagnosis(right.top1, asked.seen / 100 if asked.seen is not None else None, asked.seen_count, right.matched, notes=notes)
    if seen is not None:
        return _by_answers(right, wrong, base)
    if base.seen is not None:
        return _by_accuracy(right, wrong, base)
    return tuple(_mistake(guess) for guess in sorted(wrong, key=lambda g: g.figure.value)), base


def explains(figure: Share, seen: float, count: int | None) -> bool:
    """Whether a way with this accuracy gives the accuracy seen: within the interval of two samples, or within SLACK on the same pictures."""
    if count is None:
        return abs(figure.value - seen) <= slack(figure.total)
    low, high = statistics.unpaired_interval(round(seen * count), count, figure.count, figure.total)
    return low <= 0 <= high


def _merged(found: Sequence[Answers]) -> list[Answers]:
    """One result for all ways that give the same answers: without scores nothing can tell them apart."""
    groups: dict[bytes, list[Answers]] = {}
    for answers in found:
        groups.setdefault(answers.found.tobytes(), []).append(answers)
    return [replace(group[0], names=tuple(name for answers in group for name in answers.names)) for group in groups.values()]


def slack(total: int) -> float:
    """Room for the accuracy of the right guess on the same `total` pictures, as a share."""
    return max(SLACK, PICTURES / total)


def _guess(answers: Answers, right: Answers, truth: np.ndarray | None, seen: Seen | None) -> Guess:
    top1 = share(answers.found == truth) if truth is not None else None
    guess = Guess(answers, top1, share(answers.found == right.found))
    if seen is None:
        return guess
    same = answers.found[seen.places] == seen.found
    distance = np.abs(answers.scores[seen.places] - seen.scores)
    return replace(guess, matched=share(same), errors=np.where(same, np.where(np.isnan(distance), 0.0, distance), 1.0))


def _by_accuracy(right: Guess, wrong: Sequence[Guess], base: Diagnosis) -> tuple[tuple[Mistake, ...], Diagnosis]:
    def distance(guess: Guess) -> float:
        return abs(guess.figure.value - base.seen)

    wrong = sorted(wrong, key=distance)
    near = [guess for guess in wrong if explains(guess.figure, base.seen, base.seen_count)]
    mistakes = tuple(replace(_mistake(guess), distance=distance(guess), explains=guess in near) for guess in wrong)
    seen = f"{100 * base.seen:.4g} %"
    if explains(right.figure, base.seen, base.seen_count):
        others = f"; {_listed(near)} cannot be told from it: give the app's answers with --seen-answers" if near else ""
        return mistakes, replace(base, cause="right", text=f"{seen} is what the right pre-processing gives ({_figure(right)}){others}")
    if near:
        # Mistakes of the same accuracy explain it equally well; no order among them would mean anything.
        even = [guess for guess in near if distance(guess) == distance(near[0])]
        rest = near[len(even) :]
        others = f"; {_listed(rest)} cannot be told apart by it" if rest else ""
        more = ": give the app's answers with --seen-answers" if near[1:] else ""
        return mistakes, replace(base, cause="mistake", text=f"{_listed(even, joint=' or ')} explains {seen}{others}{more}")
    nearest = f"; the nearest is {_listed(wrong[:1])}" if wrong else ""
    return mistakes, replace(base, cause="none", text=f"no single mistake explains {seen}, nor does the right pre-processing ({_figure(right)}){nearest}")


def _by_answers(right: Guess, wrong: Sequence[Guess], base: Diagnosis) -> tuple[tuple[Mistake, ...], Diagnosis]:
    everyone = sorted([right, *wrong], key=lambda g: float(g.errors.mean()))
    best, total = everyone[0], right.matched.total
    near = [guess for guess in everyone if guess is best or not _apart(best, guess, len(everyone) - 1)]
    explained = best.matched.value >= EXPLAINED
    mistakes = tuple(replace(_mistake(g), explains=explained and g in near) for g in everyone if g is not right)
    named = right if right in near else best
    rest = [g for g in near if g is not named]
    others = f"; {_listed(rest, _matched)} cannot be told from it" if rest else ""
    if not explained:
        text = f"no single mistake explains the app's {total} answers; the nearest is {best.name} with {_matched(best)} of them"
        return mistakes, replace(base, cause="none", text=text)
    if named is right:
        advice = "" if best is right else "; more pictures, or the app's scores, would tell"
        return mistakes, replace(base, cause="right", text=f"the right pre-processing explains the app's {total} answers ({_matched(right)}){others}{advice}")
    left = "; another decoder, or a smaller second mistake, may give the rest" if best.matched.value < 0.95 else ""
    text = f"{' or '.join(best.answers.names)} gives {_matched(best)} of the app's {total} answers, the right pre-processing {_matched(right)}{others}{left}"
    return mistakes, replace(base, cause="mistake", text=text)


def _apart(best: Guess, other: Guess, comparisons: int) -> bool:
    """Whether `best` is nearer to the app than `other` on more pictures than chance gives: a sign test, which is McNemar's where there are no scores."""
    nearer, farther = int((best.errors < other.errors).sum()), int((best.errors > other.errors).sum())
    return statistics.mcnemar(farther, nearer) < ALPHA / comparisons


def _mistake(guess: Guess) -> Mistake:
    way = guess.answers.way
    return Mistake(guess.name, guess.top1, guess.agreement, advice=way.advice, same=guess.answers.names[1:], matched=guess.matched)


def _notes(truth: np.ndarray | None, asked: Doctor, seen: Seen | None, total: int) -> tuple[str, ...]:
    notes = []
    if truth is None:
        taken = ", and --seen is taken for it" if asked.seen is not None else ""
        notes.append(f"the right answers are not known: agreement with the right pre-processing stands for accuracy{taken}")
    if asked.seen is not None and asked.seen_count is None:
        within = f"within {100 * slack(total):.1f} points"
        notes.append(f"--seen is taken for the accuracy on these very pictures, {within}; say --seen-count N if it was measured on N others")
    if seen is not None and seen.left:
        notes.append(f"{seen.left} answers are to pictures that are not among these")
    return tuple(notes)


def _figure(guess: Guess) -> str:
    return f"{100 * guess.figure.value:.1f} %"


def _matched(guess: Guess) -> str:
    return f"{100 * guess.matched.value:.1f} %"


def _listed(guesses: Sequence[Guess], figure: Callable[[Guess], str] = _figure, joint: str = ", ") -> str:
    words = [f"{' or '.join(guess.answers.names)} ({figure(guess)})" for guess in guesses[:MOST]]
    return joint.join(words) + (f" and {len(guesses) - MOST} more" if len(guesses) > MOST else "")
