"""How a graph falls into pieces for a delegate, as TensorFlow Lite cuts it (tensorflow/lite/graph_info.cc)."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.runtime.delegates.uses import Use


def cut(uses: Sequence[Use], taken: Sequence[bool]) -> list[list[int]]:
    """The pieces of operators that are taken, as indices into `uses`, in the order of running.

    A piece begins with the first operator that can run, and takes in all of its side whose inputs are there, wherever in the file they stand.
    """
    made = {value.index: i for i, use in enumerate(uses) for value in use.outputs}
    waits = [{made[value.index] for value in use.inputs if value is not None and value.index in made} - {i} for i, use in enumerate(uses)]
    left, done, pieces = list(range(len(uses))), set(), []
    while left:
        first = next((i for i in left if waits[i] <= done), None)
        if first is None:
            break  # a loop, which no file of a network has
        piece = [i for i in left if _joins(i, taken[first], taken, waits, done)]
        left = [i for i in left if i not in done]
        if taken[first]:
            pieces.append(piece)
    return pieces


def _joins(index: int, side: bool, taken: Sequence[bool], waits: Sequence[set[int]], done: set[int]) -> bool:
    """Whether an operator goes into the piece that is being made; it is noted as done then. Files have their operators in an order that runs."""
    if taken[index] is not side or not waits[index] <= done:
        return False
    done.add(index)
    return True


def largest(pieces: Sequence[list[int]], most: int, least: int) -> list[list[int]]:
    """The pieces that a delegate takes: those with `least` operators or more, of these the `most` largest; 0 for all."""
    big = sorted((piece for piece in pieces if len(piece) >= least), key=lambda piece: -len(piece))
    return big[:most] if most else big
