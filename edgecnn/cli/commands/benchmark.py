"""Measure the latency of files on one picture, in alternating rounds; no pictures are needed."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.cli import options
from edgecnn.cli.parser import counts
from edgecnn.cli.text import columns

if TYPE_CHECKING:
    from edgecnn.runtime.contract import Runner
    from edgecnn.validate.report import Latency


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn benchmark`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=".tflite, .onnx or .keras files; the others are compared with the first")
    parser.add_argument("--threads", type=counts, default=(1, 2), metavar="N,N", help="numbers of threads (default: 1,2)")


def run(args: argparse.Namespace) -> int:
    """Time every file at every number of threads and print one line each."""
    from edgecnn.cli.progress import progress
    from edgecnn.validate import latency

    paths = list(dict.fromkeys(options.model_file(file) for file in args.files))
    one_folder = len({path.parent for path in paths}) == 1
    rows = []
    for threads in args.threads:
        with ExitStack() as stack:
            runners = {path: stack.enter_context(closing(_open(path, threads))) for path in paths}
            times = latency.measure(runners, progress())
        first = times[paths[0]]
        rows += [_row(path.name if one_folder else str(path), latency.summary(threads, times[path], None if path == paths[0] else first)) for path in paths]
    print(columns([("", "threads", "ms", "p90", "runs", "of the first"), *rows], right=(1, 2, 3, 4)))
    print(f"\nNext: edgecnn validate {' '.join(str(path) for path in paths)}")
    return 0


def _open(path: Path, threads: int) -> Runner:
    """A runner with threads of its own: Keras takes their number once a process, so its models run in another."""
    from edgecnn import files
    from edgecnn.runtime import open_model
    from edgecnn.runtime.remote import RemoteRunner

    if path.suffix.lower() not in (".keras", ".h5"):
        return open_model(path, threads=threads)
    return RemoteRunner(files.check_file(path, "model"), threads=threads)


def _row(name: str, found: Latency) -> tuple[str, ...]:
    ratio = "" if found.ratio is None else f"{found.ratio:.2f} ({found.ratio_low:.2f} to {found.ratio_high:.2f})"
    return name, str(found.threads), f"{1000 * found.median:.3f}", f"{1000 * found.p90:.3f}", str(found.runs), ratio
