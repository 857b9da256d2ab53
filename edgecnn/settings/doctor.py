"""What was seen in an app, for the doctor of pre-processing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn.settings.refuse import refuse


@dataclass(frozen=True)
class Doctor:
    """Asks `edgecnn validate` for the common mistakes of pre-processing, and which of them explains what an app gives; None says nothing.

    Attributes:
        seen: accuracy seen in the app, in percent.
        seen_count: pictures behind it, others of the same kind; None says that they are the pictures of the validation.
        answers: .csv or .json file with the app's own answers to pictures of the data set: file name, label and, if known, its probability.
    """

    seen: float | None = None
    seen_count: int | None = None
    answers: Path | None = None

    def __post_init__(self) -> None:
        refuse(self.seen is not None and not 0 <= self.seen <= 100, f"--seen {self.seen or 0:g}: expected an accuracy in percent, from 0 to 100, such as 61.3")
        refuse(self.seen_count is not None and self.seen_count < 1, f"--seen-count {self.seen_count}: expected a number of pictures, 1 or more")
        refuse(self.seen_count is not None and self.seen is None, "--seen-count says how many pictures are behind --seen; give --seen too")
        refuse(self.seen is not None and self.answers is not None, "--seen and --seen-answers both say what the app gives; give the answers alone")
