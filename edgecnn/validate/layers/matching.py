"""Which tensor of one network is which of another: by where it stands, not by its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edgecnn.errors import BadData
from edgecnn.validate.layers.net import WEIGHTED, Key, Net, Unit

# Kernels that are rounded, pruned or trained on keep more of their direction than this; those of another training have none of it.
ALIKE = 0.5

# Least share of the operators with kernels that must have found a partner.
ENOUGH = 0.6


class Matching:
    """Partners of a file's tensors in its original.

    It walks forward from the input: an operator whose inputs have partners is paired with the operator of the same type, shape and constants that
    reads those. Where several do, kernels decide. Where none does (a swish spelled out, an operator inserted), it goes on at the next operator
    with a kernel that looks the same in both, and what these two read is paired, too.

    Attributes:
        tensors: file's tensor -> original's; first ones of those with the same values only.
        units: paired operators, (file's, original's).
    """

    def __init__(self, file: Net, original: Net) -> None:
        self.file, self.original = file, original
        # Where one takes bytes and the other what is made of them, the inputs are no partners, and what makes the one into the other has none.
        self.tensors: dict[Key, Key] = {file.root(file.input): original.root(original.input)} if file.byte == original.byte else {}
        self.units: list[tuple[Unit, Unit]] = []
        self._taken: set[Key] = set(self.tensors.values())
        self._left = list(file.units)
        self._free = list(original.units)
        self._shapes = [{unit.output: unit.shape for unit in net.units} for net in (file, original)]
        self._alike: dict[tuple[Key, Key], float] = {}
        while self._forward() or self._jump():
            pass
        self._ends()

    @property
    def share(self) -> float:
        """Of the file's and the original's operators with kernels, the share that has a partner: the smaller of both."""
        paired = sum(unit.kind in WEIGHTED for unit, _ in self.units)
        most = max(sum(unit.kind in WEIGHTED and unit.kernel is not None for unit in net.units) for net in (self.file, self.original))
        return paired / most if most else 0.0

    @property
    def likeness(self) -> float:
        """Median cosine between paired kernels; 1 where there are none."""
        found = [self._cosine(*pair) for pair in self.units if pair[0].kernel is not None and pair[1].kernel is not None]
        return float(np.median(found)) if found else 1.0

    def _forward(self) -> bool:
        """Pair all operators whose inputs have partners, as far as that leads; whether there was one."""
        readers: dict[tuple[Key, ...], list[Unit]] = defaultdict(list)
        for unit in self._free:
            readers[_ordered(unit, unit.inputs)].append(unit)
        found = False
        for unit in list(self._left):
            if unit.inputs and all(tensor in self.tensors for tensor in unit.inputs):
                sources = _ordered(unit, [self.tensors[tensor] for tensor in unit.inputs])
                partner = self._best(unit, [other for other in readers[sources] if other in self._free])
                if partner is not None:
                    self._pair(unit, partner)
                    found = True
        return found

    def _jump(self) -> bool:
        """Pair the next operator with a kernel that has no partner yet, and what it reads; whether there was one."""
        for unit in self._left:
            if unit.kernel is None:
                continue
            partner = self._best(unit, self._free)
            if partner is not None and self._cosine(unit, partner) >= ALIKE:
                self._pair(unit, partner)
                for mine, theirs in zip(unit.inputs, partner.inputs, strict=False):
                    self._pair_tensors(mine, theirs)
                return True
        return False

    def _ends(self) -> None:
        self._pair_tensors(self.file.root(self.file.output), self.original.root(self.original.output))

    def _best(self, unit: Unit, others: Iterable[Unit]) -> Unit | None:
        same = [other for other in others if other.look == unit.look and other.output not in self._taken]
        if len(same) < 2 or unit.kernel is None:
            return same[0] if same else None
        return max(same, key=lambda other: self._cosine(unit, other))

    def _cosine(self, unit: Unit, other: Unit) -> float:
        key = unit.output, other.output
        if key not in self._alike:
            a, b = (one.kernel().reshape(-1) for one in (unit, other))
            size = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
            self._alike[key] = float(a @ b) / size if size else 0.0
        return self._alike[key]

    def _pair(self, unit: Unit, partner: Unit) -> None:
        self.units.append((unit, partner))
        self._left.remove(unit)
        self._free.remove(partner)
        self.tensors[unit.output] = partner.output
        self._taken.add(partner.output)

    def _pair_tensors(self, mine: Key, theirs: Key) -> None:
        """Pair two tensors whose makers have other partners or none, if they can hold the same values."""
        shapes = self._shapes[0].get(mine), self._shapes[1].get(theirs)
        if mine not in self.tensors and theirs not in self._taken and shapes[0] == shapes[1]:
            self.tensors[mine] = theirs
            self._taken.add(theirs)


def _ordered(unit: Unit, inputs: Iterable[Key]) -> tuple[Key, ...]:
    """Inputs in an order that does not matter where the operator does not care."""
    return tuple(sorted(inputs, key=str)) if unit.kind in ("ADD", "MUL", "Add", "Mul") else tuple(inputs)


def refuse_strangers(found: Matching, file: Path, original: Path) -> None:
    """BadData where two networks have too little in common for their tensors to be compared."""
    if not found.units or found.share < ENOUGH:
        raise BadData(
            f"{file} and {original} are not the same network: {100 * found.share:.0f} % of the operators with weights have a partner; "
            "name the original that the file was made from with --against"
        )
    if found.likeness < ALIKE:
        raise BadData(
            f"{file} and {original} are one architecture with other weights (median cosine {found.likeness:.2f}); "
            "name the original that the file was made from with --against"
        )
