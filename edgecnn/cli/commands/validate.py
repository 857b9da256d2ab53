"""Compare files with the model they were made from: accuracy, agreement, size and latency, each measured now.

Exit code 1 when a limit is broken, 3 when the pictures cannot decide.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import files
from edgecnn.cli import options, report_files, terminal
from edgecnn.cli.parser import counts, size
from edgecnn.settings import Doctor, Limits

if TYPE_CHECKING:
    from edgecnn.validate.phone_figures import PhoneRuns


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn validate`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=".tflite, .onnx, .ort, .keras or .h5 files or SavedModel folders, anyone's")
    parser.add_argument("--against", metavar="MODEL", help="the original (default: the model that the file's card names)")
    parser.add_argument("--data", metavar="D", help="a data set's name, a folder or an archive (default: what the card names)")
    parser.add_argument("--split", default="test", help="of the data set (default: %(default)s)")
    parser.add_argument("--count", type=int, metavar="N", help="pictures to use at most (default: all of the split)")
    parser.add_argument("--threads", type=counts, default=(1, 2), metavar="N,N", help="numbers of threads to time with (default: 1,2)")
    parser.add_argument("--no-latency", action="store_true", help="time nothing")
    parser.add_argument("--profile", action="store_true", help="also what starting costs and which operators take the time (seconds a file)")
    parser.add_argument("--parity", action="store_true", help="also compare score by score, and one picture at a time with many at once")
    parser.add_argument("--ray", metavar="ADDRESS", help="run the pictures on this Ray cluster (host:port, or local for this machine's cores)")
    parser.add_argument(
        "--layers", action="store_true", help="where a quantized file loses what its original knew, operator by operator, and what it is made of"
    )
    parser.add_argument(
        "--write-calibration", action="store_true", help="fit a calibration of the scores on val, and store it in the .tflite and beside the file"
    )
    parser.add_argument(
        "--check-resize", action=argparse.BooleanOptionalAction,
        help="say whether another resize rule would certainly give more right answers on train and val (default: where nobody chose the rule)",
    )  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="run the original again although its answers to these pictures are known")
    parser.add_argument("--phone", metavar="PHONE.json", help="also show what a phone took for these files, as tools/android_benchmark.sh --json wrote it")
    report_files.add(parser)
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-drop", type=float, metavar="POINTS", help="largest loss of top-1 accuracy against the original, in percentage points")
    limits.add_argument("--max-size", type=size, metavar="BYTES", help="largest file, such as 500k or 2M")
    limits.add_argument("--max-latency-ratio", type=float, metavar="R", help="largest median latency over the original's")
    doctor = parser.add_argument_group("doctor of pre-processing")
    doctor.add_argument("--doctor", action="store_true", help="try the common mistakes of apps, and tell what each does to the answers")
    doctor.add_argument("--seen", type=float, metavar="PERCENT", help="accuracy seen in the app: tells which mistake explains it")
    doctor.add_argument("--seen-count", type=int, metavar="N", help="pictures behind it, where they are not these very pictures")
    doctor.add_argument("--seen-answers", metavar="FILE", help="the app's own answers, .csv or .json of file, label and, if known, score: tells far more")
    options.add_preprocessing(parser)
    parser.add_argument("--label-offset", type=int, metavar="N", help="outputs before the first label, such as 1 for a background class")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the files that were asked for; the report knows the exit code."""
    limits = Limits(args.max_drop, args.max_size, args.max_latency_ratio)
    doctor = _doctor(args)
    report_files.check(args, [*args.files, args.against or "", args.data or "", args.phone or ""], has_limits=limits != Limits() or args.parity)
    from dataclasses import replace

    from edgecnn.cli.progress import progress
    from edgecnn.cli.text import command, width
    from edgecnn.validate import layer_table, table, validate
    from edgecnn.validate.doctor import table as doctor_table
    from edgecnn.validate.phone import store

    paths = [options.model_file(file) for file in args.files]
    timed = _timed(args.phone, paths)
    report = validate(
        paths,
        against=options.model_file(args.against) if args.against else None,
        data=args.data, labels=args.labels, given=options.given_input(args), label_offset=args.label_offset,
        limits=limits, threads=() if args.no_latency else args.threads, count=args.count, split=args.split,
        fresh=args.fresh, parity=args.parity, ray=args.ray, layers=args.layers, doctor=doctor, profile=args.profile, write_calibration=args.write_calibration,
        check_resize=args.check_resize,
        progress=progress(),
    )  # fmt: skip
    report = replace(report, command=args.typed)
    report = store.merged(report, timed, args.phone) if timed else report
    console = terminal.console(report_files.words_to(args), width=width(), highlight=False)
    table.render(report, console)
    if args.layers:
        layer_table.render(report, console)
    doctor_table.render(report, console)
    report_files.write(args, report)
    print(f"\nNext: {command('predict', args.files[-1], 'PICTURE')}", file=report_files.words_to(args))
    return report.exit_code


def _timed(phone: str | None, paths: Sequence[Path]) -> PhoneRuns | None:
    """What a phone took, refused before anything is measured where it is of other files."""
    from edgecnn.validate.phone import store

    if phone is None:
        return None
    found = store.read(phone)
    store.must_match(found, (files.sha256(path) for path in paths if path.is_file()), phone)
    return found


def _doctor(args: argparse.Namespace) -> Doctor | None:
    """What the doctor is asked; what was seen asks for him by itself."""
    answers = files.check_file(args.seen_answers, "file of answers (.csv or .json)") if args.seen_answers else None
    asked = Doctor(args.seen, args.seen_count, answers)
    return asked if args.doctor or asked != Doctor() else None
