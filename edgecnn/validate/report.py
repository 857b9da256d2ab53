"""What a validation found: plain dataclasses that become JSON; every figure in them was measured in the run that made them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from edgecnn.validate.diagnosis import Diagnosis
from edgecnn.validate.figures import Change, ClassChange, Confidence, Latency, Mistake, Parity, ScoreFit, Share, Suffered
from edgecnn.validate.layer_figures import LayerNoise, SizePart
from edgecnn.validate.multi_label_figures import MultiLabel
from edgecnn.validate.phone_figures import Phone
from edgecnn.validate.profile_figures import OperatorTime, Profile, Start
from edgecnn.validate.source_figures import InputSource

SCHEMA = "edgecnn.report/2"


class Verdict(str, Enum):
    """Outcome of one limit, or of all."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Check:
    """One limit held against one file.

    Attributes:
        file: that was checked.
        limit: as on the command line, such as `--max-drop 0.5`.
        verdict: of this limit.
        text: what was measured, in words.
    """

    file: str
    limit: str
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        file: path as the user gave it.
        sha256: of the file.
        scheme: of an edgecnn export, "" where the file has no card.
        bytes, gzip_bytes: of the file, and of it compressed by gzip -9.
        top1, top5: accuracy; top5 only with more than ten classes; None where the data's labels are not the network's.
        ties: pictures whose two best scores are exactly equal.
        agreement: pictures on which the answer is the original's; None for the original itself.
        change: of top-1 against the original.
        latencies: one a number of threads.
        confidence: of the scores; None without labels.
        classes: each class before and after, in the order of the labels.
        confusion: [right answer][given answer] -> pictures; empty with more than 100 classes.
        suffered: pictures whose right answer lost most, worst first.
        start: loading and first run; None when not asked.
        operators: slowest first; empty when not asked.
        parts: of the file by kind of content, and of each layer by kind; largest first.
        savings: what would make the file smaller, and by how many bytes, in words; most first.
        layers: noise of each tensor, operators at fault first; empty when not asked.
        mistakes: of pre-processing, worst first, or likeliest first when something was seen; empty when not asked.
        diagnosis: what explains the accuracy or the answers that were seen in an app; None when not asked.
        parity: score by score against the original; None when not asked.
        calibration: of the scores, fitted on another split; None when not asked.
        profile: what the times of the operators rest on; None when not asked.
        phones: what it took on phones, where that was told.
        input: what the input wants and how that is known; None for an original that is fed like its file.
        scores: what the outputs mean, such as `softmax` or `logits`; "" where that is not known.
        labels: where the names of the classes come from; "" where they go by the order of the data's.
        multi_label: figures where several labels may hold for one image; then there is no top-1.
    """

    file: str
    sha256: str
    scheme: str
    bytes: int
    gzip_bytes: int
    ties: Share
    top1: Share | None = None
    top5: Share | None = None
    agreement: Share | None = None
    change: Change | None = None
    latencies: tuple[Latency, ...] = ()
    confidence: Confidence | None = None
    classes: tuple[ClassChange, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    suffered: tuple[Suffered, ...] = ()
    start: Start | None = None
    operators: tuple[OperatorTime, ...] = ()
    parts: tuple[SizePart, ...] = ()
    savings: tuple[str, ...] = ()
    layers: tuple[LayerNoise, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    diagnosis: Diagnosis | None = None
    parity: Parity | None = None
    calibration: ScoreFit | None = None
    profile: Profile | None = None
    phones: tuple[Phone, ...] = ()
    input: InputSource | None = None
    scores: str = ""
    labels: str = ""
    multi_label: MultiLabel | None = None


@dataclass(frozen=True)
class Pictures:
    """The pictures behind a group's figures.

    Attributes:
        data: name of the data set.
        digest: of its content and splits.
        split: that was read.
        count: pictures used.
        available: pictures of the split.
        classes: of the data set.
        height, width: at which they were fed.
    """

    data: str
    digest: str
    split: str
    count: int
    available: int
    classes: int
    height: int
    width: int


@dataclass(frozen=True)
class Group:
    """Files that share an original and pictures; `original` is None when there is nothing to compare with."""

    pictures: Pictures
    original: Row | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """The machine, and the versions of what ran on it."""

    machine: str
    system: str
    processor: str
    cores: int
    versions: dict[str, str]


@dataclass(frozen=True)
class Report:
    """Everything that `edgecnn validate` measured.

    Attributes:
        groups: one an original and data set.
        checks: one a file and limit; empty when no limit was given.
        host: where it was measured.
        made: UTC time, ISO 8601.
        command: as typed; the command line fills it in.
    """

    groups: tuple[Group, ...]
    checks: tuple[Check, ...]
    host: Host
    made: str
    command: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """FAIL if any check failed, else INCONCLUSIVE if any is, else PASS; None when nothing was asked."""
        found = {check.verdict for check in self.checks}
        return next((v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS) if v in found), None)

    @property
    def exit_code(self) -> int:
        """0 passed or nothing asked, 1 failed, 3 inconclusive."""
        return {Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}.get(self.verdict, 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, ready for json.dumps; shares carry their value too. What is no finite number becomes None."""
        return {"schema": SCHEMA, "verdict": self.verdict.value if self.verdict else None, "exit_code": self.exit_code, **plain(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Report:
        """The report behind what `to_dict` gave, less the thumbnails; BadFile when it is of another version or damaged."""
        from edgecnn.validate import reader

        return reader.from_dict(content)


def plain(value: Any) -> Any:
    """Dataclasses, tuples and enums as JSON can hold them; bytes are left out, and shares carry their value too."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN and no infinity
    if not hasattr(value, "__dataclass_fields__"):
        return value
    fields = {name: plain(getattr(value, name)) for name, field in value.__dataclass_fields__.items() if field.type != "bytes"}
    return {"value": value.value, **fields} if isinstance(value, (Share, Change)) else fields
