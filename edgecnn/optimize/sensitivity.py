"""Which operators int8 hurts most, by measurement."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence


def ranking(operators: Sequence[str], effect: Callable[[Sequence[str]], float]) -> Iterator[str]:
    """Operators in the order of what they do to the answers when they are int8 and all others float, the worst first.

    Whole stretches of the network are measured, the worst one is halved, and so on down to single operators: the first few of a hundred are found by a few
    dozen measurements, and the rest is measured only if it is asked for.

    Args:
        operators: names in the order of computation.
        effect: what a stretch does when it alone is int8.
    """
    waiting = [(0.0, 0, len(operators))]
    while waiting:
        _, start, end = heapq.heappop(waiting)
        if end - start == 1:
            yield operators[start]
            continue
        middle = (start + end) // 2
        for low, high in ((start, middle), (middle, end)):
            if high > low:
                heapq.heappush(waiting, (-effect(operators[low:high]), low, high))
