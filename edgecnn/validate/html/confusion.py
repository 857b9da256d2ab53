"""Confusion matrices before and after: numbers where they can be read, shades where there are many classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.validate.html import svg
from edgecnn.validate.markup import Markup, element

Matrix = Sequence[Sequence[int]]

# Up to so many classes cells carry their number; beyond, cells of one shade are one path.
NUMBERED = 20
SHADES = 5
RIGHT, MOST_MARGIN = svg.WIDTH - 4.0, 70.0


@dataclass(frozen=True)
class Place:
    """Where the cells lie: their left and upper edge, and the side of one."""

    left: float
    top: float
    side: float

    def corner(self, line: int, column: int) -> tuple[float, float]:
        """The upper left corner of a cell."""
        return self.left + column * self.side, self.top + line * self.side


def chart(title: str, matrix: Matrix, labels: Sequence[str]) -> Markup:
    """Right answers down, given answers across; right ones in one colour, wrong ones in another."""
    count = len(matrix)
    margin = min(12 + svg.CHARACTER * max(map(len, labels)), MOST_MARGIN)
    place = Place(margin, margin, (RIGHT - margin) / count)
    wrong = max((n for i, line in enumerate(matrix) for j, n in enumerate(line) if i != j), default=0)
    drawn = _numbered(matrix, labels, place, wrong) if count <= NUMBERED else _shaded(matrix, place, wrong)
    frame = svg.rectangle(margin, margin, RIGHT - margin, RIGHT - margin, "frame")
    total, right = sum(map(sum, matrix)), sum(matrix[i][i] for i in range(count))
    told = f"{right} of {total} right; most often confused: {_confusions(matrix, labels)}"
    caption = f"Down: the right answer; across: the given one. {told}."
    return svg.figure(title, told, RIGHT + 4, [*drawn, frame, *_names(labels, place)], caption)


def _numbered(matrix: Matrix, labels: Sequence[str], place: Place, wrong: int) -> list[Markup]:
    drawn = []
    for i, line in enumerate(matrix):
        for j, n in enumerate(line):
            if n:
                (x, y), middle = place.corner(i, j), place.side / 2
                title = f"{n} of {labels[i]} answered as {labels[j]}"
                drawn.append(svg.rectangle(x, y, place.side, place.side, _kind(i, j, n, wrong), title))
                drawn.append(svg.text(x + middle, y + middle + 3.5, str(n), "cell", "middle"))
    return drawn


def _shaded(matrix: Matrix, place: Place, wrong: int) -> list[Markup]:
    paths: dict[str, list[str]] = {}
    for i, line in enumerate(matrix):
        for j, n in enumerate(line):
            if n:
                x, y = place.corner(i, j)
                paths.setdefault(_kind(i, j, n, wrong), []).append(f"M{x:.1f} {y:.1f}h{place.side:.1f}v{place.side:.1f}h-{place.side:.1f}z")
    return [element("path", {"d": "".join(cells), "class": kind}) for kind, cells in paths.items()]


def _names(labels: Sequence[str], place: Place) -> list[Markup]:
    """As many labels as there is room for: all, or every second, third, ..."""
    drawn = []
    for i in range(0, len(labels), max(1, math.ceil(11 / place.side))):
        x, y = place.corner(i, i)
        middle = place.side / 2
        drawn.append(svg.label(place.left - 5, y + middle + 3.5, labels[i], place.left - 8, "tick"))
        name = svg.shortened(labels[i], place.top - 8)
        upright = len(name) > 2
        turn = f"translate({x + middle + 3.5 * upright:.1f} {place.top - 5:.0f}){' rotate(-90)' if upright else ''}"
        drawn.append(element("text", {"transform": turn, "class": "tick", "text-anchor": "start" if upright else "middle"}, name))
    return drawn


def _kind(right: int, given: int, count: int, most: int) -> str:
    """Class of a cell: five shades of wrong, the darkest for the most frequent confusion of five pictures or more."""
    return "right" if right == given else f"wrong{math.ceil(SHADES * count / max(most, SHADES))}"


def _confusions(matrix: Matrix, labels: Sequence[str]) -> str:
    found = sorted(((n, i, j) for i, line in enumerate(matrix) for j, n in enumerate(line) if i != j and n), reverse=True)[:3]
    return ", ".join(f"{labels[i]} as {labels[j]} ({n})" for n, i, j in found) or "none"
