"""Draws where a file loses what its original knew, and what it is made of, within 80 columns."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecnn.validate.layer_figures import LayerNoise, SizePart
from edgecnn.validate.report import Report, Row

# Tensors that are shown; the JSON has all.
WORST = 10

# Columns of a tensor's name: its end is what tells it from others.
NAME = 30


def render(report: Report, console: Console) -> None:
    """Print the worst tensors and the parts of each file."""
    for row in (row for group in report.groups for row in group.rows):
        if row.layers:
            _layers(row, console)
        if row.parts:
            _parts(row, console)


def _layers(row: Row, console: Console) -> None:
    console.print(f"\n{Path(row.file).name}: where it loses most, of {len(row.layers)} tensors", markup=False)
    table = _empty("tensor", "operator")
    for name in ("SQNR\ndB", "alone\ndB", "above\n8 bits"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in row.layers[:WORST]:
        table.add_row(escape(_short(layer.name)), layer.kind[:17], *(_decibels(value) for value in (layer.sqnr, layer.own, layer.excess)))
    console.print(table)
    for line in _suspects(row.layers):
        console.print(line, markup=False)
    about = (
        "SQNR: 10 log10(signal / noise) of a whole run, all noise before included; alone: of the operator when fed with the original's values; "
        "above 8 bits: how far that noise lies above what rounding to 8 bits costs at least; tensors are ranked by it."
    )
    console.print(about, style="dim", markup=False)


def _suspects(layers: tuple[LayerNoise, ...]) -> list[str]:
    found = [layer for layer in layers if layer.suspect]
    lines = [f"  {_short(layer.name)}: {layer.suspect}." for layer in found[:WORST]]
    more = [f"  and {len(found) - WORST} more."] if len(found) > WORST else []
    return ["Suspects:", *lines, *more] if lines else ["No operator is suspected: none loses much more than 8 bits must."]


def _parts(row: Row, console: Console) -> None:
    console.print(f"\n{Path(row.file).name}: {row.bytes:,} bytes", markup=False)
    table = _empty("content", "of it most in")
    for name in ("bytes", "gzip", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in (part for part in row.parts if not part.layer):
        table.add_row(part.kind, escape(_largest(row.parts, part.kind)), f"{part.bytes:,}", f"{part.gzip_bytes:,}", f"{100 * part.bytes / row.bytes:.1f}")
    console.print(table)
    for line in row.savings:
        console.print(f"  {line[0].upper()}{line[1:]}.", markup=False)


def _largest(parts: tuple[SizePart, ...], kind: str) -> str:
    """The layer that has most of a kind, with its share."""
    layers = [part for part in parts if part.kind == kind and part.layer]
    total = sum(part.bytes for part in parts if part.kind == kind and not part.layer)
    return f"{_short(layers[0].layer, 20)} {100 * layers[0].bytes / total:.0f} %" if len(layers) > 1 and total else ""


def _empty(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _short(name: str, limit: int = NAME) -> str:
    return name if len(name) <= limit else "..." + name[3 - limit :]


def _decibels(value: float | None) -> str:
    return "" if value is None else "none" if value >= 200 else f"{value:.1f}"
