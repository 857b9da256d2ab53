"""Hold two runs of `edgecnn validate --json` side by side, or write one of them in another form.

With two runs: what changed in each file, which verdicts did, and what else differs. With one: its table, or the files asked for.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from edgecnn.cli import report_files
from edgecnn.errors import BadSetting

if TYPE_CHECKING:
    from edgecnn.validate.report import Report


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn compare`."""
    parser.add_argument("before", metavar="RUN.json", help="a run, or the earlier one of two")
    parser.add_argument("after", metavar="LATER.json", nargs="?", help="the later run")
    parser.add_argument("--fail-on-worse", action="store_true", help="exit code 1 when a verdict got worse, or a new limit is not kept")
    parser.add_argument("--phone", metavar="PHONE.json", help="also show what a phone took, as tools/android_benchmark.sh --json wrote it (with one run)")
    report_files.add(parser)


def run(args: argparse.Namespace) -> int:
    """Read, compare or draw again, print, write."""
    from edgecnn.validate import reader
    from edgecnn.validate.phone import store

    if args.after is None:
        if args.fail_on_worse:
            raise BadSetting("--fail-on-worse needs two runs; name a second one")
        before = reader.read(args.before)
        report_files.check(args, [args.before, args.phone or ""], has_limits=bool(before.checks))
        return _again(args, store.merged(before, store.read(args.phone), args.phone) if args.phone else before)
    if args.phone:
        raise BadSetting("--phone goes with one run; merge it into each with --phone PHONE.json --json RUN_with_phone.json")
    if args.report or args.junit or args.json:
        raise BadSetting("--report, --junit and --json are of one run; two runs are compared in words, or with --markdown")
    report_files.check(args, [args.before, args.after], has_limits=True)
    return _compared(args, reader.read(args.before), reader.read(args.after))


def _again(args: argparse.Namespace, report: Report) -> int:
    from edgecnn.cli.terminal import console
    from edgecnn.cli.text import width
    from edgecnn.validate import table

    if not any(getattr(args, option) for option in report_files.OPTIONS):
        table.render(report, console(sys.stdout, width=width(), highlight=False))
    report_files.write(args, report)
    return 0


def _compared(args: argparse.Namespace, before: Report, after: Report) -> int:
    from edgecnn import files
    from edgecnn.validate import compare_text
    from edgecnn.validate.compare import compare
    from edgecnn.validate.markup import clean

    found = compare(before, after)
    print(clean("\n".join(compare_text.lines(found))), file=report_files.words_to(args))
    if args.markdown == report_files.STDOUT:
        print(compare_text.render(found), end="")
    elif args.markdown:
        print(f"\nwrote {files.write_text(args.markdown, compare_text.render(found))}")
    return 1 if args.fail_on_worse and found.is_worse else 0
