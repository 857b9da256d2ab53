"""Time .tflite files on an Android phone with TensorFlow Lite's benchmark_model, over adb. Called by android_benchmark.sh.

tools/android_benchmark.sh FILE.tflite... [--threads 1,4] [--json PHONE.json] [--serial S] [--tool benchmark_model]

It has run against a stand-in for adb alone (tests/test_phone.py), never on a real phone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgecnn import files
from edgecnn.cli.guard import guarded
from edgecnn.cli.parser import Parser, counts
from edgecnn.errors import BadFile, BadSetting
from edgecnn.validate import phone_table
from edgecnn.validate.phone import adb, bench, store
from edgecnn.validate.phone_figures import PhoneRun


def _run(words: list[str]) -> int:
    args = _parser().parse_args(words)
    paths = [files.check_file(file, ".tflite model") for file in dict.fromkeys(args.files)]
    wrong = next((path for path in paths if path.suffix.lower() != ".tflite"), None)
    if wrong:
        raise BadFile(f"{wrong}: benchmark_model runs .tflite files; expected one")
    if args.runs < 1 or args.warmup < 1:
        raise BadSetting(f"--runs {args.runs} and --warmup {args.warmup}: expected 1 or more of each")
    tool = files.check_file(args.tool, "benchmark_model") if args.tool else None
    if args.json:
        files.check_writable(Path(args.json).parent)
    device = adb.connected(args.serial)
    adb.prepared(device, tool)
    found = bench.measure(device, paths, args.threads, runs=args.runs, warmup=args.warmup, told=_tell)
    if args.json:
        print(f"\nwrote {files.write_text(args.json, store.dumps(found))}\n\nNext: edgecnn compare RUN.json --phone {args.json} --report report.html")
    return 0


def _tell(run: PhoneRun) -> None:
    print(f"{run.file} {phone_table.sentence(run.phone)}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="tools/android_benchmark.sh", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE.tflite")
    parser.add_argument("--threads", type=counts, default=(1, 4), metavar="N,N", help="numbers of threads (default: 1,4)")
    parser.add_argument("--runs", type=int, default=50, metavar="N", help="timed at least (default: %(default)s)")
    parser.add_argument("--warmup", type=int, default=5, metavar="N", help="runs before these (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write every figure there, for edgecnn compare --phone and edgecnn validate --phone")
    parser.add_argument("--serial", metavar="S", help="of the phone, where adb sees several")
    parser.add_argument("--tool", metavar="FILE", help=f"a benchmark_model for the phone's processor, to be put at {adb.TOOL} first; {adb.WHERE}")
    return parser


if __name__ == "__main__":
    sys.exit(guarded(lambda: _run(sys.argv[1:])))
