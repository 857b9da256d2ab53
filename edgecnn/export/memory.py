"""Giving memory back between the steps of an export."""

from __future__ import annotations

import ctypes
import gc


def release() -> None:
    """Hand memory that is free again back to the system. The converters leave 300 MiB of it in glibc's heap, on top of which the next step would peak."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
