"""Files of one model in one format, derived and judged; and its twin that was trained under int8's rounding, for both formats."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgecnn.export.workshop import Workshop
from edgecnn.optimize.judge import Drop, Judge
from edgecnn.optimize.sensitivity import ranking
from edgecnn.settings import PostTraining

# Pictures by which operators are ranked.
RANKED_BY = 64


class Bench:
    """Derives int8 files from one conversion, and judges them on val.

    Attributes:
        workshop: makes the files.
        judge: of the split that chooses.
        name: of the model in messages: "" for the one that was given, "qat" for its twin.
    """

    def __init__(self, workshop: Workshop, judge: Judge, name: str = "") -> None:
        self.workshop, self.judge, self.name = workshop, judge, name
        self.suffix = workshop.format.suffix
        self._ranked: dict[PostTraining, tuple[list[str], Iterator[str]]] = {}

    def drop(self, how: PostTraining) -> tuple[Drop, int]:
        """What int8 reached in this way costs, and the bytes of its file."""
        content = self.workshop.make("int8", how)
        return self.judge.drop(content, self.suffix), len(content)

    def worst(self, how: PostTraining, count: int) -> tuple[str, ...]:
        """The `count` operators that int8 hurts most beside those that are wide already, the worst first; fewer where there are no more."""
        if how not in self._ranked:
            self._ranked[how] = [], self._ranking(how)
        found, more = self._ranked[how]
        found += itertools.islice(more, max(0, count - len(found)))
        return tuple(found[:count])

    def _ranking(self, how: PostTraining) -> Iterator[str]:
        chosen, wide, operators = self.judge.some(RANKED_BY), set(self.workshop.wide(how)), self.workshop.operators(how)

        def effect(alone: Sequence[str]) -> float:
            others = tuple(name for name in operators if name not in set(alone))
            return self.judge.divergence(self.workshop.make("int8", replace(how, wide=others)), self.suffix, chosen)

        return ranking([name for name in operators if name not in wide], effect)
