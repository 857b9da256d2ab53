"""The combinations that a search goes through: each step of compression starts from the network that the steps before it left."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgecnn.settings import Channels, Cluster, Compress, Prune, QuantizeAware, Search

Step = Channels | Prune | Cluster | QuantizeAware

# Fields of `Compress`, in the order in which they are done.
KINDS = ("channels", "prune", "cluster", "quantize")


@dataclass(frozen=True)
class Node:
    """A network on the way.

    Attributes:
        model: its .keras file.
        steps: what was done to it, one after the other.
        kind: of the last step; "" for the original.
    """

    model: Path
    steps: tuple[str, ...] = ()
    kind: str = ""

    @property
    def name(self) -> str:
        """`prune50-cluster32`; "" for the original."""
        return "-".join(self.steps)


@dataclass(order=True)
class Wish:
    """One step more, which has not been made.

    Attributes:
        depth: fine-tunings that lie between it and the original.
        number: of the wish, so that those of one depth come in the order in which they were made.
        parent: what it starts from.
        compress: the step.
        place: in the row of settings of its kind, the mildest first.
    """

    depth: int
    number: int
    parent: Node = field(compare=False)
    compress: Compress = field(compare=False)
    place: int = field(compare=False)

    @property
    def kind(self) -> str:
        """Field of `Compress`."""
        return self.compress.steps()[0]

    def node(self, model: Path) -> Node:
        """The network that came of it."""
        return Node(model, (*self.parent.steps, self.compress.suffix()), self.kind)

    @property
    def name(self) -> str:
        """Of the network that comes of it."""
        return "-".join((*self.parent.steps, self.compress.suffix()))


class Tree:
    """Wishes, the shortest first: what takes one fine-tuning comes before what takes two."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self._waiting: list[Wish] = []
        self._numbers = itertools.count()
        rows: dict[str, list[Step]] = {
            "channels": [Channels(share) for share in search.channels],
            "prune": [Prune(share) for share in search.prune],
            "cluster": [Cluster(number) for number in search.clusters],
            "quantize": [QuantizeAware()] if search.quantize else [],
        }
        self._rows = {kind: [Compress(**{kind: step}, train=search.train) for step in row] for kind, row in rows.items()}

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Wish]:
        while self._waiting:
            yield heapq.heappop(self._waiting)

    def grow(self, node: Node, *, good: bool, rounded: bool) -> None:
        """Wish for what can follow a network.

        Args:
            good: it may yet keep to the limit.
            rounded: int8 does so as it is; training under its rounding makes nothing smaller and is for those that do not.
        """
        if not good:
            return
        for kind in KINDS[KINDS.index(node.kind) + 1 if node.kind else 0 :]:
            if kind != "quantize" or not rounded:
                self._add(node, kind, 0)

    def stronger(self, wish: Wish) -> None:
        """Wish for the next stronger setting of the same step."""
        self._add(wish.parent, wish.kind, wish.place + 1)

    def _add(self, parent: Node, kind: str, place: int) -> None:
        if place < len(self._rows[kind]):
            heapq.heappush(self._waiting, Wish(len(parent.steps) + 1, next(self._numbers), parent, self._rows[kind][place], place))
