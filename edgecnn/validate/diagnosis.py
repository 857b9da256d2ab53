"""What the doctor of pre-processing concludes, an object of the JSON report."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.validate.figures import Share


@dataclass(frozen=True)
class Diagnosis:
    """What explains the accuracy or the answers that were seen in an app.

    Attributes:
        right: accuracy with the right pre-processing on the same original pictures; None where labels are not known.
        seen: accuracy seen in the app, 0..1; None when none was given.
        seen_count: pictures behind it; None when they are the same.
        matched: of the app's own answers, those that right pre-processing gives; None when none came.
        cause: "right" where right pre-processing explains what was seen, "mistake" where one mistake does, "none" where neither does; "" when nothing was seen.
        text: the same in words.
        notes: what the reader should know of how it was found.
    """

    right: Share | None
    seen: float | None = None
    seen_count: int | None = None
    matched: Share | None = None
    cause: str = ""
    text: str = ""
    notes: tuple[str, ...] = ()
