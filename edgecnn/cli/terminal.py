"""What reaches the terminal: names in strangers' files may hold escape sequences that move the cursor, retitle the window or hide a line; they are spelled out.

Two ways lead there, and both are guarded: `SafeStream` stands in for sys.stdout and sys.stderr and spells out whatever is printed; rich, which writes escape
sequences of its own, gets the stream behind it and spells out what it is asked to show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from edgecnn.untrusted import printable

if TYPE_CHECKING:
    from rich.console import Console


class SafeStream:
    """A text stream whose `write` spells out control characters; everything else is the stream's own.

    Attributes:
        behind: the stream.
    """

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def write(self, text: str) -> int:
        """Write text with its control characters spelled out."""
        self.behind.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def console(stream: TextIO, **options: Any) -> Console:
    """A console of rich on a stream; what it shows is spelled out, and its own colors and movements are not.

    Args:
        stream: such as sys.stdout.
        options: of `rich.console.Console`.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class SafeConsole(Console):
        """Spells out the text of every segment; control segments are rich's own."""

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            """What rich makes of it, in printable letters."""
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else printable(text), style, control)

    return SafeConsole(file=getattr(stream, "behind", stream), **options)
