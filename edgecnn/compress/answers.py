"""What a network should answer to each image of a data set, in the network's own outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.card import Card
from edgecnn.data import Dataset, Split
from edgecnn.errors import BadData
from edgecnn.runtime.scores import ScoreKind, to_probabilities
from edgecnn.sources.class_mapping import map_classes_to_outputs


@dataclass(frozen=True)
class Answers:
    """Targets of a fine-tuning.

    Attributes:
        kind: what the scores mean.
        ending: `softmax` or `sigmoid` where the network ends in it, so that there are logits before it; "" where the scores themselves are learnt.
        rows: targets of each class, float32 [classes, scores]; None where nobody knows which output means which class.
        width: number of scores.
        several: whether several classes may hold for one image: the data say so, or nobody knows and the scores are independent.
    """

    kind: ScoreKind
    rows: np.ndarray | None
    width: int
    several: bool = False
    ending: str = ""

    @property
    def independent(self) -> bool:
        """Whether each score is a sigmoid's or its logit, rather than all together a softmax's."""
        return self.ending == "sigmoid" if self.ending else self.width == 1 or self.kind.is_multi_label

    @property
    def one_by_one(self) -> bool:
        """Whether each score is right or wrong on its own, rather than the best one alone."""
        return self.width == 1 or self.several

    @property
    def scale(self) -> float | None:
        """What a certain answer is where the network gives probabilities and has no logits: 1, or 100 for percent; None where there are logits."""
        if self.ending or self.kind.are_logits:
            return None
        return 100.0 if self.kind is ScoreKind.PERCENT else 1.0

    def targets(self, split: Split, chosen: np.ndarray | slice) -> np.ndarray:
        """Targets [n, scores] of some images; zeros where nobody knows them."""
        if self.rows is None:
            return np.zeros((len(split.labels[chosen]), self.width), np.float32)
        several = getattr(split, "targets", None)
        return self.rows[split.labels[chosen]] if several is None else (several[chosen].astype(np.float32) @ self.rows).clip(0, 1)

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """The answer to each row of scores [n, scores]: the best class, int [n], or which labels hold, bool [n, labels]."""
        probabilities = to_probabilities(scores, self.kind)
        return probabilities > 0.5 if self.several else probabilities.argmax(-1)

    def best(self, scores: np.ndarray) -> np.ndarray:
        """The answer to each row of scores [n, scores] as targets [n, scores]."""
        if self.one_by_one:
            return (to_probabilities(scores, self.kind)[:, -self.width :] > 0.5).astype(np.float32)
        return np.eye(self.width, dtype=np.float32)[self.decide(scores)]

    def truth(self, split: Split) -> np.ndarray | None:
        """The right answers in the form of `decide`; None where nobody knows them."""
        if self.rows is None:
            return None
        targets = self.targets(split, slice(None))
        if self.several:
            return targets > 0.5
        return (targets[:, 0] > 0.5).astype(int) if self.width == 1 else targets.argmax(-1)


def answers_of(card: Card, data: Dataset, width: int, kind: ScoreKind, ending: str = "", *, labels_count: bool = True) -> Answers:
    """How the classes of a data set lie in a network's scores.

    Names decide where they are known, never positions. Where neither names nor the number of classes fit, nobody knows the right answers: then the original
    network is the only teacher.

    Args:
        card: names the outputs.
        data: labeled images.
        width: number of scores.
        kind: what they mean.
        ending: the last activation, see `endings`.
        labels_count: whether the labels of the data are learnt at all; without, names need not fit.

    Raises:
        BadData: the network names its classes, and those of the data are not among them.
    """
    classes = 2 if width == 1 else width
    outputs = map_classes_to_outputs(data.classes, card.labels, classes, card.label_offset)
    if outputs is None and card.labels and labels_count:
        strange = [name for name in data.classes if name not in card.labels]
        raise BadData(
            f"data set {data.name} has {'class' if len(strange) == 1 else 'classes'} {', '.join(strange[:4])}{' ...' if len(strange) > 4 else ''}, which "
            f"{card.name} does not know; expected the model's: {', '.join(card.labels[:4])} ...; give other --data, or --teacher-share 1 to learn from the "
            "model's own answers alone"
        )
    several = any(getattr(split, "targets", None) is not None for split in data.splits.values())
    if outputs is None:
        return Answers(kind, None, width, several or kind.is_multi_label, ending)
    places = outputs + card.label_offset
    rows = places.astype(np.float32)[:, None] if width == 1 else np.eye(width, dtype=np.float32)[places]
    return Answers(kind, rows, width, several, ending)
