"""Draws what the doctor found: one table a file that fits 80 columns, and the verdict under it."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecnn.validate.doctor.mistakes import WAYS
from edgecnn.validate.figures import Mistake
from edgecnn.validate.report import Report, Row, Share

ADVICE = {way.name: way.advice for way in WAYS}
# Pieces of advice under one table.
MOST = 4

_COLORS = {"right": "green", "mistake": "yellow", "none": "red"}


def render(report: Report, console: Console) -> None:
    """Print the mistakes of every file that has some, and what explains what was seen in the app."""
    for row in (row for group in report.groups for row in group.rows):
        if row.diagnosis is not None:
            console.print()
            console.print(_table(row))
            _verdict(row, console)


def _table(row: Row) -> Table:
    known, matched, right = row.diagnosis.right is not None, row.diagnosis.matched, row.diagnosis.right
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(escape(Path(row.file).name), overflow="fold")
    heads = [*(["top-1", "95 %", "loss"] if known else []), "agree", *(["as the app"] if matched else [])]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("")
    first = [*([_percent(right), _interval(right), ""] if known else []), "", *([_percent(matched)] if matched else []), ""]
    table.add_row("right pre-processing", *first, style="dim")
    for mistake in row.mistakes:
        figures = [_percent(mistake.top1), _interval(mistake.top1), _loss(mistake, right)] if known else []
        table.add_row(
            _names(mistake), *figures, _percent(mistake.agreement), *([_percent(mistake.matched)] if matched else []), "<" if mistake.explains else ""
        )
    return table


def _verdict(row: Row, console: Console) -> None:
    diagnosis = row.diagnosis
    console.print()
    if diagnosis.text:
        console.print(f"{diagnosis.text[0].upper()}{diagnosis.text[1:]}.", style=f"bold {_COLORS[diagnosis.cause]}", markup=False)
    named = [name for m in row.mistakes if m.explains for name in (m.name, *m.same)] if diagnosis.cause == "mistake" else []
    for name in named[:MOST]:
        console.print(f"  {name}: {ADVICE[name]}.", markup=False)
    for note in diagnosis.notes:
        console.print(f"Note: {note}.", style="dim", markup=False)


def _names(mistake: Mistake) -> str:
    return escape(" = ".join((mistake.name, *mistake.same)))


def _percent(share: Share | None) -> str:
    return f"{100 * share.value:.1f}" if share else ""


def _interval(share: Share | None) -> str:
    return f"{100 * share.low:.1f}-{100 * share.high:.1f}" if share else ""


def _loss(mistake: Mistake, right: Share) -> str:
    return f"{100 * (right.value - mistake.top1.value):.1f}"
