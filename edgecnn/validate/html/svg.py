"""What the charts are drawn with: scales, ticks, text that fits, and the frame that tells a screen reader what is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgecnn.validate.markup import Markup, element

# Units of a chart: about a phone's width in pixels, so that text keeps its size there.
WIDTH = 360
CHARACTER = 6.1  # mean width of a character at 11 units

# A scale is logarithmic when its largest value is so many times its smallest.
LOGARITHMIC = 20


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` onto units from `start` to `end`; logarithmic where `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Units of a value, which is kept within the scale; what is no number lies at its start."""
        if not math.isfinite(value):
            return self.start
        low, high, value = (math.log10(v) for v in (self.low, self.high, max(value, self.low))) if self.log else (self.low, self.high, value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values, about five."""
        if self.log:
            return _decades(self.low, self.high)
        step = _step((self.high - self.low) / 5)
        return [i * step for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def cost_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """From zero, or logarithmic where the values lie far apart."""
    least, most = min(values), max(values)
    if least > 0 and most > LOGARITHMIC * least:
        return Scale(least / 1.5, most * 1.5, start, end, log=True)
    return Scale(0.0, most * 1.1 or 1.0, start, end)


def padded(values: Iterable[float], start: float, end: float, least: float, limit: tuple[float, float] = (-math.inf, math.inf)) -> Scale:
    """Around the values with some air, `least` wide at least, and within `limit`."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(finite), max(finite)
    air = max(0.06 * (high - low), (least - high + low) / 2, 0.0)
    return Scale(max(low - air, limit[0]), min(high + air, limit[1]), start, end)


def number(value: float) -> str:
    """A tick's number, without needless digits."""
    return f"{value:,.10g}" if abs(value) >= 1e-3 or not value else f"{value:.0e}"


def text(x: float, y: float, content: str, kind: str = "", anchor: str | None = None) -> Markup:
    """Text at a place; `kind` is a class of the style sheet."""
    return element("text", {"x": x, "y": y, "class": kind or None, "text-anchor": anchor}, content)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def rectangle(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> Markup:
    """A rectangle, whose `title` shows under the pointer."""
    attributes = {"x": x, "y": y, "width": width, "height": height, "class": kind}
    return element("rect", attributes, *([element("title", None, title)] if title else []))


def circle(x: float, y: float, radius: float, kind: str, title: str = "") -> Markup:
    """A dot, whose `title` shows under the pointer."""
    return element("circle", {"cx": x, "cy": y, "r": radius, "class": kind}, *([element("title", None, title)] if title else []))


def polyline(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    """A line through points."""
    return element("polyline", {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points), "class": kind})


def shortened(content: str, units: float) -> str:
    """Text with its middle left out where it is wider than `units`."""
    most = max(int(units / CHARACTER), 4)
    if len(content) <= most:
        return content
    return f"{content[: (most - 1) // 2]}…{content[len(content) - most // 2 :]}"


def label(x: float, y: float, content: str, units: float, kind: str = "") -> Markup:
    """A name that ends at `x` and fits `units`; the whole of it shows under the pointer."""
    shown = shortened(content, units)
    hint = [element("title", None, content)] if shown != content else []
    return element("text", {"x": x, "y": y, "class": kind or None, "text-anchor": "end"}, shown, *hint)


def below(scale: Scale, y: float, top: float, name: str, unit: str = "") -> list[Markup]:
    """Horizontal axis at `y` with thin lines up to `top`; `name` stands under it."""
    drawn = [line(scale.start, y, scale.end, y, "axis")]
    for tick in scale.ticks:
        drawn += [line(scale(tick), y, scale(tick), top, "grid"), text(scale(tick), y + 14, f"{number(tick)}{unit}", "tick", "middle")]
    return [*drawn, text((scale.start + scale.end) / 2, y + 29, name, "name", "middle")]


def beside(scale: Scale, x: float, right: float) -> list[Markup]:
    """Vertical axis at `x` with thin lines to `right`."""
    drawn = []
    for tick in scale.ticks:
        drawn += [line(x, scale(tick), right, scale(tick), "grid"), text(x - 5, scale(tick) + 4, number(tick), "tick", "end")]
    return drawn


def figure(title: str, description: str, height: float, drawn: Iterable[Markup], caption: str = "", width: int = WIDTH) -> Markup:
    """A chart with its title above and a caption below; `description` says to a screen reader what there is to see."""
    picture = element(
        "svg", {"viewBox": f"0 0 {width} {math.ceil(height)}", "role": "img", "aria-label": f"{title}. {description}", "class": "chart"}, *drawn,
    )  # fmt: skip
    under = [element("p", {"class": "caption"}, caption)] if caption else []
    return element("figure", None, element("figcaption", None, title), picture, *under)


def _step(rough: float) -> float:
    power = 10 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


def _decades(low: float, high: float) -> list[float]:
    wide = math.log10(high / low) > 2.5
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [f * 10.0**p for p in powers for f in ((1,) if wide else (1, 3)) if low <= f * 10.0**p <= high]
