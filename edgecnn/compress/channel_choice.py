"""Which channels go: the least important ones for what they cost, until enough multiply-accumulates are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, gcd, prod

import numpy as np

from edgecnn.compress.channel_groups import Wiring
from edgecnn.errors import BadSetting
from edgecnn.settings.channels import Channels

# Importance is divided by the multiply-accumulates saved to this power. On sign-digits, val accuracy with 0.3 of them gone and no fine-tuning, by `taylor`:
# SqueezeNet 74.6 % at power 0, 97.6 % at 0.5, 98.1 % at 1; MobileNet, batch norms measured afresh, 98.1 % at 0.5 and at 1.
POWER = 1.0


@dataclass
class Space:
    """Units that lie in the same layers, so that one is worth as much arithmetic as another.

    Attributes:
        units: the least important first.
        importance: of each, summed up from the first: [units + 1], beginning with 0.
        uses: (factor of a product, channels of one unit among them) for each factor that they lie in.
        allowed: how many may be kept, falling; the first is all of them.
    """

    units: np.ndarray
    importance: np.ndarray
    uses: tuple[tuple[int, int], ...]
    allowed: list[int]

    @property
    def gone(self) -> int:
        """Units that are removed by now."""
        return len(self.units) - self.allowed[0]

    @property
    def next(self) -> int:
        """Units that the next step removes; 0 where there is none."""
        return self.allowed[0] - self.allowed[1] if len(self.allowed) > 1 else 0


class Budget:
    """Multiply-accumulates as channels go, without building a network."""

    def __init__(self, wired: Wiring) -> None:
        self._times = [product.times for part in wired.parts for product in part.products]
        self._factors: list[tuple[int, ...]] = []
        self.slots: list[np.ndarray] = []
        for part in wired.parts:
            for product in part.products:
                self._factors.append(tuple(range(len(self.slots), len(self.slots) + len(product.factors))))
                self.slots += product.factors
        self._counts = [len(slot) for slot in self.slots]
        self._product_of = {slot: index for index, slots in enumerate(self._factors) for slot in slots}

    def total(self) -> int:
        """What is left."""
        return sum(times * prod(self._counts[slot] for slot in slots) for times, slots in zip(self._times, self._factors, strict=True))

    def products(self, space: Space) -> set[int]:
        """Products that the space has a part in."""
        return {self._product_of[slot] for slot, _ in space.uses}

    def saving(self, space: Space) -> int:
        """What the next step of a space would save."""
        less = {slot: each * space.next for slot, each in space.uses}
        saved = 0
        for index in self.products(space):
            slots = self._factors[index]
            left = prod(self._counts[slot] - less.get(slot, 0) for slot in slots)
            saved += self._times[index] * (prod(self._counts[slot] for slot in slots) - left)
        return saved

    def remove(self, space: Space) -> None:
        """Do the next step of a space."""
        for slot, each in space.uses:
            self._counts[slot] -= each * space.next
        del space.allowed[0]


def choose(wired: Wiring, importance: np.ndarray, settings: Channels) -> np.ndarray:
    """Which units stay [units].

    Step after step the space goes down to its next allowed width whose least important units are worth the least for each multiply-accumulate that they cost.

    Args:
        wired: the network.
        importance: of each unit [units], 0 or more.
        settings: how much goes, and what every layer keeps.

    Raises:
        BadSetting: so much cannot go.
    """
    budget = Budget(wired)
    whole = left = budget.total()
    spaces = list(_spaces(wired, budget, importance, settings))
    readers = defaultdict(set)
    for index, space in enumerate(spaces):
        for product in budget.products(space):
            readers[product].add(index)
    prices = [_price(budget, space) for space in spaces]
    while left > (1 - settings.share) * whole:
        best = int(np.argmin(prices)) if prices else 0
        if not prices or prices[best] == np.inf:
            most = int(100 * (1 - left / whole)) / 100
            raise BadSetting(f"channels {settings.share:g} of {wired.net.name}: expected {most:g} or less, or a least below {settings.least} channels")
        left -= budget.saving(spaces[best])
        touched = set().union(*(readers[product] for product in budget.products(spaces[best])))
        budget.remove(spaces[best])
        for index in touched:
            prices[index] = _price(budget, spaces[index])
    keep = wired.all_kept()
    for space in spaces:
        keep[space.units[: space.gone]] = False
    return keep


def _price(budget: Budget, space: Space) -> float:
    """Importance that the next step of a space costs for what it saves; infinite where there is no such step."""
    if not space.next:
        return np.inf
    lost = space.importance[space.gone + space.next] - space.importance[space.gone]
    return float(lost / max(1, budget.saving(space)) ** POWER)


def _spaces(wired: Wiring, budget: Budget, importance: np.ndarray, settings: Channels) -> Iterator[Space]:
    """Units that lie in the same factors of products, and as often, together."""
    uses: list[list[tuple[int, int]]] = [[] for _ in range(wired.units)]
    for slot, channels in enumerate(budget.slots):
        for unit, count in zip(*np.unique(wired.unit[channels], return_counts=True), strict=True):
            uses[unit].append((slot, int(count)))
    wide = np.zeros(wired.units, int)
    for part in wired.parts:
        for channels in part.widths:
            counts = np.bincount(wired.unit[channels], minlength=wired.units)
            wide = np.where((counts > 0) & ((wide == 0) | (counts < wide)), counts, wide)
    alike: dict[tuple, list[int]] = defaultdict(list)
    for unit in range(1, wired.units):
        if wide[unit]:
            alike[(*uses[unit], wide[unit])].append(unit)
    for (*used, each), units in alike.items():
        order = np.array(units)[np.argsort(importance[units], kind="stable")]
        allowed = _allowed(len(units), int(each), settings)
        yield Space(order, np.concatenate([[0.0], np.cumsum(importance[order])]), tuple(used), allowed)


def _allowed(units: int, each: int, settings: Channels) -> list[int]:
    """Numbers of units that may be kept, falling from all of them, where each has so many channels in a layer."""
    multiple = settings.multiple
    while multiple > 1 and units * each < 4 * multiple:
        multiple //= 2
    step = multiple // gcd(multiple, each)
    return [units, *(count for count in range((units - 1) // step * step, 0, -step) if count >= ceil(settings.least / each))]
