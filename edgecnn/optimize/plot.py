"""A search as a picture: accuracy against bytes and against latency, and beside them the names of what nothing beats."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from edgecnn import files
from edgecnn.optimize.front import Candidate, front
from edgecnn.settings import Search

GREY, BLUE, RED = "#a5aab3", "#1f5fbf", "#c0392b"
MARKS = {"tflite": "o", "onnx": "s"}

# How many times the limit below the original the picture reaches, and points at least: what lost more is drawn on its lower edge.
DEPTH, LEAST_DEPTH = 4, 2.0

Cost = Callable[[Candidate], float]


def write(path: Path, name: str, candidates: Sequence[Candidate], search: Search, winners: Sequence[Candidate]) -> Path:
    """Write the picture as PNG, as one step."""
    content = io.BytesIO()
    FigureCanvasAgg(draw(name, candidates, search, winners)).print_png(content, metadata={"Software": None})
    return files.write_bytes(path, content.getvalue())


def draw(name: str, candidates: Sequence[Candidate], search: Search, winners: Sequence[Candidate]) -> Figure:
    """Two panels and a key: the front of each format is a line with numbers, winners are stars, the limit is dashed."""
    figure = Figure(figsize=(14, 5.4), dpi=110, layout="constrained")
    drop = candidates[0].drop
    figure.suptitle(f"{name}: {len(candidates)} files, accuracy on {drop.pictures:,} val pictures; bars: 95 % interval of the change", fontsize=11)
    size, time, key = figure.subplots(1, 3, width_ratios=(1, 1, 0.72))
    lowest = 100 * drop.before - max(DEPTH * search.max_drop, LEAST_DEPTH)
    panels: tuple[tuple[Axes, Cost, str], ...] = (
        (size, lambda it: it.gzip / 1000, "kB after gzip"),
        (time, lambda it: it.latency, "time on one thread, of the float32 file's"),
    )
    fronts = [[front([it for it in candidates if it.suffix == suffix], cost) for suffix in search.formats] for _, cost, _ in panels]
    shown = {id(it): it for lines in fronts for line in lines for it in line} | {id(it): it for it in winners}
    numbered = sorted(shown.values(), key=lambda it: (it.suffix, it.gzip))
    numbers = {id(it): number for number, it in enumerate(numbered, 1)}
    for (axes, cost, label), lines in zip(panels, fronts, strict=True):
        _panel(axes, candidates, search, lines, winners, cost, numbers, lowest)
        axes.set_xlabel(label)
    size.set_xscale("log")
    size.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    size.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    size.xaxis.set_minor_formatter(NullFormatter())
    size.set_ylabel("right labels, %" if drop.labels else "top-1 accuracy, %")
    size.legend(frameon=False, loc="lower right", fontsize=8)
    _key(key, numbered, winners)
    return figure


def _panel(
    axes: Axes, candidates: Sequence[Candidate], search: Search, lines: Sequence[Sequence[Candidate]], winners: Sequence[Candidate], cost: Cost,
    numbers: dict[int, int], lowest: float,
) -> None:  # fmt: skip
    before = 100 * candidates[0].drop.before

    def points(which: Sequence[Candidate]) -> tuple[list[float], list[float]]:
        return [cost(it) for it in which], [max(100 * it.drop.after, lowest) for it in which]

    axes.axhline(before, color="black", linewidth=0.8, label="the original")
    axes.axhline(before - search.max_drop, color=RED, linewidth=0.8, linestyle="--", label=f"the limit, {search.max_drop:g} below")
    for suffix, line in zip(search.formats, lines, strict=True):
        axes.scatter(*points([it for it in candidates if it.suffix == suffix]), s=20, color=GREY, marker=MARKS[suffix], label=f".{suffix}", zorder=2)
        axes.plot(*points(line), color=BLUE, linewidth=1, marker=MARKS[suffix], markersize=5, label=f".{suffix}: nothing is better in both", zorder=3)
        for it in line:
            axes.vlines(cost(it), before + 100 * it.drop.change.low, before + 100 * it.drop.change.high, color=BLUE, linewidth=0.8, alpha=0.35, zorder=1)
    on_line = {id(it) for line in lines for it in line}
    axes.scatter(*points(winners), s=130, color=RED, marker="*", zorder=4)
    for it in candidates:
        if id(it) in numbers:
            place = cost(it), max(100 * it.drop.after, lowest)
            colour = RED if it in winners else BLUE if id(it) in on_line else GREY
            axes.annotate(str(numbers[id(it)]), place, xytext=(-5, 6), textcoords="offset points", ha="right", fontsize=8, color=colour, zorder=5)
    axes.set_ylim(bottom=lowest - 0.04 * (axes.get_ylim()[1] - lowest))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _key(axes: Axes, numbered: Sequence[Candidate], winners: Sequence[Candidate]) -> None:
    """Number, name, bytes, time and drop of what the panels number."""
    axes.set_axis_off()
    step = min(0.075, 0.98 / max(1, len(numbered)))
    for row, it in enumerate(numbered):
        colour = RED if it in winners else "black"
        about = f".{it.suffix}, {it.gzip / 1000:.4g} kB, {it.latency:.2f} of the time, drop {it.drop.points[0]:.2f}"
        axes.text(0, 0.98 - row * step, f"{row + 1}  {it.name}", fontsize=8, color=colour, transform=axes.transAxes, va="top")
        axes.text(0.06, 0.98 - (row + 0.45) * step, about, fontsize=7, color="#555a63", transform=axes.transAxes, va="top")
