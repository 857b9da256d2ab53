"""Which answers to the pictures of a split are right, in the outputs of a network: one class a picture, or any number of labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from edgecnn.card import Card
from edgecnn.data import Dataset
from edgecnn.errors import BadData
from edgecnn.runtime.contract import Runner
from edgecnn.sources.class_mapping import map_classes_to_outputs
from edgecnn.validate import accuracy
from edgecnn.validate.multi_label import THRESHOLD
from edgecnn.validate.report import Change


@dataclass(frozen=True)
class RightAnswers:
    """The right answers to N pictures.

    Attributes:
        truth: int [N], the right answer of each picture; bool [N, labels], which labels hold, where a picture may have several.
        outputs: answers of the network that these labels are, int [labels]; all others are not judged. None where the best answer counts.
    """

    truth: np.ndarray
    outputs: np.ndarray | None = None

    @property
    def labels(self) -> int:
        """Labels of a picture that are decided one by one; 0 where its best class counts."""
        return 0 if self.outputs is None else len(self.outputs)

    @property
    def digest(self) -> str:
        """SHA-256 of what is right."""
        parts = (self.truth, np.zeros(0) if self.outputs is None else self.outputs)
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The answers behind probabilities [N, answers], in the form of `truth`."""
        return probabilities.argmax(-1) if self.outputs is None else probabilities[:, self.outputs] > THRESHOLD

    def hits(self, probabilities: np.ndarray) -> np.ndarray:
        """Where they are right, bool in the shape of `truth`."""
        return self.decide(probabilities) == self.truth

    def change(self, hits: np.ndarray, before: np.ndarray) -> Change:
        """Of what is right, against what was right before."""
        return accuracy.change_of(hits, before) if self.outputs is None else accuracy.change_of_labels(hits, before)


def right_answers_of(data: Dataset, split: str, card: Card, original: Runner) -> RightAnswers:
    """The right answers to a split, in the answers of a network: its outputs after the background ones.

    Names decide where they are known; without names, classes and outputs go by their order if they are as many.

    Raises:
        BadData: the network knows other classes, or nobody says which output means which class.
    """
    outputs = map_classes_to_outputs(data.classes, card.labels, original.classes, card.label_offset)
    if outputs is None:
        raise BadData(_no_mapping(data, card, original))
    part = data.splits[split]
    return RightAnswers(outputs[part.labels]) if part.targets is None else RightAnswers(part.targets.astype(bool), outputs)


def _no_mapping(data: Dataset, card: Card, original: Runner) -> str:
    if card.labels:
        strange = [name for name in data.classes if name not in card.labels]
        more = ", ..." if len(strange) > 4 else ""
        return (
            f"classes of {data.name} that {original.path} does not know: {', '.join(strange[:4])}{more}; it knows {', '.join(card.labels[:4])}"
            f"{', ...' if len(card.labels) > 4 else ''}: the drop cannot be measured; give other --data, or --labels FILE with the names of its outputs"
        )
    answers, known = original.classes - card.label_offset, len(data.classes)
    background = f", or --label-offset {answers - known} where the first are background" if answers > known else ""
    return (
        f"{original.path} has {answers} outputs without names and {data.name} has {known} classes: nobody says which output means which class, and the drop "
        f"cannot be measured; give --labels FILE with one name for each output{background}, or other --data"
    )
