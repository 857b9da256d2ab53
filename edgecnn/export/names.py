"""Tensors called after the Keras layers that they come from, the same in both formats and in every run."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# What the inputs of an operator with weights are, by their place.
ROLES = ("input", "weights", "bias")


@dataclass(frozen=True)
class Step:
    """One operator, as far as names go.

    Attributes:
        base: what its outputs are called if nothing else is; "" calls them after its first input and `kind`.
        kind: of the operator.
        inputs, outputs: the activations and constants that it reads and writes, by any key.
    """

    base: str
    kind: str
    inputs: tuple[object, ...]
    outputs: tuple[object, ...]


def layer(traced: str) -> str:
    """`mobilenet_1/conv_dw_5_relu_1/Relu6;mobilenet_1/conv_dw_5_bn_1/batchnorm/mul_1` -> `conv_dw_5_relu`.

    A trace writes model/layer/operation. Keras opens the scope of a layer twice, so that TensorFlow appends a number to the second: 1, or the next one that
    no other layer is called by. A converter joins the names of what it fuses, the last first, and appends numbers of its own.
    """
    parts = traced.split(";")[0].split(":")[0].split("/")
    return re.sub(r"(_\d+)?(__\d+)?$", "", parts[1]) if len(parts) > 1 else re.sub(r"__\d+$", "", parts[0])


def unused(name: str, taken: Collection[str]) -> str:
    """`name`, or `name_2`, `name_3` ... where it is taken."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def activations(steps: Sequence[Step], ends: Mapping[object, str]) -> dict[object, str]:
    """A name for everything that operators write, `ends` (input and output of the network) as they are.

    Two operators of one layer get `name` and `name_2`. Which gets which is decided by the data's way through the network, then by names: never by the order of
    `steps`, because converters iterate over sets.
    """
    found, taken = dict(ends), set(ends.values())
    made = {edge for step in steps for edge in step.outputs}
    missing = [len({edge for edge in step.inputs if edge in made}) for step in steps]
    readers = defaultdict(set)
    for index, step in enumerate(steps):
        for edge in step.inputs:
            readers[edge].add(index)
    ready: list[tuple[str, str, list[str], int]] = []

    def queue(index: int) -> None:
        step = steps[index]
        given = [found[edge] for edge in step.inputs if edge in found]
        heapq.heappush(ready, (step.base or "_".join((*given[:1], step.kind)), step.kind, given, index))

    for index, count in enumerate(missing):
        if not count:
            queue(index)
    while ready:
        base, _, _, index = heapq.heappop(ready)
        for edge in steps[index].outputs:
            if edge not in found:
                found[edge] = unused(base, taken)
                taken.add(found[edge])
            for reader in sorted(readers[edge]):
                missing[reader] -= 1
                if not missing[reader]:
                    queue(reader)
    return found
