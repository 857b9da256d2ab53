"""Compare files with the model they were made from: accuracy, agreement, size and latency, each measured now.

Exit code 1 when a limit is broken, 3 when the pictures cannot decide.
"""

from __future__ import annotations

import argparse
import json

from edgecnn.cli import options
from edgecnn.cli.parser import counts, size
from edgecnn.settings import Limits


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn validate`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=".tflite, .onnx or .keras files, anyone's")
    parser.add_argument("--against", metavar="MODEL", help="the original (default: the model that the file's card names)")
    parser.add_argument("--data", metavar="D", help="a data set's name, a folder or an archive (default: what the card names)")
    parser.add_argument("--split", default="test", help="of the data set (default: %(default)s)")
    parser.add_argument("--count", type=int, metavar="N", help="pictures to use at most (default: all of the split)")
    parser.add_argument("--threads", type=counts, default=(1, 2), metavar="N,N", help="numbers of threads to time with (default: 1,2)")
    parser.add_argument("--no-latency", action="store_true", help="time nothing")
    parser.add_argument("--profile", action="store_true", help="also what starting costs and which operators take the time (seconds a file)")
    parser.add_argument("--json", metavar="FILE", help="write every figure there")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-drop", type=float, metavar="POINTS", help="largest loss of top-1 accuracy against the original, in percentage points")
    limits.add_argument("--max-size", type=size, metavar="BYTES", help="largest file, such as 500k or 2M")
    limits.add_argument("--max-latency-ratio", type=float, metavar="R", help="largest median latency over the original's")
    options.add_preprocessing(parser, image_size=False)
    parser.add_argument("--label-offset", type=int, metavar="N", help="outputs before the first label, such as 1 for a background class")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON; the report knows the exit code."""
    limits = Limits(args.max_drop, args.max_size, args.max_latency_ratio)
    from dataclasses import replace

    from rich.console import Console

    from edgecnn import files
    from edgecnn.cli.progress import progress
    from edgecnn.cli.text import width
    from edgecnn.validate import table, validate

    report = validate(
        [options.model_file(file) for file in args.files],
        against=options.model_file(args.against) if args.against else None,
        data=args.data, labels=args.labels, mean=args.mean, std=args.std, order=args.order, resize=args.resize, label_offset=args.label_offset,
        limits=limits, threads=() if args.no_latency else args.threads, count=args.count, split=args.split, profile=args.profile, progress=progress(),
    )  # fmt: skip
    report = replace(report, command=args.typed)
    table.render(report, Console(width=width(), highlight=False))
    if args.json:
        print(f"\nwrote {files.write_text(args.json, json.dumps(report.to_dict(), indent=1) + chr(10))}")
    print(f"\nNext: edgecnn predict {args.files[-1]} PICTURE")
    return report.exit_code
