"""Which candidates nothing else beats, and which of them wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.optimize.judge import OVER, PROVEN, Drop
from edgecnn.settings import PostTraining, Search


@dataclass(frozen=True)
class Candidate:
    """One file that was made and measured.

    Attributes:
        name: what was done and the scheme, `prune50-cluster32 int8`.
        model: the .keras file that it is made from.
        scheme, suffix: of the file.
        how: int8 was reached; None for other schemes.
        bytes, gzip: of the file, and of it after gzip -9, which is what an app store ships.
        latency: median on one thread over that of the original's float32 file of the same format, timed in turn with it.
        latency_low, latency_high: its 95 % interval.
        drop: on val.
        verdict: `judge.PROVEN`, `judge.OPEN` or `judge.OVER`.
    """

    name: str
    model: Path
    scheme: str
    suffix: str
    how: PostTraining | None
    bytes: int
    gzip: int
    latency: float
    latency_low: float
    latency_high: float
    drop: Drop
    verdict: str

    def fits(self, proof: bool) -> bool:
        """Whether it keeps to the limit, or (`proof`) its whole interval does."""
        return self.verdict == PROVEN or (self.verdict != OVER and not proof)

    def cost(self, goal: str) -> float:
        """What the goal wants little of."""
        return float(self.gzip) if goal == "size" else self.latency


def front(candidates: Sequence[Candidate], cost: Callable[[Candidate], float]) -> list[Candidate]:
    """Those that no other beats in cost without losing accuracy, or the other way round, from the cheapest on."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda it: (cost(it), -it.drop.after)):
        if not kept or candidate.drop.after > kept[-1].drop.after:
            kept.append(candidate)
    return kept


def winner(candidates: Sequence[Candidate], search: Search) -> Candidate | None:
    """The one of least cost among those that fit; of equals the most accurate. None where none fits."""
    fitting = [it for it in candidates if it.fits(search.proof)]
    return min(fitting, key=lambda it: (it.cost(search.goal), -it.drop.after), default=None)


def nearest(candidates: Sequence[Candidate]) -> Candidate:
    """The one of least drop."""
    return min(candidates, key=lambda it: it.drop.points[0])
