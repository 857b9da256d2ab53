"""Draws a report: two small tables a group that fit 80 columns, and under them what the figures are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from edgecnn.validate import phone_table, profile_table
from edgecnn.validate.report import Check, Group, Latency, Report, Row, Share, Verdict

_COLORS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}

WIDTH = 80

Column = tuple[str, Callable[[Row], str]]


def render(report: Report, console: Console) -> None:
    """Print the whole report on `console`."""
    for group in report.groups:
        rows = [*([group.original] if group.original else []), *group.rows]
        for columns in (_accuracy_columns(group), _cost_columns(group)):
            console.print(_table(rows, columns, bool(group.original), console.width))
            console.print()
        for line in _notes(group, rows):
            console.print(line, style="dim", markup=False, highlight=False)
        console.print()
        profile_table.render(rows, console)
    console.print(_host(report), style="dim", markup=False, highlight=False)
    if report.checks:
        console.print()
        console.print(_checks(report.checks))


def _table(rows: Sequence[Row], columns: Sequence[Column], has_original: bool, width: int) -> Table:
    gap = 1 if width > WIDTH + 10 else 0
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    table.add_column("\nfile" if any("\n" in name for name, _ in columns) else "file", overflow="fold")
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        table.add_row(escape(Path(row.file).name), *(cell(row) for _, cell in columns), style="dim" if has_original and i == 0 else None)
    return table


def _accuracy_columns(group: Group) -> list[Column]:
    columns: list[Column] = []
    if any(row.top1 for row in group.rows):
        columns += [("top-1", lambda row: _percent(row.top1)), ("95 %", lambda row: _interval(row.top1))]
        if any(row.top5 for row in group.rows):
            columns.append(("top-5", lambda row: _percent(row.top5)))
    if any(row.multi_label for row in group.rows):
        columns += [("mAP", lambda row: _of_labels(row, "map")), ("95 %", _map_interval), ("F1", lambda row: _of_labels(row, "f1_macro"))]
        if group.original:
            columns += [("change", lambda row: _of_labels(row, "change", "+.2f")), ("95 %", _map_change_interval)]
    if any(row.change for row in group.rows):
        columns += [("change", _change), ("95 %", _change_interval)]
    if group.original:
        columns.append(("agree", lambda row: _percent(row.agreement)))
    return columns


def _cost_columns(group: Group) -> list[Column]:
    timed = group.rows[0].latencies
    under = "\n" if timed else ""  # the threads stand in a line of their own above the names
    columns: list[Column] = [(f"{under}KB", lambda row: _kilobytes(row.bytes)), (f"{under}gzip", lambda row: _kilobytes(row.gzip_bytes))]
    for i, latency in enumerate(timed):
        columns.append((f"{latency.threads} thr.\nms", lambda row, i=i: _ms(row.latencies[i].median)))
        columns.append(("\np90", lambda row, i=i: _ms(row.latencies[i].p90)))
        if group.original:
            columns.append(("\nratio", lambda row, i=i: _ratio(row.latencies[i])))
    return columns


def _notes(group: Group, rows: Sequence[Row]) -> list[str]:
    about = group.pictures
    chosen = f"{about.count:,} pictures" if about.count == about.available else f"{about.count:,} of {about.available:,} pictures, drawn with a fixed seed"
    lines = [f"{about.data}, {about.split} split: {chosen}, {about.classes} classes, {about.height}x{about.width} pixels, digest {about.digest[:12]}."]
    if any(row.top1 for row in rows):
        lines[0] += " Accuracy in %, with 95 % intervals: Wilson's for top-1" + (", Tango's for the paired change." if group.original else ".")
    flips = [f"{Path(r.file).name} {r.change.lost} lost, {r.change.gained} gained, p = {r.change.p:.2g}" for r in group.rows if r.change and r.change.value]
    if flips:
        lines.append(f"Answers that changed (exact McNemar): {'; '.join(flips)}.")
    lines += _labels(group)
    lines += _confidence(rows)
    if changed := _classes(group):
        lines.append(changed)
    tied = [f"{Path(row.file).name} {100 * row.ties.value:.1f} %" for row in rows if row.ties.count]
    if tied:
        lines.append(f"Two best scores exactly equal: {', '.join(tied)}.")
    return [*lines, *profile_table.latency_notes(rows), *phone_table.lines(rows), *(f"Note: {note}." for note in group.notes)]


def _labels(group: Group) -> list[str]:
    """Each label of a multi-label classifier."""
    lines = []
    for row in group.rows:
        if row.multi_label:
            each = "; ".join(
                f"{one.label} {100 * one.average_precision:.1f}, {100 * one.f1:.1f}" + (f", {100 * one.agreement:.1f}" if one.agreement is not None else "")
                for one in row.multi_label.labels
            )
            what = "average precision, F1 at 0.5" + (", agreement" if group.original else "")
            exact = f"all labels right on {100 * row.multi_label.exact_match:.1f} % of the images"
            lines.append(f"Labels of {Path(row.file).name} ({what}, %; mAP with bootstrap intervals): {each}; {exact}.")
    return lines


def _confidence(rows: Sequence[Row]) -> list[str]:
    """How far the scores can be believed, of every file in one line."""
    told = [
        f"{Path(row.file).name} {100 * c.ece:.1f} ({100 * c.ece_low:.1f}-{100 * c.ece_high:.1f}), {c.brier:.3f}"
        + (f", {c.drift:.3f}" if c.drift is not None else "")
        for row in rows
        if (c := row.confidence)
    ]
    return [f"Scores: calibration error in points (95 %), Brier score, mean change of the best score: {'; '.join(told)}."] if told else []


def _classes(group: Group) -> str:
    """The classes whose accuracy certainly changed, after correction for their number."""
    changed = [
        f"{c.label} {100 * (c.gained - c.lost) / c.total:+.1f} of {c.total} ({Path(row.file).name}, p = {c.p:.2g})"
        for row in group.rows
        for c in row.classes
        if c.p <= 0.05
    ]
    if changed:
        return f"Classes that changed (exact McNemar, Holm's correction): {'; '.join(changed)}."
    return "No single class changed beyond chance (exact McNemar, Holm's correction)." if any(c.gained or c.lost for r in group.rows for c in r.classes) else ""


def _host(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.host.versions.items())
    return f"{report.host.processor or report.host.machine}, {report.host.cores} cores, {report.host.system}; {versions}; {report.made}"


def _checks(checks: Sequence[Check]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for check in checks:
        verdict = Text(check.verdict.value.upper(), style=f"bold {_COLORS[check.verdict]}")
        table.add_row(verdict, escape(Path(check.file).name), escape(f"{check.limit}: {check.text}"))
    return table


def _percent(share: Share | None) -> str:
    return f"{100 * share.value:.2f}" if share else ""


def _interval(share: Share | None) -> str:
    return f"{100 * share.low:.1f}-{100 * share.high:.1f}" if share else ""


def _of_labels(row: Row, name: str, form: str = ".2f") -> str:
    value = getattr(row.multi_label, name) if row.multi_label else None
    return "" if value is None else f"{100 * value:{form}}"


def _map_interval(row: Row) -> str:
    return f"{100 * row.multi_label.map_low:.1f}-{100 * row.multi_label.map_high:.1f}" if row.multi_label else ""


def _map_change_interval(row: Row) -> str:
    labels = row.multi_label
    return f"{100 * labels.change_low:+.2f}..{100 * labels.change_high:+.2f}" if labels and labels.change is not None else ""


def _change(row: Row) -> str:
    return f"{100 * row.change.value:+.2f}" if row.change else ""


def _change_interval(row: Row) -> str:
    return f"{100 * row.change.low:+.2f}..{100 * row.change.high:+.2f}" if row.change else ""


def _kilobytes(count: int) -> str:
    return f"{count / 1000:,.0f}" if count >= 10_000 else f"{count / 1000:.1f}"


def _ms(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.2f}" if milliseconds >= 0.1 else f"{milliseconds:.3f}"


def _ratio(latency: Latency) -> str:
    if latency.ratio is None:
        return ""
    return f"{latency.ratio:.2f}" if latency.ratio >= 0.095 else f"{latency.ratio:.3f}"
