"""Says what phones took, in one line a file, phone and number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgecnn.validate import words
from edgecnn.validate.phone_figures import Phone
from edgecnn.validate.report import Row

MOST = 3  # kinds of operators that are named


def lines(rows: Sequence[Row]) -> list[str]:
    """`net.tflite on Google Pixel 8 (Android 15), 4 threads: 3.10 ms (...)`."""
    return [f"{Path(row.file).name} {sentence(one)}." for row in rows for one in row.phones]


def sentence(one: Phone) -> str:
    """`on Google Pixel 8 (Android 15), 4 threads: 3.10 ms (median of 50 runs; ...)`."""
    kind = "average" if one.median is None else "median"
    memory = "" if one.memory is None else f", {one.memory / 1e6:.1f} MB"
    rest = f"{kind} of {one.runs:,} runs; first {words.time(one.first)}, loading {words.time(one.init)}{memory}"
    return f"{place(one)}: {words.time(one.typical)} ({rest}){share(one, '; most of it ')}"


def place(one: Phone) -> str:
    """`on Google Pixel 8 (Android 15), 1 thread`."""
    return f"on {one.model} ({one.system}), {one.threads} thread{'' if one.threads == 1 else 's'}"


def share(one: Phone, before: str = "") -> str:
    """`CONV_2D 90 %, SOFTMAX 4 %`: the kinds that take most, "" where none are known."""
    told = ", ".join(f"{kind.kind} {100 * kind.share:.0f} %" for kind in one.kinds[:MOST])
    return before + told if told else ""
