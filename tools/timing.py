"""Latency of several files beside each other, as the tables of the tools tell it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from edgecnn.cli.progress import progress
from edgecnn.runtime import open_model
from edgecnn.validate.host import this_host
from edgecnn.validate.latency import measure
from edgecnn.validate.latency import ratio as between


def times(paths: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Seconds of every run on one thread, in alternating rounds, [rounds, runs] for each file."""
    with ExitStack() as stack:
        return measure({name: stack.enter_context(closing(open_model(path, threads=1))) for name, path in paths.items()}, progress())


def ratio(spent: np.ndarray, first: np.ndarray) -> str:
    """Middle of the rounds' ratios with its 95 % interval, as text."""
    middle, low, high = between(spent, first)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def processor(told: str | None = None) -> str:
    """The processor's name, and whether it multiplies matrices of int8 at once, which makes 1x1 convolutions several times as fast."""
    info = Path("/proc/cpuinfo")
    told = told if told is not None else info.read_text() if info.exists() else ""
    return this_host().processor + (" with AMX" if "amx_int8" in told.split() else "")
