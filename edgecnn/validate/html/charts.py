"""Charts of one file: can its scores be believed, which classes changed, where does noise come from, what is the file made of."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn import statistics
from edgecnn.validate import words
from edgecnn.validate.figures import Bin, ClassChange, Confidence
from edgecnn.validate.html import svg
from edgecnn.validate.layer_figures import LayerNoise, SizePart
from edgecnn.validate.markup import Markup

# Rows of a chart; what more there is stands in the JSON.
MOST = 20
TOP, STEP = 12, 19
SIGNIFICANT = 0.05
QUIET = 80.0  # dB beyond which nothing is worth telling apart; bars end there


def reliability(before: Confidence | None, after: Confidence) -> Markup:
    """Accuracy over score: on the diagonal a score says how often it is right."""
    left, right, bottom = 46.0, svg.WIDTH - 14.0, 250.0
    x, y = svg.Scale(0, 1, left, right), svg.Scale(0, 1, bottom, TOP)
    drawn = [*svg.beside(y, left, right), *svg.below(x, bottom, TOP, "best score"), svg.line(x(0), y(0), x(1), y(1), "diagonal")]
    for found, kind in ((before, "before"), (after, "after")):
        drawn += _curve(found.bins, x, y, kind) if found else []
    told = f"expected calibration error {_error(after)}{f', of the original {_error(before)}' if before else ''}"
    caption = f"Upright: share of right answers; on the dashed line scores can be taken at their word. Larger dots: more pictures. {told.capitalize()}."
    return svg.figure("Reliability" + (" before (hollow) and after" if before else ""), told, bottom + 34, drawn, caption)


def _error(it: Confidence) -> str:
    return f"{words.fixed(100 * it.ece)} % ({words.fixed(100 * it.ece_low)} to {words.fixed(100 * it.ece_high)})"


def _curve(bins: Sequence[Bin], x: svg.Scale, y: svg.Scale, kind: str) -> list[Markup]:
    used = [b for b in bins if b.count]
    most = max((b.count for b in used), default=1)
    places = [(x(b.score), y(b.accuracy)) for b in used]
    dots = [
        svg.circle(
            *place, 2.5 + 5 * (b.count / most) ** 0.5, f"dot {kind}", f"{b.count} pictures with mean score {b.score:.2f}: {100 * b.accuracy:.1f} % right"
        )
        for b, place in zip(used, places, strict=True)
    ]
    return [svg.polyline(places, f"range {kind}"), *dots]


def class_changes(classes: Sequence[ClassChange]) -> Markup:
    """Change of each class's accuracy in points, with its interval; most harmed first."""
    shown = sorted(classes, key=lambda c: (c.gained - c.lost) / max(c.total, 1))
    shown = shown if len(shown) <= MOST else sorted(shown, key=lambda c: -(c.gained + c.lost) / max(c.total, 1))[:MOST]
    shown.sort(key=lambda c: (c.gained - c.lost) / max(c.total, 1))
    reach = {id(c): [100 * v for v in statistics.paired_interval(c.gained, c.lost, c.total)] for c in shown}
    left, right, bottom = 104.0, svg.WIDTH - 66.0, float(TOP + STEP * len(shown))
    x = svg.padded([0.0, *(v for pair in reach.values() for v in pair)], left, right, 4.0)
    drawn = [*svg.below(x, bottom, TOP, "points of accuracy"), svg.line(x(0), TOP, x(0), bottom, "zero")]
    for place, c in enumerate(shown):
        drawn += _class_row(c, TOP + STEP * (place + 0.5), x, reach[id(c)], left)
    certain = sum(c.p < SIGNIFICANT for c in classes)
    count = "No change is" if not certain else f"{certain} change{' is' if certain == 1 else 's are'}"
    caption = (
        f"{_shown(len(shown), len(classes), 'classes', 'those with most changed answers')}With 95 % intervals (Tango's); right: pictures lost and gained. "
    )
    caption += f"{count} beyond chance (exact McNemar, Holm-corrected, 5 %){': drawn in red or green' if certain else ''}."
    told = "; ".join(f"{c.label} {words.signed(100 * (c.gained - c.lost) / max(c.total, 1), 1)} points" for c in shown)
    return svg.figure("Change of each class", told, bottom + 34, drawn, caption)


def _class_row(c: ClassChange, y: float, x: svg.Scale, reach: Sequence[float], left: float) -> list[Markup]:
    value = 100 * (c.gained - c.lost) / max(c.total, 1)
    kind = ("bad" if value < 0 else "good") if c.p < SIGNIFICANT else "after" if c.gained or c.lost else "before"
    title = f"{c.label}: {c.correct} of {c.total} right ({100 * c.low:.1f} to {100 * c.high:.1f} %), {c.lost} lost, {c.gained} gained, {words.chance(c.p)}"
    return [
        svg.label(left - 8, y + 4, c.label, left - 10),
        svg.line(x(reach[0]), y, x(reach[1]), y, f"range {kind}"),
        svg.circle(x(value), y, 4.0, f"dot {kind}", title),
        svg.text(svg.WIDTH - 2, y + 4, f"{words.MINUS}{c.lost} +{c.gained}", "tick", "end"),
    ]


def noise(layers: Sequence[LayerNoise]) -> Markup:
    """Signal-to-noise ratio of the tensors, worst first; hollow dots are a layer's own noise."""
    shown = layers[:MOST]
    left, right, bottom = 132.0, svg.WIDTH - 44.0, float(TOP + STEP * len(shown))
    x = svg.padded([0.0, *(min(v, QUIET) for it in shown for v in (it.sqnr, it.own) if v is not None)], left, right, 10.0)
    drawn = svg.below(x, bottom, TOP, "dB")
    for place, it in enumerate(shown):
        y, value = TOP + STEP * (place + 0.5), it.sqnr if it.sqnr == it.sqnr else 0.0
        start = min(x(0.0), x(value))
        title = f"{it.name} ({it.kind}): {words.fixed(it.sqnr)} dB{'; ' if it.suspect else ''}{it.suspect}"
        drawn += [
            svg.label(left - 8, y + 4, it.name, left - 10, "bad" if it.suspect else ""),
            svg.rectangle(start, y - 5, max(abs(x(value) - x(0.0)), 1.0), 10, "bar bad" if it.suspect else "bar", title),
            svg.text(svg.WIDTH - 2, y + 4, words.fixed(it.sqnr), "tick", "end"),
        ]
        drawn += [svg.circle(x(it.own), y, 3.5, "dot before")] if it.own is not None else []
    own = " Hollow dots: the layer's own noise, fed with the original's values." if any(it.own is not None for it in shown) else ""
    suspect = " Red: suspects, named below." if any(it.suspect for it in shown) else ""
    caption = f"{_shown(len(shown), len(layers), 'tensors', 'the worst')}Signal over noise of each tensor beside the original's; low is noisy.{own}{suspect}"
    told = "; ".join(f"{it.name} {words.fixed(it.sqnr)} dB" for it in shown[:8])
    return svg.figure("Noise of the layers", f"Worst first: {told}", bottom + 34, drawn, caption)


def parts(whole: Sequence[SizePart]) -> Markup:
    """Kinds of content as one bar."""
    total = sum(part.bytes for part in whole) or 1
    drawn, x = [], 0.0
    for place, part in enumerate(whole):
        width = svg.WIDTH * part.bytes / total
        drawn.append(svg.rectangle(x, 4, max(width - 1, 0.5), 26, f"part part{place % 6}", f"{part.kind}: {part.bytes:,} bytes"))
        x += width
    told = "; ".join(f"{part.kind} {100 * part.bytes / total:.1f} %" for part in whole)
    return svg.figure("What the file is made of", told, 34, drawn)


def _shown(count: int, of: int, what: str, which: str) -> str:
    return f"{count} of {of:,} {what}: {which}. " if count < of else ""
