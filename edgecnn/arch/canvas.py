"""What a diagram is made of, for every writer: boxes, frames, lines and texts with coordinates in pixels, and their colours."""

from __future__ import annotations

from dataclasses import dataclass

FONT, SMALL, TITLE = 11.0, 10.0, 17.0
LETTER = 0.56  # width of a letter over its size, a little more than fonts without serifs take on average
LINE = 14.0  # from one line of text in a box to the next
STACK = 3.0  # how far the second box of a stack looks out

# Kind of a layer -> what the legend calls it, colour inside, colour of the edge. Other kinds look like "other".
COLOURS = {
    "input": ("input", "#e8eaed", "#5f6368"),
    "conv": ("convolution", "#d6e6fd", "#1a66d0"),
    "grouped": ("grouped convolution", "#e6dbf8", "#7437bd"),
    "depthwise": ("depthwise or separable convolution", "#cdefec", "#00796b"),
    "dense": ("dense", "#fde2cc", "#c96a00"),
    "pool": ("pooling", "#dbf1d5", "#388038"),
    "merge": ("merge of branches", "#fff3b8", "#9a7400"),
    "other": ("other", "#f6f7f8", "#80868b"),
}
INK, FAINT, FRAME = "#202124", "#5f6368", "#c4c8cd"


@dataclass(frozen=True)
class Box:
    """A rounded rectangle with lines of text in its middle; `stacked` shows another one behind it."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    kind: str
    stacked: bool = False


@dataclass(frozen=True)
class Frame:
    """A thin rectangle around things that belong together."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """Straight from point to point, with an arrow's head at the last one or without."""

    points: tuple[tuple[float, float], ...]
    arrow: bool = False
    colour: str = FAINT


@dataclass(frozen=True)
class Text:
    """One line of text; (x, y) is its middle, or the middle of its left edge where `left`."""

    x: float
    y: float
    text: str
    size: float = SMALL
    bold: bool = False
    left: bool = False
    colour: str = FAINT


Element = Box | Frame | Line | Text


@dataclass(frozen=True)
class Drawing:
    """A finished picture."""

    width: float
    height: float
    elements: tuple[Element, ...]


def text_width(text: str, size: float) -> float:
    """About how wide a text is."""
    return LETTER * size * len(text)


def arrow_head(line: Line) -> tuple[tuple[float, float], ...]:
    """The triangle at the end of a line that points down."""
    x, y = line.points[-1]
    return (x, y), (x - 3, y - 5.5), (x + 3, y - 5.5)
