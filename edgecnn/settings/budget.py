"""How much accuracy a file may cost, and what may be done to keep to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edgecnn.settings.compress import FINE_TUNING, QuantizeAware
from edgecnn.settings.refuse import refuse
from edgecnn.settings.train import Train

GOALS = ("size", "latency")


@dataclass(frozen=True)
class Budget:
    """A limit on the loss of accuracy, and how to keep to it.

    Attributes:
        max_drop: largest loss of accuracy on val against the original, in percentage points: of top-1, or of right label decisions where pictures may have
            several labels. What was measured must keep to it; whether its 95 % interval does so, too, is told: "proven", or that the pictures do not prove it.
        proof: the whole interval must keep to it.
        widest: largest share of the operators that may stay in float.
        quantize: training under int8's rounding, the last resort; None never trains.
        train: of that training.
    """

    max_drop: float
    proof: bool = False
    widest: float = 0.5
    quantize: QuantizeAware | None = field(default_factory=QuantizeAware)
    train: Train = field(default_factory=lambda: FINE_TUNING)

    def __post_init__(self) -> None:
        refuse(not 0 <= self.max_drop <= 100, f"--max-drop {self.max_drop}: expected percentage points from 0 to 100")
        refuse(not 0 <= self.widest <= 1, f"widest {self.widest}: expected a share of the operators from 0 to 1")


@dataclass(frozen=True)
class Search:
    """What `edgecnn optimize` looks for, and among what.

    Attributes:
        max_drop, proof: as in `Budget`.
        goal: what the winner has least of: `size`, bytes after gzip, which is what an app store ships, or `latency` on one thread.
        channels, prune, clusters: settings that are tried, mildest first; a stronger one only where the milder one keeps to the limit.
        quantize: whether training under int8's rounding is tried.
        formats: `tflite`, `onnx` or both; each has a winner of its own.
        minutes: after which nothing new is begun; None takes the time it needs.
        train: of each fine-tuning.
    """

    max_drop: float = 1.0
    goal: str = "size"
    proof: bool = False
    channels: tuple[float, ...] = (0.3, 0.5)
    prune: tuple[float, ...] = (0.5, 0.8)
    clusters: tuple[int, ...] = (32, 16)
    quantize: bool = True
    formats: tuple[str, ...] = ("tflite",)
    minutes: float | None = None
    train: Train = field(default_factory=lambda: replace(FINE_TUNING, epochs=5))

    def __post_init__(self) -> None:
        refuse(not 0 <= self.max_drop <= 100, f"--max-drop {self.max_drop}: expected percentage points from 0 to 100")
        refuse(self.goal not in GOALS, f"goal '{self.goal}': expected one of {', '.join(GOALS)}")
        refuse(not self.formats or bool(set(self.formats) - {"tflite", "onnx"}), f"formats {self.formats}: expected tflite, onnx or both")
        refuse(self.minutes is not None and not self.minutes > 0, f"--time {self.minutes}: expected minutes, more than 0")
        for name, values in (("channels", self.channels), ("prune", self.prune)):
            wrong = any(not 0 < value < 1 for value in values) or list(values) != sorted(values)
            refuse(wrong, f"{name} {values}: expected shares between 0 and 1, the mildest first")
        wrong = any(not 3 <= value <= 256 for value in self.clusters) or list(self.clusters) != sorted(self.clusters, reverse=True)
        refuse(wrong, f"clusters {self.clusters}: expected values of a kernel from 256 down to 3, the mildest first")
