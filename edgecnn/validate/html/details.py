"""What there is to say of one file beyond the common table; a part without figures is left out."""

from __future__ import annotations

import base64
from collections.abc import Callable

from edgecnn.validate import words
from edgecnn.validate.diagnosis import Diagnosis
from edgecnn.validate.figures import Confidence, Suffered
from edgecnn.validate.html import charts, confusion
from edgecnn.validate.html.tables import MOST, table, with_interval
from edgecnn.validate.markup import Markup, element
from edgecnn.validate.report import Row

# Pictures of one file.
PICTURES = 24
MOST_MISTAKES = 40


def details(original: Row | None, row: Row, room: int) -> tuple[list[Markup], int]:
    """Parts about one file, and the bytes of thumbnails in them, which stay within `room`."""
    suffered, used = _suffered(row, room)
    parts: list[Callable[[], list[Markup]]] = [
        lambda: _source(row),
        lambda: _plots(original, row),
        lambda: _multi_label(row),
        lambda: _confusion(original, row),
        lambda: suffered,
        lambda: _mistakes(row),
        lambda: _layers(row),
        lambda: _operators(row),
        lambda: _size(row),
    ]
    return [piece for part in parts for piece in part()], used


def _source(row: Row) -> list[Markup]:
    """How the file was understood: input, scores and classes, each with its evidence."""
    facts = [("input", row.input.text if row.input else ""), ("scores", row.scores), ("class names", row.labels)]
    listed = [piece for name, value in facts if value for piece in (element("dt", None, name), element("dd", None, value))]
    return [element("dl", None, *listed)] if listed else []


def _multi_label(row: Row) -> list[Markup]:
    if row.multi_label is None:
        return []
    it = row.multi_label
    body = [
        [
            one.label,
            f"{one.positives:,}",
            words.fixed(100 * one.average_precision),
            words.fixed(100 * one.f1),
            words.fixed(None if one.agreement is None else 100 * one.agreement),
        ]
        for one in it.labels[:MOST]
    ]
    whole = f"Mean average precision {100 * it.map:.2f} % ({100 * it.map_low:.1f} to {100 * it.map_high:.1f}, bootstrap over the images), F1 at 0.5 "
    whole += f"{100 * it.f1_micro:.1f} % micro, {100 * it.f1_macro:.1f} % macro; every label right on {100 * it.exact_match:.1f} % of the images."
    head = ["label", "images", "average precision, %", "F1, %", "same as the original, %"]
    return [table("Labels", head, body), element("p", None, whole)]


def _plots(original: Row | None, row: Row) -> list[Markup]:
    drawn, told = [], []
    if row.confidence:
        drawn.append(charts.reliability(original.confidence if original else None, row.confidence))
        told.append(_confidence(row.confidence))
    if row.classes:
        drawn.append(charts.class_changes(row.classes))
    if row.layers:
        drawn.append(charts.noise(row.layers))
    return [element("div", {"class": "charts"}, *drawn), *(element("p", None, text) for text in told)] if drawn else []


def _confidence(it: Confidence) -> str:
    drift = "" if it.drift is None else f"; it is {words.fixed(100 * it.drift, 2)} points away from the original's on average"
    return f"Mean best score {words.fixed(100 * it.score)} %{drift}. Brier score {words.fixed(it.brier, 4)}."


def _confusion(original: Row | None, row: Row) -> list[Markup]:
    if not row.confusion:
        return []
    count = len(row.confusion)
    labels = _labels(row)
    before = [confusion.chart("Confusion before", original.confusion, labels)] if original and len(original.confusion) == count else []
    return [element("div", {"class": "charts"}, *before, confusion.chart("Confusion after" if before else "Confusion", row.confusion, labels))]


def _labels(row: Row) -> list[str]:
    """Name of each answer: the classes that have pictures are told in order, the others have no name here."""
    named = iter(row.classes if len(row.classes) == sum(map(any, row.confusion)) else ())
    found = (next(named, None) if any(line) else None for line in row.confusion)
    return [it.label if it else str(place) for place, it in enumerate(found)]


def _suffered(row: Row, room: int) -> tuple[list[Markup], int]:
    cards, used = [], 0
    for it in row.suffered[:PICTURES]:
        encoded = base64.b64encode(it.png).decode()
        shown = bool(it.png) and used + len(encoded) <= room
        used += len(encoded) if shown else 0
        cards.append(_picture(it, encoded if shown else ""))
    if not cards:
        return [], 0
    about = "Pictures whose right answer lost most of its score, worst first."
    if not used:
        about += " The pictures themselves are only in a report that was written by the run that measured them."
    return [element("h4", None, "Worst pictures"), element("p", {"class": "caption"}, about), element("div", {"class": "pictures"}, *cards)], used


def _picture(it: Suffered, encoded: str) -> Markup:
    name = it.source or f"picture {it.index}"
    said = f"{it.label}: {100 * it.score_before:.0f} to {100 * it.score_after:.0f} %"
    answer = f"still {it.after}" if it.before == it.after else f"{it.before} became {it.after}"
    image = [element("img", {"src": f"data:image/png;base64,{encoded}", "alt": f"{name}, {it.label}, answered {it.after}"})] if encoded else []
    text = [element("b", None, said), element("span", None, answer), element("small", {"title": name}, name)]
    return element("div", {"class": "picture"}, *image, *text)


def _mistakes(row: Row) -> list[Markup]:
    told = _diagnosis(row.diagnosis) if row.diagnosis else []
    if not row.mistakes:
        return told
    seen = any(it.distance is not None or it.matched for it in row.mistakes)
    matched = any(it.matched for it in row.mistakes)
    judged = ["off what was seen, points", *(["app's answers, %"] if matched else []), "explains it"] if seen else []
    head = ["pre-processing mistake", "top-1 with it, %", "same answer, %", *judged, "mend it"]
    body = []
    for it in row.mistakes[:MOST_MISTAKES]:
        apart = words.NONE if it.distance is None else words.fixed(100 * it.distance, 2)
        answers = [words.percent(it.matched)] if matched else []
        last = [apart, *answers, element("b", None, "yes") if it.explains else "no"] if seen else []
        name = f"{it.name} (as {', '.join(it.same)})" if it.same else it.name
        body.append([name, with_interval(words.percent(it.top1), words.interval(it.top1)), words.percent(it.agreement), *last, it.advice])
    return [*told, table("What pre-processing mistakes would do", head, body, words_in=(0, len(head) - 2, len(head) - 1) if seen else (0, 3))]


def _diagnosis(it: Diagnosis) -> list[Markup]:
    said = [element("p", None, element("b", None, f"{it.text[0].upper()}{it.text[1:]}."))] if it.text else []
    return [element("h4", None, "Pre-processing"), *said, *(element("p", {"class": "caption"}, f"{note.rstrip('.')}.") for note in it.notes)]


def _layers(row: Row) -> list[Markup]:
    suspects = [it for it in row.layers if it.suspect]
    body = [[it.name, it.original, it.kind, words.fixed(it.sqnr), words.fixed(it.own), words.fixed(it.excess), it.suspect] for it in suspects[:MOST]]
    head = ["tensor", "in the original", "operator", "dB", "own dB", "dB above 8 bits", "why"]
    return [table("Suspect layers", head, body, words_in=(0, 1, 2, 6))] if body else []


def _operators(row: Row) -> list[Markup]:
    if not row.operators:
        return []
    counted = any(it.macs for it in row.operators)
    body = []
    for it in row.operators[:MOST]:
        speed = [f"{it.macs / it.seconds / 1e9:.2f}" if it.macs and it.seconds else words.NONE, words.time(it.floor) if it.floor else words.NONE]
        body.append([it.name, it.kind, words.time(it.seconds), _bar(it.share, f"{100 * it.share:.1f}"), *(speed if counted else [])])
    left = row.operators[MOST:]
    title = "Operators, slowest first, one thread"
    if left:
        title += f"; {len(left)} more take {100 * sum(it.share for it in left):.1f} %"
    return [table(title, ["operator", "kind", "time", "share, %", *(["GMAC/s", "floor"] if counted else [])], body, words_in=(0, 1)), *_profile(row)]


def _profile(row: Row) -> list[Markup]:
    """What the times of the operators rest on."""
    it = row.profile
    if it is None:
        return []
    told = f"A whole run takes {words.time(it.whole)}, all operators {words.time(it.total)} as they were timed: {it.method}."
    peaks = ", ".join(f"{kind} {peak / 1e9:.1f} GMAC/s" for kind, peak in it.peaks.items())
    if peaks:
        told += f" {it.macs:,} multiply-accumulates would take {words.time(it.floor)} at the measured peak ({peaks}), {100 * it.use:.1f} % of the run."
    return [element("p", {"class": "caption"}, told)]


def _size(row: Row) -> list[Markup]:
    whole, layers = [p for p in row.parts if not p.layer], [p for p in row.parts if p.layer]
    drawn = []
    if whole:
        key = [[_key(i, p.kind), f"{p.bytes:,}", _share(p.bytes, row.bytes), f"{p.gzip_bytes:,}" if p.gzip_bytes else words.NONE] for i, p in enumerate(whole)]
        listed = table("Bytes by kind", ["kind", "bytes", "share, %", "after gzip"], key)
        drawn.append(element("div", {"class": "charts"}, charts.parts(whole), listed))
    if layers:
        body = [[p.layer, p.kind, f"{p.bytes:,}", _bar(p.bytes / row.bytes if row.bytes else 0.0, _share(p.bytes, row.bytes))] for p in layers[:MOST]]
        more = f", {MOST} of {len(layers)}" if len(layers) > MOST else ""
        drawn.append(table(f"Largest layers{more}", ["layer", "kind", "bytes", "share, %"], body, words_in=(0, 1)))
    if row.savings:
        drawn.append(element("p", None, "What would save bytes:"))
        drawn.append(element("ul", None, *(element("li", None, saving) for saving in row.savings[:MOST])))
    return drawn


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}" if total else words.NONE


def _key(place: int, name: str) -> Markup:
    swatch = element("rect", {"width": 10, "height": 10, "class": f"part part{place % 6}"})
    return element("span", None, element("svg", {"viewBox": "0 0 10 10", "class": "key", "aria-hidden": "true"}, swatch), f" {name}")


def _bar(share: float, text: str) -> Markup:
    bar = element("rect", {"width": 100 * min(max(share, 0.0), 1.0), "height": 8, "class": "bar"})
    picture = element("svg", {"viewBox": "0 0 100 8", "preserveAspectRatio": "none", "class": "inline", "aria-hidden": "true"}, bar)
    return element("span", {"class": "barred"}, picture, element("span", None, text))
