"""What starting and every operator costs, and what these times rest on; objects of the JSON report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Start:
    """What a file costs before its first answer and while it stays loaded, each measured in a fresh process.

    Attributes:
        load: seconds to read and prepare the file.
        first_run: seconds of the first run.
        rss: bytes that the process's memory grew by, loaded and after some runs: weights, activations, and what of the runtime's own code they woke.
            None where the system does not tell.
        arena: bytes of activations at their peak, as the runtime lays them out; None where it does not tell. Of LiteRT it is the memory of its own
            planner without XNNPACK, of ONNX Runtime what its arena holds between two nodes.
    """

    load: float
    first_run: float
    rss: int | None
    arena: int | None = None


@dataclass(frozen=True)
class OperatorTime:
    """Time of one operator in a run of one thread.

    Attributes:
        name: of the tensor or node that it gives.
        kind: operator type.
        seconds: median, corrected so that all operators sum to the whole; see `Profile`.
        share: of the sum over all operators.
        macs: multiply-accumulates of one picture; 0 where it has none.
        floor: seconds that `macs` would take at the processor's measured peak for the operator's number type; 0 where it has none.
    """

    name: str
    kind: str
    seconds: float
    share: float
    macs: int = 0
    floor: float = 0.0


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
