"""Keeps what a phone took as JSON, and puts it into a report."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace

from edgecnn.errors import BadFile
from edgecnn.validate import reader
from edgecnn.validate.phone_figures import Phone, PhoneRuns
from edgecnn.validate.report import Group, Report, Row, plain

SCHEMA = "edgecnn.phone/1"
WRITER = "tools/android_benchmark.sh --json"


def dumps(found: PhoneRuns) -> str:
    """The text of the file."""
    return json.dumps({"schema": SCHEMA, **plain(found)}, indent=1, allow_nan=False) + "\n"


def read(path: str | os.PathLike[str]) -> PhoneRuns:
    """What `dumps` gave; BadFile where it is missing, damaged, or something else."""
    content = reader.load(path, WRITER)
    version = content.get("schema") if isinstance(content, dict) else None
    if version != SCHEMA:
        raise BadFile(f"{path} is no file of times on a phone (schema {str(version)[:60]!r}, expected {SCHEMA!r}); expected what {WRITER} writes")
    return reader.of_kind(PhoneRuns, content, f"{path} is a damaged file of times on a phone", WRITER)


def merged(report: Report, found: PhoneRuns, origin: str | os.PathLike[str]) -> Report:
    """The report with each time on the row of the same sha256; a time that was there for the same phone and threads is replaced.

    Raises:
        BadFile: no file of the report was timed.
    """
    timed: dict[str, dict[tuple[str, str, int], Phone]] = {}
    for run in found.runs:
        timed.setdefault(run.sha256, {})[run.phone.model, run.phone.system, run.phone.threads] = run.phone
    groups = tuple(_group(group, timed) for group in report.groups)
    must_match(found, (row.sha256 for group in groups for row in (*group.rows, *((group.original,) if group.original else ()))), origin)
    return replace(report, groups=groups)


def must_match(found: PhoneRuns, digests: Iterable[str], origin: str | os.PathLike[str]) -> None:
    """BadFile where no file of these sha256 was timed."""
    if not {run.sha256 for run in found.runs} & set(digests):
        raise BadFile(f"{origin} has times of none of these files (by sha256); it has {_names(found)}: time the very files that the report is of")


def _group(group: Group, timed: dict[str, dict[tuple[str, str, int], Phone]]) -> Group:
    original = _row(group.original, timed) if group.original else None
    return replace(group, original=original, rows=tuple(_row(row, timed) for row in group.rows))


def _row(row: Row, timed: dict[str, dict[tuple[str, str, int], Phone]]) -> Row:
    old = {(one.model, one.system, one.threads): one for one in row.phones}
    return replace(row, phones=tuple({**old, **timed.get(row.sha256, {})}.values()))


def _names(found: PhoneRuns) -> str:
    return ", ".join(dict.fromkeys(run.file for run in found.runs)) or "none"
