"""Which operators of a .tflite a delegate would take from the CPU, forecast from the lists that the delegates' sources are; nothing is run."""

from __future__ import annotations

import os
from dataclasses import dataclass

from edgecnn.runtime.delegates.lists import TARGETS


@dataclass(frozen=True)
class Refused:
    """Operators of one kind that a delegate refuses for one reason.

    Attributes:
        kind: of operator.
        problem: why, in words after its name.
        remedy: what to do.
        count, macs: operators, and their multiply-accumulates of one picture.
    """

    kind: str
    problem: str
    remedy: str
    count: int
    macs: int


@dataclass(frozen=True)
class Forecast:
    """What a delegate would do with a file.

    Attributes:
        target: name of the delegate, see `TARGETS`.
        operators, macs: of the file; widening of stored float16 weights, done once at loading, is not counted.
        taken, taken_macs: of these, what would run there.
        pieces: that would run there; each costs a copy in and a copy out.
        cuts: pieces that its list would allow; more than `pieces` where the delegate leaves small ones to the CPU.
        refused: operators that its list refuses, the most MACs first.
        left: operators that its list takes, but which stay on the CPU with their small pieces.
        folded: operators that only widen stored float16 weights.
        integer: whether the file counts in integers.
    """

    target: str
    operators: int
    macs: int
    taken: int
    taken_macs: int
    pieces: int
    cuts: int
    refused: tuple[Refused, ...] = ()
    left: int = 0
    folded: int = 0
    integer: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of the file would run there."""
        return self.taken == self.operators

    @property
    def share(self) -> float:
        """Of the MACs, what would run there, 0..1; of the operators where there are no MACs."""
        return self.taken_macs / self.macs if self.macs else self.taken / self.operators


def forecast(path: str | os.PathLike[str], target: str) -> Forecast:
    """What the delegate `target` would do with a .tflite, from published lists alone.

    Raises:
        BadFile: missing, damaged, not a .tflite, or more than one graph. UnknownName: no such target.
    """
    from edgecnn.runtime.delegates import prediction

    return prediction.forecast(path, target)


__all__ = ["TARGETS", "Forecast", "Refused", "forecast"]
