"""Where everything stands in the diagram of an architecture: boxes, lines and texts with coordinates, for whichever writer.

Time flows down. Branches stand side by side, what repeats is drawn once in a frame, and a long network goes on in a second column. Lengths are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from edgecnn.arch.canvas import COLOURS, FONT, INK, LINE, SMALL, STACK, TITLE, Box, Drawing, Element, Frame, Line, Text, text_width
from edgecnn.arch.tree import LISTED, Block, Chain, Item, Repeat, Unit, last

GAP = 14.0  # between boxes one below the other: room for an arrow
ASIDE = 12.0  # between branches
EDGE = 22.0  # of the whole picture
TALL = 1050.0  # about 30 units: what is taller goes on in another column
SHORT = 12  # letters that go into one line of a box anyway


@dataclass(frozen=True)
class _Part:
    """A piece of the picture, entered at the middle of its top and left at the middle of its bottom."""

    width: float
    height: float
    elements: tuple[Element, ...] = ()


def drawing(chain: Chain, title: str, facts: str) -> Drawing:
    """The diagram of a whole network: title, facts and legend above one or more columns.

    Args:
        chain: what `structure.of` gave.
        title: in large letters.
        facts: one line below it.
    """
    columns = _columns(_labelled(chain))
    kinds = {_kind(unit) for item in chain for unit in _units(item)}
    width = max(sum(part.width for part in columns) + EDGE * (len(columns) + 1), text_width(title, TITLE) + 2 * EDGE, text_width(facts, FONT) + 2 * EDGE)
    legend, top = _legend([kind for kind in COLOURS if kind in kinds], width)
    head = (Text(EDGE, 26, title, TITLE, bold=True, left=True, colour=INK), Text(EDGE, 48, facts, FONT, left=True))
    x, elements = (width - sum(part.width for part in columns) - EDGE * (len(columns) - 1)) / 2, [*head, *legend]
    bottom = top + max(part.height for part in columns)
    for index, part in enumerate(columns):
        elements += _moved(part, x, top)
        middle, right = x + part.width / 2, x + part.width + EDGE / 2
        if index + 1 < len(columns):
            following = x + part.width + EDGE + columns[index + 1].width / 2
            low, high = top + part.height + 8, top - 12
            points = ((middle, low - 8), (middle, low), (right, low), (right, high), (following, high), (following, top))
            elements.append(Line(points, arrow=True))
        x += part.width + EDGE
    return Drawing(ceil(width), ceil(bottom + EDGE + 8), tuple(elements))


def _legend(kinds: Sequence[str], width: float) -> tuple[list[Element], float]:
    """The kinds of boxes and what they are, in as many lines as they need, and where the columns can begin."""
    x, y, elements = EDGE, 64.0, []
    for kind in kinds:
        word = COLOURS[kind][0]
        wide = 18 + text_width(word, SMALL) + 14
        if x + wide > width and x > EDGE:
            x, y = EDGE, y + 18
        elements += [Box(x, y, 12, 12, (), kind), Text(x + 18, y + 6, word, left=True)]
        x += wide
    return elements, y + 44


def _labelled(chain: Chain) -> list[_Part]:
    """A part for each item of the outermost chain, with the shape below it where that is new."""
    parts, shown = [], None
    for item in chain:
        part, end = _item(item, outer=True), last(item)
        shape = end.shape if end else shown
        if shape and (shown is None or shape[:-1] != shown[:-1] or (shape != shown and not isinstance(item, Unit))):
            part, shown = _with_shape(part, shape), shape
        parts.append(part)
    return parts


def _with_shape(part: _Part, shape: Sequence[int | None]) -> _Part:
    """The part with a shape beside the line that leaves it, [56, 56, 256]."""
    words = str(list(shape)).replace("None", "?")
    part = _widened(part, max(part.width, 2 * (12 + text_width(words, SMALL))))
    middle, bottom = part.width / 2, part.height
    label = Text(middle + 8, bottom + 9, words, left=True, colour=INK)
    return _Part(part.width, bottom + GAP, (*part.elements, Line(((middle, bottom), (middle, bottom + GAP))), label))


def _columns(parts: Sequence[_Part]) -> list[_Part]:
    """The parts, in their order, in columns of about the same height."""
    total = sum(part.height + GAP for part in parts)
    goal = total / ceil(total / TALL)
    columns: list[list[_Part]] = [[]]
    done = 0.0
    for part in parts:
        if columns[-1] and done + part.height / 2 > goal * len(columns):
            columns.append([])
        columns[-1].append(part)
        done += part.height + GAP
    return [_below(column) for column in columns]


def _below(parts: Sequence[_Part]) -> _Part:
    """Parts one below the other, with arrows between."""
    width = max((part.width for part in parts), default=0)
    y, elements = 0.0, []
    for part in parts:
        if y:
            elements.append(Line(((width / 2, y), (width / 2, y + GAP)), arrow=True))
            y += GAP
        elements += _moved(part, (width - part.width) / 2, y)
        y += part.height
    return _Part(width, y, tuple(elements))


def _item(item: Item, *, outer: bool = False) -> _Part:
    """`outer` items are framed and named."""
    if isinstance(item, Unit):
        return _box(item)
    if isinstance(item, Repeat):
        return _repeat(item, outer)
    part = _block(item)
    return _framed(part, item.name) if outer else part


def _chain(chain: Chain) -> _Part:
    return _below([_item(item) for item in chain])


def _kind(unit: Unit) -> str:
    return unit.main.kind if unit.main.kind in COLOURS and not unit.tangled else "other"


def _units(item: Item) -> Iterator[Unit]:
    if isinstance(item, Unit):
        yield item
        return
    chains = item.rounds[:1] if isinstance(item, Repeat) else item.branches
    yield from (unit for chain in chains for inner in chain for unit in _units(inner))
    if isinstance(item, Block) and item.merge:
        yield item.merge


def _words(unit: Unit) -> tuple[str, ...]:
    """The unit in lines: what stands before the main layer, the layer, its groups, what stands after it."""
    if unit.tangled:
        named = [layer.name for layer in unit.layers]
        more = (f"and {len(named) - LISTED} more",) if len(named) > LISTED else ()
        return f"{len(named)} layers with crossing paths", *named[:LISTED], *more
    at = unit.told.index(unit.main)
    before, after = ([layer.text for layer in layers] for layers in (unit.told[:at], unit.told[at + 1 :]))
    main, _, groups = unit.main.text.partition(", groups ")
    if all(layer.kind == "padding" for layer in unit.told[:at]):
        main, before = ", ".join([*before, main]), []
    count, _, act = groups.partition(", ")
    grouped = [f"{count} groups"] if groups else []
    lines = tuple(line for line in (", ".join(before), main, ", ".join([*grouped, *([act] if act else []), *after])) if line)
    return (", ".join(lines),) if sum(map(len, lines)) <= SHORT else lines


def _box(unit: Unit, times: int = 1) -> _Part:
    lines = _words(unit)
    if times > 1:
        lines = (f"{lines[0]}  x{times}", *lines[1:])
    width = max(56.0, 14 + max(text_width(line, FONT) for line in lines))
    height = 8 + LINE * len(lines)
    return _Part(width, height + (STACK if times > 1 else 0), (Box(0, 0, width, height, lines, _kind(unit), times > 1),))


def _block(block: Block) -> _Part:
    """Branches side by side under one line, with another line below them and the merge in the middle."""
    parts = [_branch(branch, times) for branch, times in block.distinct]
    width = sum(part.width for part in parts) + ASIDE * (len(parts) - 1)
    height = max(part.height for part in parts)
    top, bottom = GAP / 2, GAP / 2 + GAP + height + GAP / 2
    elements, middles, x = [], [], 0.0
    for part, (branch, _) in zip(parts, block.distinct, strict=True):
        middle = x + part.width / 2
        middles.append(middle)
        elements.append(Line(((middle, top), (middle, top + GAP)), arrow=bool(branch)))
        elements.append(Line(((middle, top + GAP + part.height), (middle, bottom))))
        elements += _moved(part, x, top + GAP)
        x += part.width + ASIDE
    elements += [Line(((min(*middles, width / 2), y), (max(*middles, width / 2), y))) for y in (top, bottom)]
    elements.append(Line(((width / 2, 0), (width / 2, top))))
    elements.append(Line(((width / 2, bottom), (width / 2, bottom + GAP)), arrow=block.merge is not None))
    body = _Part(width, bottom + GAP, tuple(elements))
    if block.merge is None:
        return body
    merge = _box(block.merge)
    wide = max(width, merge.width)
    return _Part(wide, body.height + merge.height, (*_moved(_widened(body, wide), 0, 0), *_moved(merge, (wide - merge.width) / 2, body.height)))


def _branch(branch: Chain, times: int) -> _Part:
    part = _chain(branch) if branch else _identity()
    return part if times == 1 else _framed(part, "", f"{times} paths")


def _identity() -> _Part:
    """A value that goes past the other branches."""
    wide = text_width("identity", SMALL) + 12
    return _Part(2 * wide, 20, (Line(((wide, 0), (wide, 20))), Text(wide + 5, 10, "identity", left=True)))


def _repeat(item: Repeat, outer: bool) -> _Part:
    first = item.rounds[0]
    if len(first) == 1 and isinstance(first[0], Unit):
        return _box(first[0], len(item.rounds))
    return _framed(_chain(first), item.name if outer else "", f"x{len(item.rounds)}")


def _framed(part: _Part, name: str, count: str = "") -> _Part:
    """A frame with a name in its first line, and a number of rounds or paths at a bracket on the right."""
    margin = 14 + text_width(count, FONT + 4) if count else 8.0
    top = 20.0 if name else 8.0
    width, height = max(part.width + 2 * margin, 2 * text_width(name, SMALL) + 32), part.height + top + 8
    elements: list[Element] = [Frame(0, 0, width, height), Line(((width / 2, 0), (width / 2, top)), arrow=False)]
    elements += [*_moved(part, (width - part.width) / 2, top), Line(((width / 2, height - 8), (width / 2, height)))]
    if name:
        elements.append(Text(8, 10, name, left=True))
    if count:
        x = width - margin + 4
        elements.append(Line(((x - 5, top + 2), (x, top + 2), (x, height - 10), (x - 5, height - 10)), colour=INK))
        elements.append(Text(x + 4, (top + height) / 2 - 4, count, FONT + 4, bold=True, left=True, colour=INK))
    return _Part(width, height, tuple(elements))


def _widened(part: _Part, width: float) -> _Part:
    return _Part(width, part.height, tuple(_moved(part, (width - part.width) / 2, 0)))


def _moved(part: _Part, dx: float, dy: float) -> list[Element]:
    return [
        replace(e, points=tuple((x + dx, y + dy) for x, y in e.points)) if isinstance(e, Line) else replace(e, x=e.x + dx, y=e.y + dy) for e in part.elements
    ]
