"""Learning curves as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgecnn import files
from edgecnn.train.checkpoint import Epoch

COLOURS = {"train": "#8a8f98", "val": "#1f5fbf"}


def draw(history: Sequence[Epoch], best: int, title: str) -> Figure:
    """Loss and accuracy, train and val, by epoch; `best` is the index of the epoch that was kept."""
    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=11)
    epochs = range(1, len(history) + 1)
    for axes, key, label, scale in zip(figure.subplots(1, 2), ("loss", "accuracy"), ("loss", "accuracy, %"), (1, 100), strict=True):
        for split, prefix in (("train", ""), ("val", "val_")):
            values = [scale * epoch[prefix + key] for epoch in history]
            axes.plot(epochs, values, color=COLOURS[split], label=split, linewidth=1.6, marker="o" if len(history) < 3 else None)
        axes.axvline(best + 1, color="#c0392b", linewidth=0.9, linestyle=":", label=f"kept: epoch {best + 1}")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    return figure


def write(path: Path, history: Sequence[Epoch], best: int, title: str) -> Path:
    """Write the curves as PNG, as one step."""
    content = io.BytesIO()
    # No software name and version in the file: the same training gives the same bytes.
    FigureCanvasAgg(draw(history, best, title)).print_png(content, metadata={"Software": None})
    return files.write_bytes(path, content.getvalue())
