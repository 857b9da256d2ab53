"""The climb to a budget as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.cli.text import bytes_of, columns

if TYPE_CHECKING:
    from edgecnn.optimize import Fitted, Trial
    from edgecnn.optimize.judge import Drop


def render(found: Fitted, limit: float) -> str:
    """Every rung with its drop on val, then the file that was written and its drop on test; at most 80 columns where names are short."""
    rows = [("drop on val", "95 %", "size", "", ""), *(_row(trial) for trial in found.trials)]
    needed = found.val.settled_by(limit)
    verdict = (
        "the interval proves it" if found.verdict == "proven" else f"the {found.val.pictures:,} pictures do not prove it" + (f"; {needed}" if needed else "")
    )
    over = f"; that is more than the limit of {limit:g}" if found.test.points[0] > limit + 1e-9 else ""
    facts = [
        ("rung:", found.rung),
        ("val:", f"{_numbers(found.val)}; {verdict}"),
        ("test:", f"{_numbers(found.test)}, {found.test.pictures:,} pictures that chose nothing{over}"),
    ]
    return f"{found.exported.path}, {bytes_of(found.exported.bytes)}\n{columns(rows, right=(0, 2))}\n\n{columns(facts)}"


def _row(trial: Trial) -> tuple[str, ...]:
    drop, low, high = trial.drop.points
    return f"{drop:.2f}", f"{low:.2f} to {high:.2f}", bytes_of(trial.bytes), trial.verdict, trial.name


def _numbers(drop: Drop) -> str:
    points, low, high = drop.points
    what = "labels right " if drop.labels else ""
    return f"{what}{100 * drop.before:.1f} -> {100 * drop.after:.1f} %, drop {points:.2f} (95 % interval {low:.2f} to {high:.2f})"
