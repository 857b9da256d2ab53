"""What a reader must know of a file's inputs, scores and classes before its accuracy: how they were understood, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.runtime.scores import DESCRIPTIONS, ScoreKind
from edgecnn.sources.class_mapping import differs_from_natural_order, natural_order
from edgecnn.statistics import mcnemar, wilson
from edgecnn.validate.contender import Contender
from edgecnn.validate.report import Row

# Classes that a note names.
_NAMED = 4
# Agreement from which on two files are the same network.
_SAME = 0.98


def source_notes(contenders: Sequence[Contender], classes: tuple[str, ...]) -> list[str]:
    """How each file was understood whose card does not say everything."""
    return [note for one in contenders for note in (*_input_note(one), *_score_note(one), *_label_note(one, classes))]


def class_notes(contender: Contender, row: Row, truth: np.ndarray | None, classes: tuple[str, ...]) -> list[str]:
    """Warnings about the classes of one file."""
    notes = [] if contender.subject.labels else _order_notes(contender, truth, classes)
    if truth is not None and contender.answers != len(classes):
        notes.append(
            f"{contender.name} has {contender.answers:,} classes and the data {len(classes):,} of them, paired by name; "
            "an answer that the data does not have counts as wrong"
        )
    if row.top1 and row.agreement and row.top1.total and row.agreement.value >= _SAME and _is_chance(row, len(classes)):
        notes.append(
            f"{contender.name} agrees with its original and is right as often as chance ({100 * row.top1.value:.1f} % of {len(classes)} classes): both are fed "
            "wrongly, or the classes stand in another order than the outputs; say --mean and --std, or --labels"
        )
    return notes


def training_note(reference: Contender) -> list[str]:
    """A caution about the accuracy of a model whose training images no card names."""
    card = reference.subject.card
    if card is not None and card.data is not None:
        return []
    return [
        f"on which images {reference.name} was trained is not known: if some of these are among them, its accuracy is too high (agreement and changes hold)"
    ]


def _input_note(one: Contender) -> list[str]:
    resolved = one.subject.input
    card = one.subject.card
    if resolved is None or (resolved.source == "card" and card is not None and not card.input_evidence):
        return []
    return [f"{one.name}: input {resolved.text}"]


def _score_note(one: Contender) -> list[str]:
    kind = one.score_kind
    return [] if kind in (None, ScoreKind.SOFTMAX) else [f"{one.name}: scores are {DESCRIPTIONS[kind]}"]


def _label_note(one: Contender, classes: tuple[str, ...]) -> list[str]:
    if one.subject.card is not None and not one.subject.card.label_source and one.subject.labels:
        return []
    if one.subject.labels:
        return [f"{one.name}: classes named by {one.subject.label_source}"]
    if one.answers != len(classes):
        return []
    shown = ", ".join(classes[:_NAMED]) + (", ..." if len(classes) > _NAMED else "")
    return [f"{one.name} names no classes: its outputs are taken in the order of the data's ({shown}); say another with --labels"]


def _order_notes(one: Contender, truth: np.ndarray | None, classes: tuple[str, ...]) -> list[str]:
    """Sorted by letters 10 stands before 2; a network trained elsewhere may count."""
    if truth is None or not differs_from_natural_order(classes):
        return []
    natural = natural_order(classes)
    place = np.array([natural.index(name) for name in classes])
    answer = one.outcome.answer
    right, counted = answer == truth, answer == place[truth]
    text = f"classes sorted by letters ({', '.join(classes[:_NAMED])}, ...) and as people count ({', '.join(natural[:_NAMED])}, ...) stand in another order"
    gained, lost = int((counted & ~right).sum()), int((right & ~counted).sum())
    if mcnemar(gained, lost) <= 0.05:
        better = "counted" if gained > lost else "by letters"
        text += f"; the outputs of {one.name} fit {better}: {100 * counted.mean():.1f} % right counted, {100 * right.mean():.1f} % by letters"
    return [f"{text}; say the order with --labels FILE"]


def _is_chance(row: Row, classes: int) -> bool:
    low, high = wilson(row.top1.count, row.top1.total)
    return classes > 1 and low <= 1 / classes <= max(high, 1 / classes) and high < 2 / classes
