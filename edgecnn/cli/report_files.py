"""The files that a report is written to: HTML, JUnit XML, Markdown, JSON. The same options for `validate` and `compare`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edgecnn.errors import BadFile, BadSetting

if TYPE_CHECKING:
    from edgecnn.validate.report import Report

STDOUT = "-"

# option -> what `--help` says
OPTIONS: Mapping[str, str] = {
    "report": "write an HTML page there: one file, light and dark, for a phone and paper too",
    "junit": "write the limits as JUnit XML; broken: failure, inconclusive: error",
    "markdown": "write Markdown for a pull request; - prints it instead of the table",
    "json": "write every figure there; its schema: edgecnn/validate/report.schema.json",
}


def add(parser: argparse.ArgumentParser) -> None:
    """One option a kind of file."""
    files = parser.add_argument_group("files to write")
    for option, meaning in OPTIONS.items():
        files.add_argument(f"--{option}", metavar="FILE", help=meaning)


def check(args: argparse.Namespace, inputs: Iterable[str], *, has_limits: bool) -> None:
    """Refuse what could not be written, before anything is measured.

    Raises:
        BadFile: a folder, a place that cannot be written, or one of the files to be read.
        BadSetting: two files at one place, or --junit without a limit.
    """
    if args.junit and not has_limits:
        raise BadSetting("--junit reports limits, and none was given; add --max-drop, --max-size, --max-latency-ratio or --parity")
    read = {Path(file).resolve() for file in inputs if file}
    taken: dict[Path, str] = {}
    for option, place in _asked(args).items():
        path = Path(place)
        if path.resolve() in read:
            raise BadFile(f"--{option} {place} would write over a file that is read; name another place")
        if path.exists() and any(folder.is_dir() and path.resolve().is_relative_to(folder) for folder in read):
            raise BadFile(f"--{option} {place} would write over a file of the data; name another place")
        if path.resolve() in taken:
            raise BadSetting(f"--{taken[path.resolve()]} and --{option} name the same file {place}; expected one each")
        taken[path.resolve()] = option
        _check_writable(option, path)


def words_to(args: argparse.Namespace) -> TextIO:
    """Where the table and remarks go: to stderr when Markdown takes stdout."""
    return sys.stderr if args.markdown == STDOUT else sys.stdout


def write(args: argparse.Namespace, report: Report) -> None:
    """Write every file that was asked for, and say so."""
    from edgecnn import files

    for number, (option, place) in enumerate(_asked(args).items()):
        print(f"{'' if number else chr(10)}wrote {files.write_text(place, _content(option)(report))}", file=words_to(args))
    if args.markdown == STDOUT:
        print(_content("markdown")(report), end="")


def _asked(args: argparse.Namespace) -> dict[str, str]:
    given = {option: getattr(args, option) for option in OPTIONS}
    return {option: place for option, place in given.items() if place is not None and not (option == "markdown" and place == STDOUT)}


def _content(option: str) -> Callable[[Report], str]:
    if option == "json":
        import json

        return lambda report: json.dumps(report.to_dict(), indent=1, allow_nan=False) + "\n"
    from edgecnn.validate import html, junit, markdown

    return {"report": html.render, "junit": junit.render, "markdown": markdown.render}[option]


def _check_writable(option: str, path: Path) -> None:
    import tempfile

    from edgecnn import files

    if path.is_dir():
        raise BadFile(f"--{option} {path} is a folder; expected the name of a file")
    if path.parent.exists() and not path.parent.is_dir():
        raise BadFile(f"cannot write --{option} {path}: {path.parent} is no folder; name another place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not files.is_stream(path):
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(None, "it is there and may not be written")
    except OSError as error:
        raise BadFile(f"cannot write --{option} {path}: {files.reason(error)}; name another place") from error
