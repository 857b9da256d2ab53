"""Accuracy against what it costs, and what a run costs in time: one mark a file, numbered as in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgecnn.validate import words
from edgecnn.validate.html import svg
from edgecnn.validate.markup import Markup, element
from edgecnn.validate.report import Group, Latency, Row, Share

HEIGHT, TOP, LEFT, RIGHT = 250, 12, 46, svg.WIDTH - 14
STEP = 20


def charts(group: Group, names: Mapping[str, str]) -> list[Markup]:
    """Every chart of a group that its figures allow."""
    rows = words.rows_of(group.original, group.rows)
    quality, axis = _quality(rows)
    timed = [row for row in rows if row.latencies]
    drawn = []
    if quality and timed:
        drawn.append(_scatter(group, quality, _first_latency, (axis, f"ms, {timed[0].latencies[0].threads} thread(s)"), names))
    if quality:
        drawn.append(_scatter(group, quality, lambda row: row.bytes / 1000, (axis, "kB"), names))
    return [*drawn, _times(rows, group.original, names)] if timed else drawn


def _first_latency(row: Row) -> float | None:
    return 1000 * row.latencies[0].median if row.latencies else None


def _quality(rows: Sequence[Row]) -> tuple[Callable[[Row], Share | None] | None, str]:
    if any(row.top1 for row in rows):
        return lambda row: row.top1, "top-1 accuracy, %"
    if any(row.agreement for row in rows):
        return lambda row: row.agreement, "agreement with the original, %"
    return None, ""


def _scatter(
    group: Group, quality: Callable[[Row], Share | None], cost: Callable[[Row], float | None], axes: tuple[str, str], names: Mapping[str, str]
) -> Markup:
    rows = words.rows_of(group.original, group.rows)
    marks = [(i, row, found, spent) for i, row in enumerate(rows, 1) if (found := quality(row)) and (spent := cost(row)) is not None]
    bottom = HEIGHT - 36
    x = svg.cost_scale([spent for *_, spent in marks], LEFT, RIGHT)
    reach = [100 * v for _, _, share, _ in marks for v in (share.low, share.high)]
    y = svg.padded(reach, bottom, TOP, 2.0, (0.0, 100.0))
    drawn = [*svg.beside(y, LEFT, RIGHT), *svg.below(x, bottom, TOP, f"{axes[1]}{', logarithmic' if x.log else ''}")]
    drawn += [svg.line(x(spent), y(100 * share.low), x(spent), y(100 * share.high), "whisker") for _, _, share, spent in marks]
    for i, row, share, spent in reversed(marks):
        title = f"{names[row.file]}: {words.percent(share)} % ({words.interval(share)}), {svg.number(round(spent, 4))} {axes[1].split(',')[0]}"
        drawn.append(_mark(x(spent), y(100 * share.value), i, title, original=row is group.original))
    title = f"{axes[0].split(',')[0].capitalize()} against {'latency' if axes[1].startswith('ms') else 'bytes'}"
    told = "; ".join(f"{i} {names[row.file]} {words.percent(share)} % at {words.digits(spent)}" for i, row, share, spent in marks)
    return svg.figure(title, f"{axes[0]} over {axes[1]}: {told}", HEIGHT, drawn, f"Upright: {axes[0]}, with 95 % intervals. Numbers as in the table.")


def _mark(x: float, y: float, number: int, title: str, *, original: bool) -> Markup:
    """A numbered dot; the original is hollow."""
    dot = svg.circle(x, y, 8.0, "dot before" if original else "dot after", title)
    return element("g", None, dot, svg.text(x, y + 3.5, str(number), "mark before" if original else "mark", "middle"))


def _times(rows: Sequence[Row], original: Row | None, names: Mapping[str, str]) -> Markup:
    """Median and 90th percentile of every file, one block a number of threads."""
    x = svg.cost_scale([1000 * v for row in rows for it in row.latencies for v in (it.median, it.p90, it.p99)], 112.0, svg.WIDTH - 128.0)
    drawn, y, told = [], float(TOP), []
    for threads in dict.fromkeys(it.threads for row in rows for it in row.latencies):
        block = f"{threads} thread{'s' if threads > 1 else ''}"
        drawn.append(svg.text(2, y + 11, block, "name"))
        y += STEP
        for number, row in enumerate(rows, 1):
            for it in (it for it in row.latencies if it.threads == threads):
                drawn += _time(it, f"{number} {names[row.file]}", y + STEP / 2, x, "before" if row is original else "after")
                told.append(f"{names[row.file]}, {block}: median {words.time(it.median)}, p90 {words.time(it.p90)}")
                y += STEP
    axis = svg.below(x, y, TOP + STEP, f"ms{', logarithmic' if x.log else ''}")
    caption = "Dot: median of one picture; line: up to the 90th percentile, thin up to the 99th."
    if any(it.ratio is not None for row in rows for it in row.latencies):
        caption += " Right: time over the original's, with its 95 % interval."
    return svg.figure("Latency", "; ".join(told), y + 34, [*axis, *drawn], caption)


def _time(it: Latency, name: str, y: float, x: svg.Scale, kind: str) -> list[Markup]:
    median, tail = x(1000 * it.median), x(1000 * it.p90)
    title = f"{name}: median {words.time(it.median)}, p90 {words.time(it.p90)}, p99 {words.time(it.p99)}, {it.runs} runs in {it.rounds} rounds"
    return [
        svg.label(x.start - 8, y + 4, name, x.start - 10),
        svg.line(tail, y, max(x(1000 * it.p99), tail), y, f"range thin {kind}"),
        svg.line(median, y, tail, y, f"range {kind}"),
        svg.line(tail, y - 4, tail, y + 4, f"range {kind}"),
        svg.circle(median, y, 4.5, f"dot {kind}", title),
        svg.text(svg.WIDTH - 2, y + 4, _beside(it), "tick", "end"),
    ]


def _beside(it: Latency) -> str:
    if it.ratio is None:
        return words.time(it.median)
    if it.ratio_low is None or it.ratio_high is None:
        return words.ratio(it.ratio)
    return f"{words.ratio(it.ratio)} ({words.ratio(it.ratio_low)} to {words.ratio(it.ratio_high)})"
