"""Measure the latency of files on one picture, in alternating rounds; no pictures are needed."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.cli import options
from edgecnn.cli.parser import counts
from edgecnn.cli.text import columns, command

if TYPE_CHECKING:
    from edgecnn.runtime.contract import Runner
    from edgecnn.validate.report import Latency


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn benchmark`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=".tflite, .onnx or .keras files; the others are compared with the first")
    parser.add_argument("--threads", type=counts, default=(1, 2), metavar="N,N", help="numbers of threads (default: 1,2)")
    parser.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width of the input, where a file leaves them open")
    parser.add_argument("--profile", action="store_true", help="also what starting costs and which operators take the time (seconds a file)")


def run(args: argparse.Namespace) -> int:
    """Time every file at every number of threads and print one line each."""
    from edgecnn.cli.progress import progress
    from edgecnn.validate import latency

    paths = list(dict.fromkeys(options.model_file(file) for file in args.files))
    one_folder = len({path.parent for path in paths}) == 1
    rows, timed = [], []
    for threads in args.threads:
        with ExitStack() as stack:
            runners = {path: stack.enter_context(closing(_open(path, threads, args.image_size))) for path in paths}
            times = latency.measure(runners, progress())
        first = times[paths[0]]
        found = {path: latency.summary(threads, times[path], None if path == paths[0] else first) for path in paths}
        rows += [_row(path.name if one_folder else str(path), one) for path, one in found.items()]
        timed += found.values()
    print(columns([("", "thr.", "ms", "p90", "p99", "noise", "of the first"), *rows], right=(1, 2, 3, 4, 5)))
    print(f"\nMedians of {min(one.runs for one in timed)} runs or more in {min(one.rounds for one in timed)} rounds; noise: how far medians of rounds spread.")
    if latency.remark(timed):
        print(f"Warning: {latency.remark(timed)}.")
    if args.profile:
        _profile(paths, args.image_size)
    print(f"\nNext: {command('validate', *paths)}")
    return 0


def _open(path: Path, threads: int, image_size: int | None) -> Runner:
    """A runner with threads of its own: Keras takes their number once a process, so its models run in another."""
    from edgecnn import zoo
    from edgecnn.formats.keras import inspection
    from edgecnn.runtime import open_model
    from edgecnn.runtime.contract import RawPixels
    from edgecnn.runtime.remote import RemoteRunner

    # The network alone is timed: what its input wants does not matter.
    pixels = RawPixels(image_size)
    if not zoo.is_keras(path):
        return open_model(path, preprocessing=pixels, threads=threads)
    inspection.inspect_config(path)
    return RemoteRunner(path, preprocessing=pixels, threads=threads)


def _row(name: str, found: Latency) -> tuple[str, ...]:
    ratio = "" if found.ratio is None else f"{found.ratio:.2f} ({found.ratio_low:.2f}-{found.ratio_high:.2f})"
    seconds = (f"{1000 * one:.3f}" for one in (found.median, found.p90, found.p99))
    return name, str(found.threads), *seconds, f"{100 * found.noise:.0f} %", ratio


def _profile(paths: list[Path], image_size: int | None) -> None:
    from edgecnn.cli.progress import progress
    from edgecnn.cli.terminal import console
    from edgecnn.cli.text import width
    from edgecnn.validate import profile, profile_table

    rows = []
    with progress().track("profiling", len(paths)) as advance:
        for path in paths:
            with closing(_open(path, 1, image_size)) as runner:
                size = runner.preprocessing
            rows.append(profile.of_file(path, size.height, size.width))
            advance(1, "")
    print()
    profile_table.render(rows, console(sys.stdout, width=width(), highlight=False))
