"""Figures of a report as words, the same in HTML, Markdown and comparisons; "" or a dash where something was not measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import PurePath

from edgecnn.validate.report import Change, Check, Report, Row, Share, Verdict

NONE = "–"  # noqa: RUF001 - an en dash is what stands for nothing in a table
MINUS = "−"  # noqa: RUF001 - a minus sign is as wide as a plus sign

HEADLINES = {
    Verdict.PASS: "every limit is kept",
    Verdict.FAIL: "a limit is broken",
    Verdict.INCONCLUSIVE: "the pictures or the timing cannot decide",
    None: "no limit was given, so nothing was judged",
}


def headline(report: Report) -> str:
    """The verdict in words: how many checks came to what."""
    counts = [(sum(check.verdict is verdict for check in report.checks), word) for verdict, word in _COUNTED]
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{HEADLINES[report.verdict]}: {told}" if told else HEADLINES[report.verdict]


_COUNTED = ((Verdict.FAIL, "failed"), (Verdict.INCONCLUSIVE, "inconclusive"), (Verdict.PASS, "passed"))


def names(report: Report) -> dict[str, str]:
    """Path as given -> the shortest end of it that no other file of the report has: `net.tflite`, or `a/net.tflite` beside `b/net.tflite`."""
    paths = {row.file for group in report.groups for row in (*group.rows, *([group.original] if group.original else []))}
    return shortest({*paths, *(check.file for check in report.checks)})


def shortest(paths: Iterable[str]) -> dict[str, str]:
    """Each path -> its shortest end that tells it from the others; the whole path where none does."""
    parts = {path: PurePath(path).parts or (path,) for path in paths}
    found = {}
    for path, own in parts.items():
        others = [other for key, other in parts.items() if key != path]
        length = next((n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others)), len(own))
        found[path] = str(PurePath(*own[-length:]))
    return found


def percent(share: Share | None, digits: int = 2) -> str:
    """`97.91`, in percent."""
    return NONE if share is None else f"{100 * share.value:.{digits}f}"


def interval(share: Share | None) -> str:
    """`95.9 to 98.9`, in percent."""
    return "" if share is None else f"{100 * share.low:.1f} to {100 * share.high:.1f}"


def points(change: Change | None) -> str:
    """`+0.25`, in percentage points."""
    return NONE if change is None else signed(100 * change.value)


def change_interval(change: Change | None) -> str:
    """`-1.00 to +1.00`, in percentage points."""
    return "" if change is None else f"{signed(100 * change.low)} to {signed(100 * change.high)}"


def signed(number: float, digits: int = 2) -> str:
    """With its sign, and no sign at zero."""
    if not math.isfinite(number):
        return NONE
    text = f"{abs(number):.{digits}f}"
    return text if not float(text) else ("+" if number > 0 else MINUS) + text


def kilobytes(count: int) -> str:
    """Thousands of bytes: `301` or `8.4`."""
    return f"{count / 1000:,.0f}" if count >= 10_000 else f"{count / 1000:.1f}"


def time(seconds: float) -> str:
    """With its unit, three digits: `1.93 ms`, `22.4 µs`."""
    if not math.isfinite(seconds):
        return NONE
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds / 1e-6)} µs"


def fixed(number: float | None, places: int = 1) -> str:
    """With so many decimal places."""
    return NONE if number is None or not math.isfinite(number) else f"{number:.{places}f}"


def digits(number: float, count: int = 3) -> str:
    """`count` digits that mean something, without an exponent."""
    if not math.isfinite(number):
        return NONE
    before = math.floor(math.log10(abs(number))) + 1 if number else 1
    return f"{number:,.{max(count - before, 0)}f}"


def ratio(value: float | None) -> str:
    """`0.45`, and `0.012` where two digits would be hardly any."""
    return fixed(value, 2 if value is None or value >= 0.1 else 3)


def chance(p: float) -> str:
    """A p-value."""
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"


def one_line(check: Check, name: str) -> str:
    """Why a check came out as it did: file, limit and what was measured."""
    return " ".join(f"{name}: {check.limit}: {check.text}".split())


def rows_of(original: Row | None, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The original first, if there is one."""
    return (original, *rows) if original else rows
