"""How a file was understood, as the report says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputSource:
    """What an input wants, and how that is known.

    Attributes:
        text: mapping, channel order, size, resize rule and evidence in one sentence.
        source: `options`, `card`, `metadata`, `integer input`, `graph` or `measured`.
        evidence: in words.
        order: of the channels.
        mean, std: input = (pixel - mean) / std, one value a channel.
        resize: rule.
    """

    text: str
    source: str
    evidence: str
    order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str
