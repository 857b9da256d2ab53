"""Words and columns that fit 80 characters, from the standard library alone."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections.abc import Sequence


def command(*words: object) -> str:
    """A command line of edgecnn that a shell takes as it is printed, whatever the names of files hold.

    Example:
        >>> command("info", "my model.tflite")
        "edgecnn info 'my model.tflite'"
    """
    return shlex.join(["edgecnn", *map(str, words)])


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: int = 2) -> str:
    """Rows of cells as aligned text; the columns numbered in `right` are flush right. The last column wraps below itself."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return "\n".join(_row(row, widths, set(right), indent) for row in rows)


def _row(row: Sequence[str], widths: Sequence[int], right: set[int], indent: int) -> str:
    cells = [cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=False))]
    start = " " * indent + "".join(f"{cell}  " for cell in cells)
    under = " " * (len(start) if len(start) <= 52 else 8)
    return textwrap.fill(row[-1], width(), initial_indent=start, subsequent_indent=under, break_long_words=False) or start.rstrip()


def width() -> int:
    """Columns to write in: those of the terminal, between 80 and 120."""
    return max(80, min(shutil.get_terminal_size().columns, 120))


def counted(number: int) -> str:
    """`569 M`, `41.2 M`, `417 k`: three digits that mean something."""
    rounded = float(f"{number:.3g}")
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if rounded >= unit:
            return f"{rounded / unit:.3g} {name}"
    return str(number)


def bytes_of(number: int) -> str:
    """`4,321,000 bytes` as `4.32 MB`."""
    return f"{counted(number)}B" if number >= 1000 else f"{number} B"


def percent(share: float) -> str:
    """`98.8 %`."""
    return f"{100 * share:.1f} %"
