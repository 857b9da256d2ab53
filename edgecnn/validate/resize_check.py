"""Whether another resize rule than the one in use would certainly give more right answers: a note that says by how much, and what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.progress import SILENT, Progress
from edgecnn.sources.labeled_images import LabeledImages, load_labeled_images
from edgecnn.sources.measure_resize import (
    COUNT,
    FIRST,
    LEAST,
    RULES,
    TOGETHER,
    Answer,
    MeasuredResize,
    can_compare,
    compare_rules,
    says_measured,
    with_rule,
)  # fmt: skip
from edgecnn.sources.resolve_input import GIVEN_RESIZE
from edgecnn.validate import recall
from edgecnn.validate.asked import Asked
from edgecnn.validate.contender import Contender
from edgecnn.validate.samples import Sample
from edgecnn.validate.subjects import Pair, Subject


@dataclass(frozen=True)
class Compared:
    """Rules that were compared.

    Attributes:
        figures: what came out.
        images: such as `1,024 train and val images of trashnet`.
    """

    figures: MeasuredResize
    images: str

    @property
    def text(self) -> str:
        """In words, without what to do."""
        it = self.figures
        if not it.is_better:
            return f"resize: no other usual rule is certainly better than {_name(it.used)} on {self.images}"
        shares = f"{100 * it.best_share:.1f} % against {100 * it.used_share:.1f} % by {_name(it.used)}"
        return f"resize: {_name(it.best)} scores {shares} on {self.images} (p = {it.p:.2g})"


# A rule whose lead on the first images has a larger p is given up, where nobody asked for the comparison.
MOST_P = 0.5
# Seconds that the first images may take by all rules, where nobody asked for the comparison.
SECONDS = 60


def resize_notes(source: str, pairs: Sequence[Pair], one: Contender, sample: Sample, asked: Asked, progress: Progress) -> list[str]:
    """A note where another usual rule is certainly better than that of a group's files; what was asked for by name says also that none is.

    A choice is made on images that figures do not come from: those of train and val where the data set has some.

    Args:
        source: name or path of the data set.
        pairs: files that are fed by one rule; they share an original.
        one: whose answers count: the original, or the first file where there is none.
        sample: images of the report.
    """
    rule = pairs[0].file.preprocessing.resize_rule
    if not (_is_open(pairs, rule, asked) if asked.check_resize is None else asked.check_resize):
        return []
    base = replace(with_rule(one.subject.preprocessing, rule), height=sample.about.height, width=sample.about.width)
    compared = _compared(source, one, base, sample, asked, progress)
    if compared is None:
        return [f"resize: rules were not compared: fewer than {LEAST} images of classes that {one.name} knows"] if asked.check_resize else []
    if isinstance(compared, float):
        return [f"resize: rules were not compared, which would take {compared / 60:.0f} minutes or more; --check-resize compares them"]
    if not compared.figures.is_better:
        return [compared.text] if asked.check_resize else []
    return [f"{compared.text}; {_advice(pairs, compared.figures.best)}"]


def _is_open(pairs: Sequence[Pair], rule: str, asked: Asked) -> bool:
    """Whether nobody has chosen the rule: no training of edgecnn, no measurement at the export or in this run, and no option."""
    if pairs[0].file.card is None and GIVEN_RESIZE & set(asked.given.fields):
        return False
    original = pairs[0].original
    decides = original if original is not None and original.card is not None else pairs[0].file
    return decides.preprocessing.resize_rule != rule or not (_is_of_training(decides) or _is_measured(decides))


def _is_of_training(subject: Subject) -> bool:
    card = subject.card
    return card is not None and bool(card.recipe) and not card.input_evidence


def _is_measured(subject: Subject) -> bool:
    return subject.input is not None and says_measured(subject.input.evidence)


def _compared(source: str, one: Contender, base: Preprocessing, sample: Sample, asked: Asked, progress: Progress) -> Compared | float | None:
    """The figures, of an earlier run where nothing has changed; None where there are too few images, the seconds where it takes too many."""
    count = min(COUNT, asked.count or COUNT)
    key = recall.key(replace(one.subject, preprocessing=base), sample, None, ("resize", RULES, count, one.subject.labels, asked.check_resize))
    kept = None if asked.fresh else _kept(key)
    if kept is not None:
        return kept
    offset = one.subject.label_offset
    labeled = load_labeled_images(source, base, one.subject.labels, one.answers + offset, offset, count=count, progress=progress)
    if labeled is None or not can_compare(labeled):
        return None

    def answer(images: np.ndarray) -> np.ndarray:
        probabilities = np.empty((len(images), one.answers), np.float32)
        one.outcome_of(images, None, SILENT, probabilities)
        return probabilities

    if not asked.check_resize and (seconds := _seconds(answer, labeled)) > SECONDS:
        return seconds
    figures = compare_rules(answer, labeled, base, progress, most_p=1.0 if asked.check_resize else MOST_P)
    images = labeled.text if figures.count == len(labeled) else f"{figures.count:,} of {labeled.text}"
    compared = Compared(figures, images)
    recall.keep_text(key, json.dumps(asdict(compared)))
    return compared


def _seconds(answer: Answer, labeled: LabeledImages) -> float:
    """What the first images take by all rules, as far as some of them tell."""
    few = labeled.images[:TOGETHER]
    began = time.perf_counter()
    answer(few)
    return (time.perf_counter() - began) / len(few) * min(FIRST, len(labeled)) * len(RULES)


def _kept(key: str) -> Compared | None:
    """The figures of an earlier run; None where there are none that can be read."""
    try:
        raw = json.loads(recall.find_text(key) or "")
        return Compared(MeasuredResize(**raw["figures"]), str(raw["images"]))
    except (ValueError, TypeError, KeyError):
        return None


def _advice(pairs: Sequence[Pair], rule: str) -> str:
    name = _name(rule)
    if any(pair.file.card is None for pair in pairs):
        return f"give --resize {name}, or export again with it"
    return f"export again with --resize {name}"


def _name(rule: str) -> str:
    """A rule with its filter, whatever the default is, as --resize takes it."""
    p = Preprocessing(1, 1, resize=rule)
    text = p.resize_rule.removeprefix("stretch").lstrip(",")
    return text if p.resize_filter in text.split(",") else ",".join(filter(None, (text, p.resize_filter)))
