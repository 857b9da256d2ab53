"""Limits against measurements: a check passes or fails only when the interval lies wholly on one side of the limit."""

from __future__ import annotations

from edgecnn import statistics
from edgecnn.settings import Limits
from edgecnn.validate.latency import remark
from edgecnn.validate.multi_label_figures import MultiLabel
from edgecnn.validate.report import Change, Check, Latency, Row, Verdict

# Beyond this many pictures "more data" is no advice.
MOST_PICTURES = 10_000_000


def checks(row: Row, limits: Limits) -> list[Check]:
    """All limits that were asked for, against one file."""
    found = []
    if limits.max_size is not None:
        verdict = Verdict.PASS if row.bytes <= limits.max_size else Verdict.FAIL
        found.append(Check(row.file, f"--max-size {limits.max_size}", verdict, f"{row.bytes:,} bytes"))
    if limits.max_drop is not None and row.change is not None:
        found.append(Check(row.file, f"--max-drop {limits.max_drop:g}", *drop(row.change, limits.max_drop)))
    if limits.max_drop is not None and row.multi_label is not None and row.multi_label.change is not None:
        found.append(Check(row.file, f"--max-drop {limits.max_drop:g}", *_map_drop(row.multi_label, limits.max_drop)))
    if limits.max_latency_ratio is not None:
        found += [
            Check(row.file, f"--max-latency-ratio {limits.max_latency_ratio:g}", *_ratio(latency, limits.max_latency_ratio))
            for latency in row.latencies
            if latency.ratio is not None
        ]
    return found


def pictures_to_settle(change: Change, limit: float) -> int | None:
    """About how many pictures would decide, if the same shares were gained and lost; None when hardly any number would.

    Args:
        limit: largest drop, in percentage points.
    """
    return images_to_settle(change.gained / change.total, change.lost / change.total, change.total, limit)


def images_to_settle(gained: float, lost: float, images: int, limit: float) -> int | None:
    """The same for shares that were gained and lost on `images` images, on which they do not decide."""

    def decided(total: int) -> bool:
        low, high = statistics.paired_interval(gained * total, lost * total, total)
        return -low * 100 <= limit or -high * 100 > limit

    if not decided(MOST_PICTURES):
        return None
    low, high = images, MOST_PICTURES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    # Two digits are all that the guess is worth.
    return _rounded_up(high)


def drop(change: Change, limit: float) -> tuple[Verdict, str]:
    """Verdict on a limit in percentage points, and in words what was measured: FAIL and PASS each err in 1 of 40 validations at the limit."""
    value, low, high = (-100 * v for v in (change.value, change.high, change.low))
    text = f"top-1 drop {value + 0.0:.2f} points, 95 % interval {low:.2f} to {high:.2f}, {change.total:,} pictures"
    verdict = _side(low, high, limit)
    if verdict is Verdict.INCONCLUSIVE:
        needed = pictures_to_settle(change, limit)
        text += f"; about {needed:,} pictures would decide" if needed else "; it is too near the limit to be decided by more pictures"
    return verdict, text


def _map_drop(labels: MultiLabel, limit: float) -> tuple[Verdict, str]:
    value, low, high = (-100 * v for v in (labels.change, labels.change_high, labels.change_low))
    return _side(low, high, limit), f"drop of mean average precision {value + 0.0:.2f} points, 95 % bootstrap interval {low:.2f} to {high:.2f}"


def _ratio(latency: Latency, limit: float) -> tuple[Verdict, str]:
    verdict = _side(latency.ratio_low, latency.ratio_high, limit)
    text = f"{latency.ratio:.2f} of the original at {latency.threads} thread(s), 95 % interval {latency.ratio_low:.2f} to {latency.ratio_high:.2f}"
    noisy = remark([latency])
    if not noisy:
        return verdict, text + ("; measure again on a quiet machine" if verdict is Verdict.INCONCLUSIVE else "")
    # The whole spread of the rounds may be in the ratio: what holds even then, holds.
    room = 1 + latency.noise
    verdict = _side(latency.ratio_low / room, latency.ratio_high * room, limit)
    if verdict is Verdict.INCONCLUSIVE:
        return verdict, f"{text}; {noisy}"
    return verdict, f"{text}; medians of the rounds spread by {100 * latency.noise:.0f} %, which cannot change the verdict"


def _side(low: float, high: float, limit: float) -> Verdict:
    if high <= limit:
        return Verdict.PASS
    return Verdict.FAIL if low > limit else Verdict.INCONCLUSIVE


def _rounded_up(number: int) -> int:
    unit = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // unit) * unit
