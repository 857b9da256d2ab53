"""Draws what a profile found, in tables that fit 80 columns: starting, and the operators that take the time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecnn.validate import latency, profile
from edgecnn.validate.report import OperatorTime, Row

# Operators that are shown by name; the others come in one line.
SHOWN = 8
# Letters of an operator's name; its beginning says least.
NAME, KIND = 28, 18
# Share by which the operators' sum may differ from the whole before they are called rough.
ROUGH = 0.5


def render(rows: Sequence[Row], console: Console) -> None:
    """Print the profiles of the rows that have one; nothing where none was asked for."""
    started = [row for row in rows if row.start]
    if not started:
        return
    console.print(_start_table(started))
    console.print()
    for line in _start_notes(started):
        console.print(line, style="dim", markup=False, highlight=False)
    for row in started:
        if row.profile:
            console.print()
            console.print(_operator_table(row))
            console.print()
            console.print(_words(row), style="dim", markup=False, highlight=False)
    console.print()


def latency_notes(rows: Sequence[Row]) -> list[str]:
    """What the latencies of a table rest on: runs and rounds, the slowest runs, how much the rounds differed, and whether that was too much."""
    timed = [one for row in rows for one in row.latencies]
    if not timed:
        return []
    runs, rounds, noise = min(one.runs for one in timed), min(one.rounds for one in timed), max(one.noise for one in timed)
    text = f"Latency: the network alone, one picture, median of {runs} runs or more in {rounds} alternating rounds, each of which opens the files anew"
    widths = [max(one.ratio_high - one.ratio, one.ratio - one.ratio_low) for one in timed if one.ratio is not None]
    if widths:
        text += f"; 95 % intervals of the ratios reach {max(widths):.2f} or less to either side"
    tails = [f"{Path(row.file).name} {', '.join(_milliseconds(one.p99) for one in row.latencies)}" for row in rows if row.latencies]
    lines = [f"{text}. Medians of the rounds spread by {100 * noise:.0f} % or less.", f"99th percentile, ms: {'; '.join(tails)}."]
    warning = latency.remark(timed)
    return [*lines, f"Warning: {warning}."] if warning else lines


def _start_table(rows: Sequence[Row]) -> Table:
    heads = ("load\nms", "first\nms", "memory\nMB", "arena\nKB", "MACs\nM", "run\nms", "of\npeak")
    table = _table(("\nfile",), heads)
    for row in rows:
        begun, found = row.start, row.profile
        memory = "?" if begun.rss is None else f"{begun.rss / 1e6:.1f}"
        arena = "" if begun.arena is None else f"{begun.arena / 1000:.1f}"
        speed = (f"{found.macs / 1e6:.1f}", _milliseconds(found.whole), f"{100 * found.use:.0f} %" if found.floor else "") if found else ("", "", "")
        table.add_row(escape(Path(row.file).name), _milliseconds(begun.load), _milliseconds(begun.first_run), memory, arena, *speed)
    return table


def _start_notes(rows: Sequence[Row]) -> list[str]:
    lines = ["Load, first run and memory: fresh processes of one thread, the runtime imported, the file in the system's cache; medians of 3."]
    if any(row.start.arena is not None for row in rows):
        lines.append("Arena: activations at their peak (LiteRT: as planned without XNNPACK; ONNX Runtime: between two nodes).")
    measured = {Path(row.file).suffix: row.profile.peaks for row in rows if row.profile}
    for suffix, peaks in measured.items():
        speeds = ", ".join(f"{number} {speed / 1e9:.0f}" for number, speed in peaks.items())
        lines.append(f"Peak of one thread with {suffix}, measured on 1x1 convolutions, in thousand million MACs a second: {speeds}.")
    return lines


def _operator_table(row: Row) -> Table:
    table = _table((escape(Path(row.file).name), "kind"), ("us", "share", "k MACs", "of peak"))
    for one in row.operators[:SHOWN]:
        table.add_row(escape(_end(one.name)), escape(one.kind[:KIND]), *_cells([one]))
    rest = row.operators[SHOWN:]
    if rest:
        table.add_row(f"{len(rest)} others", "", *_cells(rest))
    return table


def _cells(these: Sequence[OperatorTime]) -> tuple[str, ...]:
    seconds, macs, floor = (sum(getattr(one, key) for one in these) for key in ("seconds", "macs", "floor"))
    reached = f"{100 * floor / seconds:.0f} %" if floor and seconds else ""
    return f"{1e6 * seconds:.1f}", f"{100 * sum(one.share for one in these):.1f} %", f"{macs / 1000:,.0f}" if macs else "", reached


def _words(row: Row) -> str:
    found = row.profile
    summed = f"they sum to {100 * found.total / found.whole:.0f} % of the whole ({_milliseconds(found.whole)} ms) and are brought to it"
    rough = "" if 1 - ROUGH < found.total / found.whole < 1 + ROUGH or found.method != profile.BY_PIECES else ", so they are rough"
    peak = f" The network runs at {100 * found.use:.0f} % of this processor's measured peak." if found.floor else ""
    return f"Operators: {found.method}, one thread; {summed}{rough}.{peak}"


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _end(name: str) -> str:
    return name if len(name) <= NAME else "..." + name[3 - NAME :]


def _milliseconds(seconds: float) -> str:
    milliseconds = 1000 * seconds
    return f"{milliseconds:.1f}" if milliseconds >= 10 else f"{milliseconds:.2f}" if milliseconds >= 0.1 else f"{milliseconds:.3f}"
