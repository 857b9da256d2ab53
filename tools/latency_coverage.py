"""Can the interval of a latency ratio be trusted on this machine? Times two copies of one file, and its int8 twin, again and again.

    python tools/latency_coverage.py models/mobilenet.tflite models/mobilenet.onnx --runs 20

Prints a table: in how many runs the 95 % interval of the copies' ratio contains 1.00 (19 of 20 are to be expected), and in how many that of int8 over float
does not; with the machine as it is, and while another process keeps one core busy. Takes 1 to 10 seconds a run and file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import markdown
import numpy as np

from edgecnn.cli.progress import progress
from edgecnn.progress import SILENT
from edgecnn.runtime import open_model
from edgecnn.validate.latency import measure, ratio, spread

HEAD = ("file", "machine", "load before", "1.00 inside, copies", "half width", "1.00 outside, int8", "int8 / float", "spread of rounds")
# Ends by itself when the process that started it has ended.
SPIN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"


@dataclass(frozen=True)
class Run:
    """One comparison: (ratio, low, high) of the copy and of int8 over the float file, and the spread of the float file's rounds."""

    copy: tuple[float, float, float]
    int8: tuple[float, float, float]
    noise: float


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="float .tflite or .onnx files with NAME_int8 beside them")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="of each kind (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(default: %(default)s)")
    args = parser.parse_args(arguments)
    rows = []
    for name, company in (("as it is", nullcontext), ("one core busy", busy_core)):
        for path in args.files:
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
            with company():
                rows.append(row(path, name, load, runs(path, args.runs, args.threads)))
            progress().step("  ".join(rows[-1]))
    print(markdown.table(HEAD, rows))
    return 0


def runs(path: Path, count: int, threads: int) -> list[Run]:
    """Compare a float file with a copy of itself and with its int8 twin, `count` times."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"float": path, "copy": Path(shutil.copy(path, Path(folder, path.name))), "int8": path.with_stem(f"{path.stem}_int8")}
        return [once(paths, threads) for _ in range(count)]


def once(paths: dict[str, Path], threads: int) -> Run:
    """One comparison as `edgecnn validate` makes it."""
    with ExitStack() as stack:
        times = measure({name: stack.enter_context(closing(open_model(path, threads=threads))) for name, path in paths.items()}, SILENT)
    return Run(ratio(times["copy"], times["float"]), ratio(times["int8"], times["float"]), spread(times["float"]))


def row(path: Path, machine: str, load: float, found: list[Run]) -> list[str]:
    """The line of a file."""
    inside = sum(low <= 1 <= high for _, low, high in (run.copy for run in found))
    outside = sum(not low <= 1 <= high for _, low, high in (run.int8 for run in found))
    width = np.median([(run.copy[2] - run.copy[1]) / 2 for run in found])
    ratios = [run.int8[0] for run in found]
    noise = [100 * run.noise for run in found]
    return [
        path.name, machine, f"{load:.1f}", f"{inside} of {len(found)}", f"{width:.3f}", f"{outside} of {len(found)}",
        f"{min(ratios):.2f} to {max(ratios):.2f}", f"{min(noise):.0f} to {max(noise):.0f} %",
    ]  # fmt: skip


@contextmanager
def busy_core() -> Iterator[None]:
    """Another process that spins for as long as this lasts."""
    spinner = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        spinner.kill()
        spinner.wait()


if __name__ == "__main__":
    sys.exit(main())
