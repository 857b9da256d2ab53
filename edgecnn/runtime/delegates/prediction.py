"""Holds a .tflite against the list of a delegate. Nothing is run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edgecnn import files
from edgecnn.errors import BadFile, unknown
from edgecnn.runtime import tflite_file
from edgecnn.runtime.delegates import Forecast, Refused, pieces, uses
from edgecnn.runtime.delegates.conditions import CONDITIONS, FLOAT, STAY
from edgecnn.runtime.delegates.lists import TARGETS, Target
from edgecnn.runtime.delegates.uses import Use

_INTEGERS = ("int8", "uint8", "int4", "int16")


def forecast(path: str | os.PathLike[str], target: str) -> Forecast:
    """See `delegates.forecast`."""
    if target not in TARGETS:
        raise unknown("delegate", target, TARGETS)
    path = Path(path)
    if path.suffix.lower() != ".tflite":
        raise BadFile(f"{path}: delegates are of TensorFlow Lite and take .tflite files; expected one")
    content = files.read_bytes(path, ".tflite model")
    model = tflite_file.read(content, path)
    if len(model.subgraphs) != 1 or not model.subgraphs[0].operators:
        raise BadFile(f"{path} has {len(model.subgraphs)} graphs or no operators; expected one graph: export a network without control flow")
    return of(uses.of(model), [op.macs for op in tflite_file.info(path, content).operators], target)


def of(found: Sequence[Use], macs: Sequence[int], target: str) -> Forecast:
    """The forecast for operators and their MACs."""
    # Weights that are widened at loading are no work of a run, and stand between no two pieces.
    kept = [i for i, use in enumerate(found) if not use.folded]
    running, cost = [found[i] for i in kept], [macs[i] for i in kept]
    wanted = TARGETS[target]
    why = [reason(use, wanted) for use in running]
    cuts = pieces.cut(running, [one is None for one in why])
    taken = pieces.largest(cuts, wanted.most_pieces, wanted.least_operators)
    there = sorted(i for piece in taken for i in piece)
    return Forecast(
        target=target,
        operators=len(running),
        macs=sum(cost),
        taken=len(there),
        taken_macs=sum(cost[i] for i in there),
        pieces=len(taken),
        cuts=len(cuts),
        refused=_grouped(running, cost, why),
        left=sum(why[i] is None for i in range(len(running))) - len(there),
        folded=len(found) - len(running),
        integer=any(value.dtype in _INTEGERS for use in running for value in (*use.running, *use.outputs)),
    )


def reason(use: Use, target: Target) -> tuple[str, str] | None:
    """Problem and remedy where the target refuses the operator, None where it takes it."""
    entry = target.operators.get(use.kind)
    if entry is None:
        return "is not in its list", FLOAT if use.kind in ("QUANTIZE", "DEQUANTIZE") else STAY
    source = use.source
    looked = [one for one in (*use.running, *use.outputs) if target.whole or one is source]
    wrong = sorted({one.dtype for one in looked if one.dtype not in target.types})
    if wrong:
        return f"works on {' and '.join(wrong)}, and it takes {', '.join(target.types)}", FLOAT
    if target.rank and any(one is not None and len(one.shape) > target.rank for one in (*use.inputs, *use.outputs)):
        return f"works on more than {target.rank} dimensions", STAY
    if use.version > entry.version:
        return f"is of version {use.version}, and its list ends at {entry.version}", _newer(use)
    broken = next((CONDITIONS[name] for name in entry.conditions if not CONDITIONS[name].holds(use)), None)
    return (broken.problem, broken.remedy) if broken else None


def _newer(use: Use) -> str:
    """What to do about a version that is too new: integers are what raises it in most files."""
    return FLOAT if any(one is not None and one.dtype in _INTEGERS for one in use.inputs) else STAY


def _grouped(running: Sequence[Use], cost: Sequence[int], why: Sequence[tuple[str, str] | None]) -> tuple[Refused, ...]:
    """One entry a kind and problem, the most MACs first."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for i, (use, one) in enumerate(zip(running, why, strict=True)):
        if one is not None:
            groups.setdefault((use.kind, *one), []).append(i)
    refused = [Refused(kind, problem, remedy, len(members), sum(cost[i] for i in members)) for (kind, problem, remedy), members in groups.items()]
    return tuple(sorted(refused, key=lambda one: (-one.macs, -one.count, one.kind)))
