"""A drawing of an architecture as SVG text, by the standard library alone, or as PNG, by matplotlib: two writers of the same boxes, lines and texts."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from edgecnn import files
from edgecnn.arch.canvas import COLOURS, FONT, FRAME, INK, LINE, STACK, Box, Drawing, Element, Frame, Line, Text, arrow_head
from edgecnn.errors import BadFile

ROUND = 4.0  # radius of the corners
LARGEST = 9000  # pixels of a PNG's longer side
DENSE = 2.0  # pixels of a PNG over those of the drawing, where that is not too large


def check(path: Path) -> None:
    """Refuse a path that ends in something else than a known suffix, or whose folder cannot be written.

    Raises:
        BadFile: in words.
    """
    if path.suffix.lower() not in WRITERS:
        raise BadFile(f"diagram {path}: expected a name that ends in {' or '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise BadFile(f"diagram {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise BadFile(f"diagram {path}: this is a folder; expected a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise BadFile(f"diagram {path}: cannot write into {path.parent}: {files.reason(error)}") from error


def write(path: Path, drawing: Drawing) -> Path:
    """Write the drawing in the format of the path's suffix, as one step.

    Raises:
        BadFile: another suffix, or a place that cannot be written.
    """
    check(path)
    return files.write_bytes(path, WRITERS[path.suffix.lower()](drawing))


def svg(drawing: Drawing) -> str:
    """The drawing as an SVG document with a white ground, the same in dark viewers."""
    size = f'width="{drawing.width:.0f}" height="{drawing.height:.0f}" viewBox="0 0 {drawing.width:.0f} {drawing.height:.0f}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif" style="color-scheme: light; background: #ffffff">'
    ground = f'<rect width="{drawing.width:.0f}" height="{drawing.height:.0f}" fill="#ffffff"/>'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', start, ground, *(_svg(element) for element in _ordered(drawing)), "</svg>", ""])


def png(drawing: Drawing) -> bytes:
    """The drawing as a PNG, two of its pixels for one of the drawing's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scale = min(DENSE, LARGEST / max(drawing.width, drawing.height))
    figure = Figure(figsize=(drawing.width / 72, drawing.height / 72), dpi=72 * scale, facecolor="#ffffff")  # a point is a pixel of the drawing
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.set_axis_off()
    for element in _ordered(drawing):
        _paint(axes, element)
    content = io.BytesIO()
    # No software name and version in the file: the same network gives the same bytes.
    FigureCanvasAgg(figure).print_png(content, metadata={"Software": None})
    return content.getvalue()


def _ordered(drawing: Drawing) -> list[Element]:
    """Frames first, texts last, so that nothing hides a text."""
    order = (Frame, Line, Box, Text)
    return sorted(drawing.elements, key=lambda element: order.index(type(element)))


def _svg(element: Element) -> str:
    if isinstance(element, Frame):
        return _svg_rect(element.x, element.y, element.width, element.height, f'fill="none" stroke="{FRAME}" stroke-dasharray="3 2"')
    if isinstance(element, Line):
        return _svg_line(element)
    if isinstance(element, Text):
        return _svg_text(element)
    _, fill, edge = COLOURS[element.kind]
    look = f'fill="{fill}" stroke="{edge}"'
    behind = [_svg_rect(element.x + STACK, element.y + STACK, element.width, element.height, look)] if element.stacked else []
    return "\n".join([*behind, _svg_rect(element.x, element.y, element.width, element.height, look), *(_svg_text(text) for text in _texts(element))])


def _svg_rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{ROUND:g}" {look}/>'


def _svg_line(line: Line) -> str:
    path = f'<polyline points="{_points(line.points)}" fill="none" stroke="{line.colour}"/>'
    return path + (f'<polygon points="{_points(arrow_head(line))}" fill="{line.colour}"/>' if line.arrow else "")


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _svg_text(text: Text) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    anchor = "start" if text.left else "middle"
    # Letters stand on their line, about a third of their size below the middle; not every viewer knows dominant-baseline.
    y = text.y + 0.35 * text.size
    return f'<text x="{text.x:.1f}" y="{y:.1f}" font-size="{text.size:g}" text-anchor="{anchor}" fill="{text.colour}"{weight}>{escape(text.text)}</text>'


def _texts(box: Box) -> list[Text]:
    """The lines of a box, around its middle."""
    top = box.y + (box.height - LINE * (len(box.lines) - 1)) / 2
    return [Text(box.x + box.width / 2, top + LINE * index, line, FONT, colour=INK) for index, line in enumerate(box.lines)]


def _paint(axes, element: Element) -> None:  # noqa: ANN001 - matplotlib is imported where it is needed
    from matplotlib.patches import FancyBboxPatch, Polygon

    def rectangle(part: Box | Frame, offset: float, **look: str | float) -> None:
        style = f"round,pad=0,rounding_size={ROUND}"
        axes.add_patch(FancyBboxPatch((part.x + offset, part.y + offset), part.width, part.height, boxstyle=style, mutation_aspect=1, **look))

    if isinstance(element, Frame):
        rectangle(element, 0, facecolor="none", edgecolor=FRAME, linewidth=1, linestyle=(0, (3, 2)))
    elif isinstance(element, Line):
        axes.plot(*zip(*element.points, strict=True), color=element.colour, linewidth=1, solid_capstyle="butt")
        if element.arrow:
            axes.add_patch(Polygon(arrow_head(element), facecolor=element.colour, edgecolor="none"))
    elif isinstance(element, Box):
        _, fill, edge = COLOURS[element.kind]
        for offset in (STACK, 0) if element.stacked else (0,):
            rectangle(element, offset, facecolor=fill, edgecolor=edge, linewidth=1)
    for text in _texts(element) if isinstance(element, Box) else [element] if isinstance(element, Text) else []:
        weight, align = "bold" if text.bold else "normal", "left" if text.left else "center"
        # DejaVu Sans, the one font that matplotlib brings, is wider than what browsers take.
        axes.text(text.x, text.y, text.text, fontsize=0.92 * text.size, weight=weight, ha=align, va="center_baseline", color=text.colour)


# Suffix -> what makes the content of such a file.
WRITERS: dict[str, Callable[[Drawing], bytes]] = {".svg": lambda drawing: svg(drawing).encode(), ".png": png}
