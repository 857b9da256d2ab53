"""What the times of a file's operators rest on; an object of the JSON report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """How a file's time on one thread lies over its operators, and above what the processor can do.

    Attributes:
        method: how the operators were timed, in words.
        whole: seconds of a run, median, taken beside the operators.
        total: seconds of all operators as they were timed; how far it is from `whole` is how far they can be trusted.
        macs: multiply-accumulates of one picture.
        floor: seconds that those would take at the processor's measured peak for the number type of each operator; 0 where an operator
            multiplies in a type whose peak is not measured, such as 16-bit activations.
        peaks: number type -> multiply-accumulates a second of one thread, the best that the same runtime was seen to do on this machine.
    """

    method: str
    whole: float
    total: float
    macs: int
    floor: float
    peaks: dict[str, float]

    @property
    def use(self) -> float:
        """Share of the peak that the network reaches, 0..1; 0 where `floor` is not known."""
        return self.floor / self.whole if self.whole else 0.0
