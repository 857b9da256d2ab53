"""Reads what benchmark_model prints.

The lines, of which others than these are passed over, whatever stands before them (`INFO: `, `I tflite  : `):
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/benchmark/benchmark_model.cc (timings, memory),
https://github.com/openxla/xla/blob/main/xla/tsl/util/stats_calculator.cc (count=..., Summary by node type).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgecnn.errors import BadFile
from edgecnn.validate.phone_figures import PhoneKind

_NUMBER = r"([0-9.]+(?:e[+-]?[0-9]+)?)"
_TIMINGS = re.compile(rf"Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, Warmup \(avg\): {_NUMBER}, Inference \(avg\): {_NUMBER}")
_COUNT = re.compile(r"\bcount=([0-9]+) (.*)")
_FIELD = re.compile(rf"\b([a-z0-9]+)={_NUMBER}")
_MEMORY = re.compile(rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): init={_NUMBER} overall={_NUMBER}")
_OPERATORS, _KINDS = "Operator-wise Profiling Info for Regular Benchmark Runs", "Summary by node type"


@dataclass(frozen=True)
class Timing:
    """Figures of one call of benchmark_model; see `phone_figures.Phone`."""

    runs: int
    average: float
    best: float
    deviation: float
    median: float | None
    init: float
    first: float
    memory: int | None


def timing(text: str, origin: str) -> Timing:
    """Figures of an output; `origin` names it in errors.

    Raises:
        BadFile: a line that must be there is not.
    """
    told = _TIMINGS.search(text)
    counts = [(int(found[1]), dict(_FIELD.findall(found[2]))) for found in _COUNT.finditer(text[: told.start()] if told else "")]
    if told is None or not counts:
        what = "a line 'Inference timings in us: Init: ..., First inference: ..., ' after one of 'count=... first=... '"
        raise BadFile(f"the output of benchmark_model for {origin} is not understood: expected {what}; use a newer benchmark_model")
    # The first count is of the runs to warm up, the last of the runs that count; of a single run, only `curr` is told.
    runs, fields = counts[-1]
    memory = _MEMORY.search(text)
    init, first, _, average = (float(part) / 1e6 for part in told.groups())
    return Timing(
        runs=runs,
        average=average,
        best=float(fields["min"]) / 1e6 if "min" in fields else average,
        deviation=float(fields["std"]) / 1e6 if "std" in fields else 0.0,
        median=float(fields["median"]) / 1e6 if "median" in fields else None,
        init=init,
        first=first,
        memory=round(float(memory[2]) * 2**20) if memory else None,
    )


def kinds(text: str) -> tuple[PhoneKind, ...]:
    """Time by kind of operator, slowest first, from a profiled output; empty where it has no such table."""
    _, _, profiled = text.partition(_OPERATORS)
    _, _, table = profiled.partition(_KINDS)
    rows = []
    for line in table.splitlines()[2:]:  # after the rest of the title and the names of the columns
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < 5 or not cells[2].isdigit():
            break
        rows.append((cells[1], int(cells[2]), float(cells[3]) / 1e3))
    total = sum(seconds for _, _, seconds in rows)
    found = [PhoneKind(kind, count, seconds, seconds / total if total else 0.0) for kind, count, seconds in rows]
    return tuple(sorted(found, key=lambda one: -one.seconds))
