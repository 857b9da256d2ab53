"""A search as a picture: accuracy against bytes, and against latency."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edgecnn import files
from edgecnn.optimize.front import Candidate, front
from edgecnn.settings import Search

GREY, BLUE, RED = "#a5aab3", "#1f5fbf", "#c0392b"
MARKS = {"tflite": "o", "onnx": "s"}

# Points (1/72 inch) between a mark and its label, and between two labels.
GAP, LINE = 7, 10


def draw(name: str, candidates: Sequence[Candidate], search: Search, winners: Sequence[Candidate]) -> Figure:
    """Two panels; the front of each format is a line with names, the winners are red, the limit is dashed."""
    figure = Figure(figsize=(12, 5.2), dpi=110, layout="constrained")
    drop = candidates[0].drop
    figure.suptitle(f"{name}: {len(candidates)} files, accuracy on {drop.change.total:,} val pictures with the 95 % interval of the change", fontsize=11)
    size, time = figure.subplots(1, 2, sharey=True)
    _panel(size, candidates, search, winners, lambda it: it.gzip / 1000, "kB after gzip")
    _panel(time, candidates, search, winners, lambda it: it.latency, "time on one thread, of the float32 file's")
    size.set_ylabel("top-1 accuracy, %")
    size.legend(frameon=False, loc="lower right", fontsize=8)
    return figure


def write(path: Path, name: str, candidates: Sequence[Candidate], search: Search, winners: Sequence[Candidate]) -> Path:
    """Write the picture as PNG, as one step."""
    content = io.BytesIO()
    FigureCanvasAgg(draw(name, candidates, search, winners)).print_png(content, metadata={"Software": None})
    return files.write_bytes(path, content.getvalue())


def _panel(axes: Axes, candidates: Sequence[Candidate], search: Search, winners: Sequence[Candidate], cost: Callable[[Candidate], float], label: str) -> None:
    drop = candidates[0].drop
    axes.axhline(100 * drop.before, color="black", linewidth=0.8, label="the original")
    axes.axhline(100 * drop.before - search.max_drop, color=RED, linewidth=0.8, linestyle="--", label=f"limit: {search.max_drop:g} points below")
    for suffix in search.formats:
        ours = [it for it in candidates if it.suffix == suffix]
        best = front(ours, cost)
        rest = [it for it in ours if it not in best]
        axes.scatter([cost(it) for it in rest], [100 * it.drop.after for it in rest], s=22, color=GREY, marker=MARKS[suffix], label=f".{suffix}", zorder=2)
        _bars(axes, best, cost)
        points = [cost(it) for it in best], [100 * it.drop.after for it in best]
        axes.plot(*points, color=BLUE, linewidth=1, marker=MARKS[suffix], markersize=5, label=f".{suffix}, nothing is better in both", zorder=3)
        chosen = [it for it in winners if it.suffix == suffix]
        axes.scatter([cost(it) for it in chosen], [100 * it.drop.after for it in chosen], s=110, color=RED, marker="*", zorder=4)
        _names(axes, [*best, *(it for it in chosen if it not in best)], chosen, cost)
    axes.set(xlabel=label, xscale="log")
    axes.margins(x=0.18, y=0.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(axis="x", which="both", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _bars(axes: Axes, best: Sequence[Candidate], cost: Callable[[Candidate], float]) -> None:
    for it in best:
        before = it.drop.before
        axes.vlines(cost(it), 100 * (before + it.drop.change.low), 100 * (before + it.drop.change.high), color=BLUE, linewidth=0.8, alpha=0.35, zorder=1)


def _names(axes: Axes, named: Sequence[Candidate], chosen: Sequence[Candidate], cost: Callable[[Candidate], float]) -> None:
    """Names above and below in turn, so that neighbours on a front stay readable."""
    for place, it in enumerate(sorted(named, key=cost)):
        above = place % 2 == 0
        axes.annotate(
            it.name, (cost(it), 100 * it.drop.after), xytext=(0, (GAP if above else -GAP) + (LINE if place % 4 > 1 else 0) * (1 if above else -1)),
            textcoords="offset points", ha="center", va="bottom" if above else "top", fontsize=7, color=RED if it in chosen else BLUE, zorder=5,
        )  # fmt: skip
