"""The graph of a functional Keras model as a tree: chains of units, and blocks whose branches lie between a fork and its merge and are chains again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from edgecnn.arch.described import describe
from edgecnn.arch.tree import Block, Chain, Layer, Unit, folded, grouped, merged

# What stands before the first and after the last call of a part of the graph.
START, END = -1, -2


@dataclass(frozen=True)
class _Fork:
    """Branches that leave one call, and the call where they meet again: None where they meet outside of the part that is looked at."""

    branches: tuple[list[Any], ...]
    merge: int | None


@dataclass(frozen=True)
class _Tangle:
    """Calls whose paths cross, so that no branches can be told apart."""

    calls: list[int]


def of(model: keras.Model) -> Chain:
    """The tree of a functional model. Each call of a layer stands in exactly one unit.

    A part that is not series-parallel becomes one unit with a list of its layers. Weights are not touched: a model of `arch.sketch` has none.
    """
    calls, inputs, ends = _graph(model)
    return folded(_named(_chain(list(range(len(calls))), inputs, ends), calls))


def _graph(model: keras.Model) -> tuple[list[Layer], dict[int, list[int]], list[int]]:
    """Every call of a layer in topological order, the calls whose outputs each one takes, and those that give the model's outputs."""
    numbers: dict[tuple[int, int], int] = {}
    calls: list[Layer] = []
    inputs: dict[int, list[int]] = {}
    seen: set[int] = set()
    for node in _nodes(model):
        operation, given = node.operation, [_key(tensor) for tensor in node.input_tensors]
        number = numbers[_key(node.output_tensors[0])] = len(calls)
        inputs[number] = [START] if node.is_input else [numbers[key] for key in given]
        calls.append(describe(operation, node.output_tensors[0], len(given), again=id(operation) in seen))
        seen.add(id(operation))
    return calls, inputs, [numbers[_key(tensor)] for tensor in model.outputs]


def _key(tensor: Any) -> tuple[int, int]:
    """The call that made a tensor: which layer, and which of its calls."""
    history = tensor._keras_history
    return id(history.operation), history.node_index


def _nodes(model: keras.Model) -> Iterator[Any]:
    """Keras' records of the calls that the outputs depend on, each after those that it takes from."""
    done: set[tuple[int, int]] = set()
    waiting = [(tensor, False) for tensor in reversed(model.outputs)]
    while waiting:
        tensor, ready = waiting.pop()
        if (key := _key(tensor)) in done:
            continue
        node = tensor._keras_history.operation._inbound_nodes[key[1]]
        if ready or node.is_input:
            done.add(key)
            yield node
        else:
            waiting.append((tensor, True))
            waiting += [(given, False) for given in reversed(node.input_tensors)]


def _chain(region: Sequence[int], inputs: Mapping[int, list[int]], ends: list[int]) -> list[int | _Fork | _Tangle]:
    """Split a part of the graph at the calls that every path goes through.

    Args:
        region: calls in topological order.
        inputs: what each takes, START for anything outside of the region.
        ends: what is taken from the region by whatever follows it.
    """
    readers = Counter(given for call in region for given in inputs[call]) + Counter(ends)
    chain: list[int | _Fork | _Tangle] = []
    gap: list[int] = []
    paths = readers[START]  # values on their way past the current call
    for call in (*region, END):
        given = ends if call == END else inputs[call]
        if paths == len(given):
            chain += _joined(gap, inputs, given, call)
            gap = []
        else:
            gap.append(call)
        paths += readers[call] - len(given)
    return chain


def _joined(gap: list[int], inputs: Mapping[int, list[int]], given: list[int], call: int) -> list[int | _Fork | _Tangle]:
    """What lies between two calls that every path goes through, with the latter of them: nothing, branches or a tangle."""
    own = [] if call == END else [call]
    if not gap and len(given) == 1:
        return [*own]
    parts = _parts(gap, inputs)
    if len(parts) == 1 and all(v in parts[0] for v in given):
        return [_Tangle(gap), *own]
    branches, drawn = [], set()
    for first in given:
        part = next((p for p in parts if first in p), None)
        if part is None:
            branches.append([])  # straight from the fork to the merge
        elif part[0] not in drawn:
            drawn.add(part[0])
            inside = {v: [u if u in part else START for u in inputs[v]] for v in part}
            branches.append(_chain(part, inside, [v for v in given if v in part]))
    return [_Fork(tuple(branches), own[0] if own else None)]


def _parts(gap: list[int], inputs: Mapping[int, list[int]]) -> list[list[int]]:
    """Calls of the gap that hang together, each part in topological order."""
    parts: list[list[int]] = []
    for call in gap:
        touched = [part for part in parts if any(given in part for given in inputs[call])]
        parts = [part for part in parts if part not in touched] + [sorted([call, *(v for part in touched for v in part)])]
    return sorted(parts)


def _named(chain: Sequence[int | _Fork | _Tangle], calls: Sequence[Layer]) -> Chain:
    """The chain with layers for numbers, and with neighbours that read as one in one unit."""
    items: list[Unit | Block] = []
    plain: list[Layer] = []

    def flush() -> None:
        if items and isinstance(items[-1], Block):
            items[-1], rest = merged(items[-1], plain)
            items.extend(grouped(rest))
        else:
            items.extend(grouped(plain))
        plain.clear()

    for item in chain:
        if isinstance(item, int):
            plain.append(calls[item])
            continue
        flush()
        if isinstance(item, _Tangle):
            items.append(Unit(tuple(calls[v] for v in item.calls), tangled=True))
        else:
            merge = None if item.merge is None else Unit((calls[item.merge],))
            items.append(Block(tuple(_named(branch, calls) for branch in item.branches), merge))
    flush()
    return tuple(items)
