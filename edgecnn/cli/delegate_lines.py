"""What `edgecnn check --for gpu` says: a forecast from published lists, in lines."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.cli.text import command, counted

if TYPE_CHECKING:
    from edgecnn.runtime.delegates import Forecast, Refused
    from edgecnn.runtime.delegates.lists import Target


def run(path: Path, target: str) -> int:
    """Print the forecast; 0 where all would run there, else 1."""
    from edgecnn.runtime import delegates

    found = delegates.forecast(path, target)
    for line in _lines(path, found, delegates.TARGETS[target]):
        print(line)
    if found.whole:
        print(f"\nNext: {command('info', path) if target == 'coreml' else shlex.join(['tools/android_benchmark.sh', str(path)])}")
    return 0 if found.whole else 1


def _lines(path: Path, found: Forecast, target: Target) -> Iterator[str]:
    yield f"{path}: {_summary(found)}"
    yield f"  a forecast from the published list of the {target.title}, not a run: {target.source}"
    for one in found.refused:
        yield f"  {_refused(one)}"
    if found.left:
        yield f"  note: {_these(found.left, 'operator')} of its list {'stays' if found.left == 1 else 'stay'} on the CPU too: {_why_left(found, target)}"
    if found.folded:
        yield f"  note: {_these(found.folded, 'widening')} of stored float16 weights, done once when the file is loaded, not counted"
    if found.integer and target.integers and found.taken:
        yield f"  warning: {target.integers} ({target.source})"
    if target.remark:
        yield f"  note: {target.remark}"


def _summary(found: Forecast) -> str:
    if not found.taken:
        return f"none of {_these(found.operators, 'operator')} would run there"
    pieces = f"in {_these(found.pieces, 'piece')}" + (", each with a copy in and a copy out" if found.pieces > 1 else "")
    some = f"{found.taken} of {_these(found.operators, 'operator')} and {_percent(found.share)} of the MACs would run there, {pieces}"
    left = found.macs - found.taken_macs
    return some + (f"; {counted(left)} MACs stay on the CPU" if left else "")


def _refused(one: Refused) -> str:
    macs = f", {counted(one.macs)} MACs" if one.macs else ""
    return f"{one.count} {one.kind}{macs}: {one.problem}: {one.remedy}"


def _why_left(found: Forecast, target: Target) -> str:
    small = f"a piece needs {target.least_operators} operators" if target.least_operators > 1 else ""
    limit = f"it takes the {target.most_pieces} largest" if target.most_pieces > 1 else "it takes the largest piece alone"
    most = f"{limit} of {found.cuts}, unless its options say otherwise" if target.most_pieces else ""
    return " and ".join(part for part in (small, most) if part)


def _these(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    """`99.8 %`; never rounded to all or to nothing."""
    text = f"{100 * share:.1f}"
    return f"{'99.9' if text == '100.0' and share < 1 else text.removesuffix('.0')} %"
