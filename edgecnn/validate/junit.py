"""Checks as JUnit XML, which CI servers show: one test case a check.

A broken limit is a <failure>: the file is wrong. An inconclusive check is an <error> of type "inconclusive": the test came to no answer, and more
pictures or a quiet machine are needed, not another file. Servers count both as red, as the exit codes 1 and 3 are; none calls it passed or skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from edgecnn.validate import words
from edgecnn.validate.markup import clean
from edgecnn.validate.report import Check, Group, Report, Verdict

SUITES = "edgecnn validate"


def render(report: Report) -> str:
    """The checks of a report as XML; one suite an original and data set."""
    names = words.names(report)
    root = Element("testsuites", {"name": SUITES, **_counts(report.checks)})
    for place, (title, group, checks) in enumerate(_suites(report, names)):
        suite = SubElement(root, "testsuite", {"name": clean(title), "id": str(place), "timestamp": report.made[:19], **_counts(checks)})
        properties = SubElement(suite, "properties")
        for name, value in _properties(report, group):
            SubElement(properties, "property", {"name": clean(name), "value": clean(value)})
        _add_cases(suite, checks, names)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suites(report: Report, names: dict[str, str]) -> list[tuple[str, Group | None, list[Check]]]:
    found, taken = [], set[int]()
    for group in report.groups:
        files = {row.file for row in group.rows}
        own = [i for i, check in enumerate(report.checks) if check.file in files and i not in taken]
        taken |= set(own)
        against = f" against {names[group.original.file]}" if group.original else ""
        found.append((f"{group.pictures.data} {group.pictures.split}{against}", group, [report.checks[i] for i in own]))
    rest = [check for i, check in enumerate(report.checks) if i not in taken]
    return [*found, *([("checks", None, rest)] if rest else [])]


def _add_cases(suite: Element, checks: Sequence[Check], names: dict[str, str]) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for check in checks:
        seen[check.file, check.limit] += 1
        times = seen[check.file, check.limit]  # the same limit holds for each number of threads
        name = check.limit if times == 1 else f"{check.limit} ({times})"
        case = SubElement(suite, "testcase", {"classname": clean(names[check.file]), "name": clean(name), "time": "0"})
        if check.verdict is not Verdict.PASS:
            kind = "failure" if check.verdict is Verdict.FAIL else "error"
            message = clean(words.one_line(check, names[check.file]))
            SubElement(case, kind, {"message": message, "type": check.verdict.value}).text = message
        else:
            SubElement(case, "system-out").text = clean(check.text)


def _counts(checks: Sequence[Check]) -> dict[str, str]:
    found = Counter(check.verdict for check in checks)
    return {"tests": str(len(checks)), "failures": str(found[Verdict.FAIL]), "errors": str(found[Verdict.INCONCLUSIVE]), "time": "0"}


def _properties(report: Report, group: Group | None) -> list[tuple[str, str]]:
    about = group.pictures if group else None
    data = [("data", about.data), ("split", about.split), ("pictures", str(about.count)), ("digest", about.digest)] if about else []
    return [("command", report.command), *data, *((f"version of {name}", version) for name, version in report.host.versions.items())]
