"""Giving memory back between the steps of an export."""

from __future__ import annotations

import ctypes
import gc

# Bytes of weights from which on it is worth the third of a second that Python takes to look for garbage.
WORTH_IT = 10_000_000


def release(weights: int) -> None:
    """Hand memory that is free again back to the system, after work on a network of so many weights.

    The converters leave several copies of them in glibc's heap, 300 MiB for a MobileNet, on top of which the next step would peak.
    """
    if 4 * weights < WORTH_IT:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
