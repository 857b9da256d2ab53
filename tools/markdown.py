"""Tables in Markdown, and the parts of a file that a tool writes between two marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from edgecnn import files
from edgecnn.errors import BadFile


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells as a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def rows_between(path: Path, name: str) -> list[list[str]]:
    """The cells of the table between two such marks, without its head; none where there is no table yet."""
    part = path.read_text().partition(f"<!-- {name}:begin")[2].partition(f"<!-- {name}:end")[0]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in part.splitlines() if line.startswith("|")][2:]


def replace_between(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks `<!-- NAME:begin ... -->` and `<!-- NAME:end -->` of a file, which stays as it was when anything fails.

    Raises:
        BadFile: the file has no such marks.
    """
    content = path.read_text()
    pattern = rf"(<!-- {re.escape(name)}:begin[^>]*-->\n).*?(<!-- {re.escape(name)}:end -->)"
    if not re.search(pattern, content, re.DOTALL):
        raise BadFile(f"{path} has no marks {name}:begin and {name}:end; expected both, each on a line of its own")
    files.write_text(path, re.sub(pattern, lambda found: f"{found[1]}{text.strip()}\n{found[2]}", content, count=1, flags=re.DOTALL))
