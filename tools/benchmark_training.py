"""Pictures a second that `edgecnn train` learns from, beside a plain Keras `fit` of the same net and a plain PyTorch loop; a part of tools/benchmark.py.

    python tools/benchmark.py training [--rounds N] [--small] [--only TEXT] [--one-by-one] [--limit SECONDS] [--json FILE] [--markdown]

Each contestant is a process of its own (tools/training_contestants.py, tools/plain_torch.py): it compiles in a first epoch that does not count, then they
train in turn, an epoch a round, and one computes at a time. All flip and shift random uint8 pictures of 10 classes and use SGD with momentum; plain Keras runs
once more without the shift, because its layer for that is slow enough to hide all else. edgecnn and plain Keras use the backend that KERAS_BACKEND names, JAX
where it names none. On an accelerator batches are of 256 pictures of 32 pixels and 128 of 224, in bfloat16; on a processor all is small, in float32.
"At most" is what the device could do if it did nothing but this net's multiply-adds (three times those of a forward pass) at the rate of large square matrix
products, measured in the same run.

Contestants of one network compile at the same time, which may disturb XLA's choice of kernels on a GPU: --one-by-one takes longer and rules that out.
Needs neither TensorFlow nor a network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contestant import Contestant, Found
from markdown import table

NAMES = {"ours": "edgecnn train", "plain_keras": "plain Keras", "keras_flip": "Keras, no shift", "plain_torch": "plain PyTorch"}
TARGETS = {"plain_keras": 1.5, "plain_torch": 0.9}  # on an accelerator, pictures a second over theirs
LIMITS = {True: 180, False: 500}  # seconds, for small cases or not
PASSES = 3  # forward, and backward to the inputs and to the weights


@dataclass(frozen=True)
class Case:
    """One network at one size.

    Attributes:
        network, arguments: of edgecnn.
        size: height and width in pixels.
        batch: pictures a step.
        steps: of a round.
        accelerated: whether the device is an accelerator.
    """

    network: str
    size: int
    batch: int
    steps: int
    accelerated: bool
    arguments: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as mobilenet-0.25/32."""
        return "-".join([self.network, *(str(value) for value in self.arguments.values())]) + f"/{self.size}"


def cases(small: bool, accelerated: bool) -> list[Case]:
    """What is measured, the quickest first."""
    if small:
        steps = {"mobilenet-0.25": 4, "squeezenet": 4, "mobilenet": 2, "resnet50": 2}
        return [Case(name.split("-")[0], 32, 16, count, accelerated, {"width": 0.25} if "-" in name else {}) for name, count in steps.items()]
    return [Case(name, *sizes, accelerated) for sizes in ((32, 256, 200), (224, 128, 50)) for name in ("mobilenet", "squeezenet", "resnet50")]


def machine() -> Found:
    """What the device is and how fast it multiplies matrices."""
    one = Contestant("machine", {})
    found = one.answer()
    one.close()
    if not found:
        raise SystemExit(f"cannot measure the device: {one.failed}; set KERAS_BACKEND to a backend that is installed")
    return found


def measured(case: Case, rounds: int, flops: float, apart: bool) -> Found:
    """One case, all contestants: facts, rates [pictures a second] and ratios."""
    contestants: list[Contestant] = []
    try:
        for name in NAMES:
            contestants.append(Contestant(name, asdict(case)))
            if apart:
                contestants[-1].prepare()
        for one in contestants if not apart else ():
            one.prepare()
        _same_nets(contestants)
        for number in range(rounds):
            for place in range(len(contestants)):
                contestants[(number + place) % len(contestants)].round(case.steps * case.batch)
    finally:
        for one in contestants:
            one.close()
    macs = next((one.found["macs"] for one in contestants if "macs" in one.found), 0)
    most = flops / (2 * PASSES * macs) if macs else 0.0
    summaries = {one.name: _summary(one, contestants[0], most) for one in contestants}
    return {"case": case.name, **asdict(case), "macs": macs, "most": most, "contestants": summaries}


def _same_nets(contestants: Sequence[Contestant]) -> None:
    """A net with another number of parameters than the first one's is no match."""
    counts = [one.found.get("parameters", 0) for one in contestants]
    for one, count in zip(contestants, counts, strict=True):
        if not one.failed and counts[0] and count != counts[0]:
            one.failed = f"another net: {count} parameters, edgecnn's has {counts[0]}"


def _summary(one: Contestant, ours: Contestant, most: float) -> Found:
    """Median and range of the rates, ours over them round by round, and what else is known."""
    if one.failed or not one.rounds:
        return {"failed": one.failed or "no round"}
    median = statistics.median(one.rounds)
    found = {"rate": median, "rates": one.rounds, "first": one.found["seconds"], "memory": one.found["memory"], "share": median / most if most else None}
    found |= {key: one.found[key] for key in ("parameters", "versions", "tensorflow")}
    if one is not ours and ours.rounds and not ours.failed:
        ratios = [mine / theirs for mine, theirs in zip(ours.rounds, one.rounds, strict=True)]
        found["ratio"] = {"median": statistics.median(ours.rounds) / median, "low": min(ratios), "high": max(ratios)}
    return found


def lines(found: Found) -> list[str]:
    """A case in words."""
    told = [f"  {found['case']}: batch {found['batch']}, {found['steps']} steps a round, at most {found['most']:,.0f} pictures/s"]
    for name, one in found["contestants"].items():
        if "failed" in one:
            told.append(f"    {NAMES[name]:<15} not measured: {one['failed']}")
            continue
        where, size = one["memory"]
        words = f"{one['rate']:10,.0f} pictures/s ({min(one['rates']):,.0f} to {max(one['rates']):,.0f}), {100 * (one['share'] or 0):.1f} % of at most"
        told.append(f"    {NAMES[name]:<15} {words}, {where} peak {size / 2**20:,.0f} MiB, first epoch {one['first']:.1f} s{_compared(name, one, found)}")
    return told


def _compared(name: str, one: Found, found: Found) -> str:
    if "ratio" not in one:
        return ""
    target = f"; target {TARGETS[name]}" if found["accelerated"] and name in TARGETS else ""
    return f"; edgecnn {one['ratio']['median']:.2f}x ({one['ratio']['low']:.2f} to {one['ratio']['high']:.2f}{target})"


def markdown(results: Sequence[Found]) -> str:
    """All cases as a table."""
    over = ["over Keras", "over Keras without shift", "over PyTorch"]
    head = ["network/pixels", "batch", *(f"{name}, pictures/s" for name in NAMES.values()), *over, "at most", "our share", "peak MiB"]
    rows = []
    for found in results:
        everyone = list(found["contestants"].values())
        rates = [one["failed"] if "failed" in one else f"{one['rate']:,.0f}" for one in everyone]
        ratios = [f"{one['ratio']['median']:.2f} ({one['ratio']['low']:.2f} to {one['ratio']['high']:.2f})" if "ratio" in one else "-" for one in everyone[1:]]
        share = f"{100 * everyone[0]['share']:.1f} %" if everyone[0].get("share") else "-"
        peaks = " / ".join(f"{one['memory'][1] / 2**20:,.0f}" if "memory" in one else "-" for one in everyone)
        rows.append([found["case"], str(found["batch"]), *rates, *ratios, f"{found['most']:,.0f}", share, peaks])
    return table(head, rows)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for."""
    wanted = _parser().parse_args(words)
    began, device = time.monotonic(), machine()
    small = wanted.small or not device["accelerated"]
    chosen = [case for case in cases(small, device["accelerated"]) if wanted.only in case.name]
    if not chosen:
        raise SystemExit(f"--only '{wanted.only}': expected a part of {', '.join(case.name for case in cases(small, device['accelerated']))}")
    rate = f"{device['flops'] / 1e12:.3g} TFLOP/s in {device['dtype']} products of {device['matrix']}"
    print(f"  {device['device']}, Keras on {device['backend']}, {rate}; medians (ranges) of {wanted.rounds} rounds in turn", flush=True)
    results: list[Found] = []
    limit = wanted.limit or LIMITS[small]
    longest = 0.0
    for case in chosen:
        if time.monotonic() - began + longest > limit:
            print(f"  {case.name}: left out, the limit of {limit:g} s is near")
            continue
        start = time.monotonic()
        results.append(measured(case, wanted.rounds, device["flops"], wanted.one_by_one))
        longest = max(longest, time.monotonic() - start)
        print("\n".join(lines(results[-1])), flush=True)
        if wanted.json:
            wanted.json.write_text(json.dumps({"machine": device, "targets": TARGETS, "seconds": time.monotonic() - began, "cases": results}, indent=1) + "\n")
    used = {name: number for found in results for one in found["contestants"].values() for name, number in one.get("versions", {}).items()}
    print(f"  {', '.join(f'{name} {number}' for name, number in used.items())}; {time.monotonic() - began:.0f} s in all")
    if wanted.markdown:
        print("\n" + markdown(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="benchmark.py training")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each contestant (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="batches of 16 at 32 pixels; always so where there is no accelerator")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name has TEXT, such as resnet50 or /224")
    parser.add_argument("--one-by-one", action="store_true", help="let contestants start and compile one after the other")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="begin no case that would end later (default: 500, or 180 where all is small)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, after each case")
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown at the end")
    return parser


if __name__ == "__main__":
    main()
