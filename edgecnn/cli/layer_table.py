"""The layers of an architecture as text: block by block, all of them, or the largest."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.arch.tree import Block, Chain, Item, Layer, Repeat, Unit, last, layers_of, sides
from edgecnn.cli.text import counted, percent, width

NAME = 24  # longest name that is shown whole
UNDER = 8  # columns that a wrapped line is moved to the right by
ASIDE = 62  # the last column that a text can begin in and be wrapped below itself

HEAD = ("layers", "output", "parameters", "MACs", "")


@dataclass(frozen=True)
class _Row:
    """One line of the table and the lines below it, such as the branches of a block."""

    cells: tuple[str, str, str, str]
    what: str
    below: tuple[str, ...] = ()


def by_block(chain: Chain) -> str:
    """The outermost chain, a row for each unit, block and repeat, with its branches below it."""
    return _table([_row(item) for item in chain])


def every(chain: Chain) -> str:
    """A row for each layer."""
    return _table([_Row(_cells(layer.name, [layer], layer), layer.text) for item in chain for layer in layers_of(item)])


def largest(chain: Chain, count: int) -> str:
    """The `count` layers with the most parameters, with their shares of all."""
    layers = [layer for item in chain for layer in layers_of(item)]
    total = sum(layer.parameters for layer in layers) or 1
    chosen = sorted((layer for layer in layers if layer.parameters), key=lambda layer: -layer.parameters)[:count]
    rows = [_Row(_cells(layer.name, [layer], layer), f"{percent(layer.parameters / total)}, {layer.text}") for layer in chosen]
    return _table(rows, f"largest of {len(layers)}")


def _row(item: Item) -> _Row:
    layers = list(layers_of(item))
    if isinstance(item, Unit):
        return _Row(_cells(item.name, layers, last(item)), item.text)
    if isinstance(item, Block):
        return _Row(_cells(item.name, layers, last(item)), _head(item), _branches(item))
    first = item.rounds[0]
    times = f"x{len(item.rounds)}"
    name = f"{_short(item.name, NAME - len(times) - 1)} {times}"
    if len(first) > 1:
        return _Row(_cells(name, layers, last(item)), f"{len(item.rounds)} times", (_inline(first),))
    inner = _row(first[0])
    return _Row(_cells(name, layers, last(item)), inner.what, inner.below)


def _cells(name: str, layers: Sequence[Layer], end: Layer | None) -> tuple[str, str, str, str]:
    parameters, macs = sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)
    return _short(name, NAME), sides(end.shape) if end else "", f"{parameters:,}" if parameters else "", counted(macs) if macs else ""


def _head(block: Block) -> str:
    return f"{len(block.branches)} branches" + (f", {block.merge.text}" if block.merge else "")


def _branches(block: Block) -> tuple[str, ...]:
    return tuple(_inline(branch) if times == 1 else f"{times} times: {_inline(branch)}" for branch, times in block.distinct)


def _inline(chain: Chain) -> str:
    """`conv 1x1, 64 > conv 3x3, 64 x2 > (identity | global mean > conv 1x1, 64) multiply`."""
    return " > ".join(_words(item) for item in chain) or "identity"


def _words(item: Item) -> str:
    if isinstance(item, Unit):
        return item.text
    if isinstance(item, Repeat):
        inner = _inline(item.rounds[0])
        return f"{f'({inner})' if len(item.rounds[0]) > 1 else inner} x{len(item.rounds)}"
    return f"({' | '.join(_branches(item))})" + (f" {item.merge.text}" if item.merge else "")


def _table(rows: Sequence[_Row], title: str = HEAD[0]) -> str:
    cells = [(title, *HEAD[1:4]), *(row.cells for row in rows)]
    wide = [max(len(row[i]) for row in cells) for i in range(4)]
    lines = [_line(cells[0], HEAD[4], wide)]
    for row in rows:
        lines.append(_line(row.cells, row.what, wide))
        lines += [textwrap.fill(text, width(), initial_indent="    | ", subsequent_indent=" " * UNDER) for text in row.below]
    return "\n".join(lines)


def _line(cells: Sequence[str], what: str, wide: Sequence[int]) -> str:
    name, *numbers = cells
    start = "  " + "  ".join([name.ljust(wide[0]), *(text.rjust(w) for text, w in zip(numbers, wide[1:], strict=True))])
    under = " " * (len(start) + 2 if len(start) + 2 <= ASIDE else UNDER)
    return textwrap.fill(what, width(), initial_indent=f"{start}  ", subsequent_indent=under, break_long_words=False) if what else start.rstrip()


def _short(name: str, limit: int) -> str:
    """The end of a long name, which is what tells layers apart."""
    return name if len(name) <= limit else "..." + name[3 - limit :]
