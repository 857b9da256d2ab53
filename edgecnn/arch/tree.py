"""Units, blocks and repeats: the tree that `structure.of` makes of a model, and how neighbouring layers and equal neighbours become one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

CONVOLUTIONS = ("conv", "grouped", "depthwise")

# Kinds of layers that only finish what another layer gives, and are read together with it.
GLUE = ("norm", "activation", "dropout", "shape")

LISTED = 12  # layers of a tangle that are told one by one

# Longest sequence of units and blocks that is looked for as one that repeats.
LONGEST = 8


@dataclass(frozen=True)
class Layer:
    """What is told of one call of a layer.

    Attributes:
        name: of the layer.
        kind: input, conv, grouped, depthwise, dense, norm, activation, pool, merge, padding, shape, dropout or other.
        text: such as "conv 3x3, 64, /2, groups 32".
        shape: of the output of one example.
        parameters, macs: 0 in the second and later calls of a layer that is shared.
    """

    name: str
    kind: str
    text: str
    shape: tuple[int | None, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class Unit:
    """Neighbouring layers that read as one, such as padding, convolution, batch norm and ReLU; `tangled` ones are a list and no sequence."""

    layers: tuple[Layer, ...]
    tangled: bool = False

    @property
    def main(self) -> Layer:
        """The layer that the others only prepare and finish."""
        return next((layer for layer in self.layers if layer.kind not in (*GLUE, "padding")), self.layers[0])

    @property
    def told(self) -> tuple[Layer, ...]:
        """The layers that do something: all but a dropout of nothing."""
        return tuple(layer for layer in self.layers if layer is self.main or layer.text != "dropout 0")

    @property
    def name(self) -> str:
        """Of the main layer, of all where they are tangled."""
        return common(self.layers) if self.tangled else self.main.name

    @property
    def text(self) -> str:
        """`conv 3x3, 64, /2, groups 32, bn, relu`."""
        if self.tangled:
            more = f" and {len(self.layers) - LISTED} more" if len(self.layers) > LISTED else ""
            return f"{len(self.layers)} layers with crossing paths: {'; '.join(layer.text for layer in self.layers[:LISTED])}{more}"
        return ", ".join(layer.text for layer in self.told)


@dataclass(frozen=True)
class Block:
    """Chains side by side from a fork, () where a value goes past the others unchanged, and the unit where they meet; None where they meet further out."""

    branches: tuple[Chain, ...]
    merge: Unit | None

    @property
    def name(self) -> str:
        """What the names of its layers begin with, or the merge's name."""
        inner = [layer for branch in self.branches for item in branch for layer in layers_of(item)]
        return common([*inner, *([self.merge.main] if self.merge else [])]) or (self.merge.name if self.merge else "")

    @property
    def distinct(self) -> list[tuple[Chain, int]]:
        """The branches, with neighbours of the same structure as one and their number."""
        runs = [list(run) for _, run in groupby(self.branches, lambda branch: tuple(_mark(item) for item in branch))]
        return [(run[0], len(run)) for run in runs]


@dataclass(frozen=True)
class Repeat:
    """The same chain several times, one after the other."""

    rounds: tuple[Chain, ...]

    @property
    def name(self) -> str:
        """`block2..6`: the first and the last round."""
        ends = [chain[0].name if len(chain) == 1 else common([x for item in chain for x in layers_of(item)]) for chain in (self.rounds[0], self.rounds[-1])]
        first, last = ends if ends[0] != ends[1] else (self.rounds[0][0].name, self.rounds[-1][-1].name)
        return f"{first}..{last[len(_start([first, last]).rstrip('0123456789')) :]}"


Item = Unit | Block | Repeat
Chain = tuple[Item, ...]


def sides(shape: Sequence[int | None]) -> str:
    """`56x56x256`."""
    return "x".join("?" if side is None else str(side) for side in shape)


def layers_of(item: Item) -> Iterator[Layer]:
    """Every layer of a unit, block or repeat, in the order of the tree."""
    if isinstance(item, Unit):
        yield from item.layers
        return
    chains = item.rounds if isinstance(item, Repeat) else item.branches
    yield from (layer for chain in chains for inner in chain for layer in layers_of(inner))
    if isinstance(item, Block) and item.merge:
        yield from item.merge.layers


def last(item: Item) -> Layer | None:
    """The layer whose output is the item's; None for a tangle, and for a block whose branches meet further out."""
    if isinstance(item, Repeat):
        return last(item.rounds[-1][-1])
    unit = item if isinstance(item, Unit) else item.merge
    return unit.layers[-1] if unit and not unit.tangled else None


def common(layers: Sequence[Layer]) -> str:
    """What the names of these layers begin with, up to an underscore: `stage2_block1`."""
    names = [layer.name for layer in layers]
    if len(names) == 1:
        return names[0]
    start = _start([f"{name}_" for name in names])
    return start[: start.rfind("_")] if "_" in start else ""


def _start(names: Sequence[str]) -> str:
    """The letters that all names begin with."""
    low, high = min(names), max(names)
    return low[: next((i for i, letter in enumerate(low) if high[i : i + 1] != letter), len(low))]


def merged(block: Block, following: Sequence[Layer]) -> tuple[Block, list[Layer]]:
    """Put the activation that follows a merge into its unit. A batch norm there belongs to the next convolution; then everything is left as it is."""
    count = next((i for i, layer in enumerate(following) if layer.kind not in GLUE), len(following))
    own = following[:count]
    if block.merge is None or any(layer.kind == "norm" for layer in own):
        return block, list(following)
    return replace(block, merge=Unit((*block.merge.layers, *own))), list(following[count:])


def grouped(layers: Sequence[Layer]) -> list[Unit]:
    """Split a sequence of layers into units.

    Batch norm and activation belong to the convolution before them, or, where the first convolution of the sequence has them before it, to the one after.
    """
    units: list[list[Layer]] = []
    waiting: list[Layer] = []
    before: set[str] = set()  # kinds of glue that stand before convolutions here
    for layer in layers:
        if layer.kind in GLUE and units and not waiting and layer.kind not in before and _finishes(layer, units[-1]):
            units[-1].append(layer)
        elif layer.kind in (*GLUE, "padding"):
            waiting.append(layer)
        else:
            before, loose = _placed(layer, waiting, before, first=not units or units[-1][-1].kind not in CONVOLUTIONS)
            units += [loose] if loose else []
            units.append([*waiting[len(loose) :], layer])
            waiting = []
    return [Unit(tuple(unit)) for unit in (*units, *([waiting] if waiting else []))]


def _finishes(layer: Layer, unit: list[Layer]) -> bool:
    """Whether a layer of GLUE reads as the end of the unit before it: a batch norm only after what has weights."""
    return layer.kind != "norm" or any(before.kind in (*CONVOLUTIONS, "dense") for before in unit)


def _placed(layer: Layer, waiting: list[Layer], before: set[str], *, first: bool) -> tuple[set[str], list[Layer]]:
    """Which kinds of glue stand before convolutions from here on, and which waiting layers do not belong to this one."""
    glue = [x for x in waiting if x.kind in GLUE]
    if layer.kind not in CONVOLUTIONS:
        return set(), waiting[: waiting.index(glue[-1]) + 1] if glue else []
    kinds = {x.kind for x in glue} & {"norm", "activation"}
    return (kinds | ({"activation"} if "norm" in kinds else set()) if first else before), []


def folded(chain: Chain) -> Chain:
    """The chain with equal neighbours, or equal sequences of neighbours, as repeats; inside of blocks too."""
    items = [replace(item, branches=tuple(folded(branch) for branch in item.branches)) if isinstance(item, Block) else item for item in chain]
    marks = [_mark(item) for item in items]
    out: list[Item] = []
    at = 0
    while at < len(items):
        start, length, times = _longest(items, marks, at)
        out += items[at:start]
        rounds = tuple(tuple(items[start + i * length : start + (i + 1) * length]) for i in range(times))
        out += [Repeat(rounds)] if times > 1 else rounds[0]
        at = start + times * length
    return tuple(out)


def _longest(items: Sequence[Item], marks: Sequence[Hashable], at: int) -> tuple[int, int, int]:
    """Start, length and times of the repeat at `at` that covers most; of those that begin a little later and cover as much, the one that names agree with."""
    best = (at, 1, 1)
    for length in range(1, min(LONGEST, (len(marks) - at) // 2) + 1):
        same = 0
        while at + length + same < len(marks) and marks[at + same] == marks[at + length + same]:
            same += 1
        times = same // length + 1
        if times > 1 and times * length > best[1] * best[2]:
            starts = range(at, at + same % length + 1)
            best = (max(starts, key=lambda start: (_numbered_alike(items[start : start + length]), -start)), length, times)
    return best


def _numbered_alike(items: Sequence[Item]) -> bool:
    """Whether the names of all layers hold the same first number, as `conv_dw_7` and `conv_pw_7` do."""
    return len({tuple(re.findall(r"\d+", layer.name)[:1]) for item in items for layer in layers_of(item)}) == 1


def _mark(item: Item) -> Hashable:
    """Equal for items of the same structure: channels count where a layer sets them, not where they are handed on and grow."""
    if isinstance(item, Unit):
        shape = item.layers[-1].shape
        return item.text, shape if item.main.kind in (*CONVOLUTIONS, "dense", "shape") else shape[:-1]
    if isinstance(item, Repeat):
        return tuple(tuple(_mark(inner) for inner in chain) for chain in item.rounds)
    return tuple(tuple(_mark(inner) for inner in branch) for branch in item.branches), item.merge and _mark(item.merge)
