"""The ladder to int8 within a budget: ways without training, then some operators in float, then training under int8's rounding, then both.

Each rung is judged on val, and the climb ends where the limit is kept to, so that no more is done to the network than the budget needs. The ways without
training cost an app nothing: unless one of them proves the limit or changes no answer, all are tried, and of those that keep to it the one is taken whose
probabilities are nearest to the original's. That a handful of pictures came out right by luck decides less that way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from edgecnn.optimize.bench import Bench
from edgecnn.optimize.judge import OVER, PROVEN, Drop
from edgecnn.progress import Progress
from edgecnn.settings import Budget, PostTraining

Result = TypeVar("Result")

# Of ways whose divergence from the original is within this share of the least, the first is taken.
NEAR = 0.1
# Ways without training, cheapest first; what was asked for is tried before them.
WAYS = (
    PostTraining(),
    PostTraining(head="float"),
    PostTraining(ranges="square"),
    PostTraining(rounding="reconstructed"),
    PostTraining(rounding="reconstructed", equalize=True),
    PostTraining(rounding="reconstructed", equalize=True, head="float"),
)
# The same for a network that was trained under int8's rounding: its weights lie on the grid already.
WAYS_TRAINED = (PostTraining(), PostTraining(head="float"))


@dataclass(frozen=True)
class Rung:
    """One way to int8, measured.

    Attributes:
        name: in words.
        bench: that makes its file.
        how: of that file.
        drop: on val.
        bytes: of the file.
        verdict: `judge.PROVEN`, `judge.OPEN` or `judge.OVER`.
    """

    name: str
    bench: Bench
    how: PostTraining
    drop: Drop
    bytes: int
    verdict: str

    def plain(self) -> dict[str, object]:
        """For the card: what was tried, and what it cost in percentage points."""
        drop, low, high = (round(value, 3) for value in self.drop.points)
        return {"rung": self.name, "drop": drop, "low": low, "high": high, "bytes": self.bytes, "verdict": self.verdict}


class Climb:
    """One climb, in one format.

    Attributes:
        rungs: those that were measured, in their order.
        ways: to int8 without training, those that the model allows.
    """

    def __init__(self, budget: Budget, progress: Progress, *, can_equalize: bool = True) -> None:
        self.budget, self.progress = budget, progress
        self.ways = tuple(way for way in WAYS if can_equalize or not way.equalize)
        self.rungs: list[Rung] = []

    def run(self, bench: Bench, first: PostTraining, trained: Callable[[], Bench | None]) -> Rung | None:
        """The rung of the first kind that keeps to the limit, or None.

        Args:
            bench: of the model as it is.
            first: the way that was asked for.
            trained: makes the bench of the same network trained under int8's rounding, or None where it cannot be trained; called if nothing else helps.
        """
        found = self._up(bench, (first, *(way for way in self.ways if way != first)))
        if found is None and self.budget.quantize is not None and (other := trained()) is not None:
            found = self._up(other, WAYS_TRAINED)
        return found

    def nearest(self) -> Rung:
        """The rung of least drop, the earliest of equals."""
        return min(self.rungs, key=self._short_of)

    def _short_of(self, rung: Rung) -> float:
        """What the limit is held against: the drop, or the upper end of its interval where a proof is asked for."""
        return rung.drop.points[2 if self.budget.proof else 0]

    def _up(self, bench: Bench, ways: tuple[PostTraining, ...]) -> Rung | None:
        tried = []
        for how in ways:
            tried.append(self._measured(bench, how, in_words(how)))
            if self._sure(tried[-1]):
                return tried[-1]
        # Accuracy of few pictures is a coin that was thrown few times; the divergence tells ways apart that flip the same answers.
        if fitting := [rung for rung in tried if self._fits(rung)]:
            least = min(rung.drop.divergence for rung in fitting)
            return next(rung for rung in fitting if rung.drop.divergence <= (1 + NEAR) * least)
        best = min(tried, key=lambda rung: (self._short_of(rung), rung.drop.divergence))
        return self.widened(bench, best.how)

    def widened(self, bench: Bench, how: PostTraining) -> Rung | None:
        """With as few of the most sensitive operators in float as will do; None where the most that may be do not."""

        def attempt(count: int) -> Rung | None:
            rung = self._with_wide(bench, how, count)
            return rung if self._fits(rung) else None

        return smallest(int(self.budget.widest * len(bench.workshop.operators(how))), attempt)

    def _with_wide(self, bench: Bench, how: PostTraining, count: int) -> Rung:
        wide = bench.worst(how, count)
        chosen = replace(how, wide=(*how.wide, *wide))
        total = len(bench.workshop.wide(chosen))
        return self._measured(bench, chosen, f"{in_words(replace(how, wide=()))}, {total} of {len(bench.workshop.operators(chosen))} operators in float", wide)

    def _measured(self, bench: Bench, how: PostTraining, name: str, wide: tuple[str, ...] = ()) -> Rung:
        name = f"{bench.name} {name}".strip()
        drop, size = bench.drop(how)
        rung = Rung(name, bench, how, drop, size, drop.verdict(self.budget.max_drop))
        self.rungs.append(rung)
        named = f" ({', '.join(wide[:4])}{', ...' if len(wide) > 4 else ''})" if wide else ""
        verdict = rung.verdict if self._fits(rung) or rung.verdict == OVER else "not proven"
        self.progress.step("; ".join(part for part in (f"{bench.suffix} {name}{named}: {drop.text()}: {verdict}", self._needed(rung)) if part))
        return rung

    def _needed(self, rung: Rung) -> str:
        """How many pictures would decide, where that matters."""
        return rung.drop.settled_by(self.budget.max_drop) if self.budget.proof and rung.verdict != PROVEN else ""

    def _sure(self, rung: Rung) -> bool:
        """Whether a rung fits, and the pictures could not tell a better one from it."""
        return self._fits(rung) and (rung.verdict == PROVEN or rung.drop.change.gained == rung.drop.change.lost == 0)

    def _fits(self, rung: Rung) -> bool:
        return rung.verdict == PROVEN or (rung.verdict != OVER and not self.budget.proof)


def in_words(how: PostTraining) -> str:
    """`int8`, and what is not as usual: `int8, ranges square, head float`."""
    usual = PostTraining()
    told = [f"{name} {getattr(how, name)}" for name in ("ranges", "rounding", "head") if getattr(how, name) != getattr(usual, name)]
    told += ["equalized"] if how.equalize else []
    told += ["biases as they are"] if not how.correct else []
    told += [f"{len(how.wide)} operators in float"] if how.wide else []
    return ", ".join(["int8", *told])


def smallest(most: int, attempt: Callable[[int], Result | None]) -> Result | None:
    """What the least number from 1 to `most` for which `attempt` gives something gives; None where none does.

    Tries 1, 2, 4 ... and then halves the gap, which finds the least one where more never does worse than fewer.
    """
    short, enough, found = 0, min(1, most), None
    while enough > short and (found := attempt(enough)) is None:
        short, enough = enough, min(2 * enough, most)
    while enough - short > 1:
        middle = (short + enough) // 2
        better = attempt(middle)
        short, enough, found = (middle, enough, found) if better is None else (short, middle, better)
    return found
