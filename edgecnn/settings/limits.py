"""What to make sure of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgecnn.settings.refuse import refuse


@dataclass(frozen=True)
class Limits:
    """What `edgecnn validate` is asked to make sure of; None asks nothing.

    Attributes:
        max_drop: largest loss of top-1 accuracy against the original, in percentage points.
        max_size: largest file, in bytes.
        max_latency_ratio: largest median latency over the original's, at the same number of threads.
    """

    max_drop: float | None = None
    max_size: int | None = None
    max_latency_ratio: float | None = None

    def __post_init__(self) -> None:
        refuse(self.max_drop is not None and not 0 <= self.max_drop <= 100, f"--max-drop {self.max_drop}: expected percentage points from 0 to 100")
        refuse(self.max_size is not None and self.max_size < 1, f"--max-size {self.max_size}: expected bytes, 1 or more")
        ratio = self.max_latency_ratio
        refuse(ratio is not None and not 0 < ratio < math.inf, f"--max-latency-ratio {ratio}: expected a number above 0, such as 0.8")
