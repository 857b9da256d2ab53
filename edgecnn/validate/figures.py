"""What validation measures, one dataclass a kind of figure; each becomes an object of the JSON report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """`count` of `total` pictures, with the 95 % Wilson interval of the share (0..1)."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself, 0..1."""
        return self.count / self.total if self.total else 0.0


@dataclass(frozen=True)
class Change:
    """Top-1 accuracy of a file minus its original's, on the same pictures.

    Attributes:
        gained: pictures that only the file gets right.
        lost: pictures that only the original gets right.
        total: pictures.
        low, high: 95 % interval of the change (Tango), as shares; the one that verdicts go by.
        p: exact McNemar p-value of "no change".
        drawn_low, drawn_high: bootstrap interval over the pictures.
    """

    gained: int
    lost: int
    total: int
    low: float
    high: float
    p: float
    drawn_low: float = -1.0
    drawn_high: float = 1.0

    @property
    def value(self) -> float:
        """The change as a share; negative is a loss."""
        return (self.gained - self.lost) / self.total if self.total else 0.0


@dataclass(frozen=True)
class Latency:
    """Seconds of the network alone on one picture.

    Attributes:
        threads: that one run may use.
        runs: timed, over all rounds.
        median, p90: seconds.
        ratio: to the original at the same number of threads, middle of the rounds' ratios; None without an original.
        ratio_low, ratio_high: 95 % interval of the ratio, by signed ranks over the rounds (see `validate.ratio`).
        p99, best: seconds of the slowest hundredth and of the fastest run.
        noise: distance of the 10th to the 90th percentile of the rounds' medians over their median, the larger one of file and original.
        rounds: in which the file was opened anew and took its turns.
    """

    threads: int
    runs: int
    median: float
    p90: float
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    p99: float = 0.0
    best: float = 0.0
    noise: float = 0.0
    rounds: int = 0


@dataclass(frozen=True)
class Parity:
    """Probabilities of a file beside its original's, score by score.

    Attributes:
        pictures: compared.
        difference: root mean square of the differences of log-probabilities, over their spread between pictures.
        largest: largest difference of one probability.
        kind: scheme of the file, or "quantized" for a foreign one that stores integers.
        limit: of `difference` for float formats; None where rounding is meant to be.
        batch: largest difference between pictures one at a time and many at once; None where the file takes one at a time only.
    """

    pictures: int
    difference: float
    largest: float
    kind: str
    limit: float | None
    batch: float | None


@dataclass(frozen=True)
class Bin:
    """Pictures whose best score lies in [low, high): how many, their mean best score, and the share of them that is right."""

    low: float
    high: float
    count: int
    score: float
    accuracy: float


@dataclass(frozen=True)
class Confidence:
    """How far the best score can be taken at its word.

    Attributes:
        ece: expected calibration error, mean over pictures of |accuracy - score| of their bin, 0..1 (Guo et al., 2017).
        ece_low, ece_high: 95 % bootstrap interval of it.
        brier: mean over pictures of the squared distance between scores and the right answer, 0..2 (Brier, 1950).
        score: mean best score.
        drift: mean of |best score - original's best score| over the pictures; None without an original.
        bins: of the reliability plot.
    """

    ece: float
    ece_low: float
    ece_high: float
    brier: float
    score: float
    drift: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class ScoreFit:
    """A score calibration, 1 / (1 + exp(-(slope * log-odds of the score + offset))), and the calibration error with it.

    Attributes:
        slope, offset: of the line.
        pictures: that it was fitted on, of another split than the report's.
        ece, ece_low, ece_high: of the report's pictures with the calibration; see `Confidence`.
    """

    slope: float
    offset: float
    pictures: int
    ece: float
    ece_low: float
    ece_high: float


@dataclass(frozen=True)
class ClassChange:
    """One class before and after.

    Attributes:
        label: its name.
        total: pictures of it.
        correct: of these right with the file.
        gained, lost: right only with the file, right only with the original.
        p: exact McNemar p-value, corrected for the number of classes (Holm, 1979).
        low, high: 95 % interval of the class's accuracy (Wilson).
    """

    label: str
    total: int
    correct: int
    gained: int
    lost: int
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Suffered:
    """One picture whose right answer lost most of its score.

    Attributes:
        index: of the picture among those used.
        source: its file's name, "" where the data set has none.
        label: the right answer.
        before, after: answers of the original and of the file.
        score_before, score_after: what each gives to the right answer.
        png: a thumbnail, for the HTML report; left out of the JSON.
    """

    index: int
    source: str
    label: str
    before: str
    after: str
    score_before: float
    score_after: float
    png: bytes = b""


@dataclass(frozen=True)
class Mistake:
    """One pre-processing mistake and what it does to the accuracy.

    Attributes:
        name: short, such as "BGR for RGB".
        top1: accuracy with the mistake; None where labels are not known.
        agreement: answers that stay the same as with the right pre-processing.
        explains: whether it explains what was seen in the app: no other explains it better, within the intervals.
        distance: |accuracy with the mistake - accuracy seen| as a share; None when no accuracy was seen. Agreement stands for accuracy without labels.
        advice: how to mend it in an app.
        same: names of the mistakes that give the very same answers to these pictures; only those that feed the same numbers, where the app's scores came.
        matched: of the app's own answers, those that the file gives with this mistake; None when none came.
    """

    name: str
    top1: Share | None
    agreement: Share
    explains: bool = False
    distance: float | None = None
    advice: str = ""
    same: tuple[str, ...] = ()
    matched: Share | None = None
