"""How fast a training ran, how much memory it took, and what held it up."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import keras

# Where less than this share of the time went into waiting for pictures, the device is the limit.
WAITING = 0.1


@dataclass
class Meter:
    """Sums over the steps of a training; the first epoch, in which everything is compiled, counts apart.

    Attributes:
        pictures: that were learned from.
        seconds: in training steps.
        waited: of these, for pictures to be fetched, changed or copied by the host.
        first: seconds of the first epoch, compilation included.
        rate: pictures a second in the last epoch.
        total: seconds of all epochs.
    """

    pictures: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    first: float = 0.0
    rate: float = 0.0
    total: float = 0.0
    _epochs: int = 0

    @contextlib.contextmanager
    def epoch(self, pictures: int) -> Iterator[None]:
        """Time the training steps of one epoch."""
        began, waited = time.monotonic(), self.waited
        yield
        seconds = time.monotonic() - began
        self.rate = pictures / seconds
        self.total += seconds
        self._epochs += 1
        if self._epochs == 1:
            self.first, self.waited = seconds, waited
        else:
            self.pictures, self.seconds = self.pictures + pictures, self.seconds + seconds

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Time what keeps the device waiting."""
        began = time.monotonic()
        yield
        self.waited += time.monotonic() - began

    def lines(self) -> list[str]:
        """The same in words; nothing where no epoch came after the first."""
        if not self.seconds:
            return []
        share, (where, memory) = self.waited / self.seconds, peak_memory()
        limit = "fetching pictures" if share > WAITING else "computing"
        return [
            f"{self.pictures / self.seconds:,.0f} pictures a second, after a first epoch of {self.first:.1f} s",
            f"limited by {limit}: {100 * share:.0f} % of the time went into waiting for pictures",
            f"{where} memory: {memory / 2**20:,.0f} MiB at its peak",
        ]


def peak_memory() -> tuple[str, int]:
    """Whose memory, and its peak in bytes: of the device where the backend tells, else of this process."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        stats = jax.local_devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            return "device", stats["peak_bytes_in_use"]
    if backend == "torch":
        import torch

        if torch.cuda.is_available():
            return "device", torch.cuda.max_memory_allocated()
    if backend == "tensorflow":
        config = sys.modules["tensorflow"].config  # loaded by the backend; this package imports no TensorFlow
        if config.list_physical_devices("GPU"):
            return "device", config.experimental.get_memory_info("GPU:0")["peak"]
    return "process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
