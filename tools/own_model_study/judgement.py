"""What a file's answers are worth beside plain Keras' on the same images."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.statistics import paired_interval
from own_model_study.images import ImageSet, attribute_targets
from own_model_study.shape import Shape

# A file is WRONG where the whole 95 % interval of its change lies further below plain Keras than this: what int8 may honestly cost.
MARGIN = 0.02

OK, NEAR, RESIZE, WRONG, REFUSED, CRASH = "ok", "near", "resize", "WRONG", "refused", "CRASH"


@dataclass(frozen=True)
class Truth:
    """Plain Keras on the test images, fed as the author of the model means it.

    Attributes:
        paths: of the images.
        targets: the index of the right class [N], or 0 and 1 [N, attributes].
        classes: folder names.
        correct: whether each answer was right, bool [N], or [N * attributes].
        antialiased: the same for images that were resized with antialias, which the training's were not.
    """

    paths: tuple[Path, ...]
    targets: np.ndarray
    classes: tuple[str, ...]
    correct: np.ndarray
    antialiased: np.ndarray


def read_truth(place: Path, images: ImageSet, shape: Shape) -> Truth:
    """What the training left in `place`."""
    paths, labels = images.select("test")
    targets = attribute_targets(images)[images.splits == "test"] if shape.scores == "attributes" else labels
    with np.load(place / "truth.npz") as stored:
        columns = slice(None, None if shape.scores != "softmax" else len(images.classes))
        rows = [correct(stored[key][:, columns], targets, threshold=0.0 if shape.scores == "logit" else 0.5) for key in ("scores", "antialiased")]
    return Truth(tuple(paths), targets, images.classes, *rows)


def correct(scores: np.ndarray, targets: np.ndarray, *, threshold: float = 0.5) -> np.ndarray:
    """Whether answers are right, bool [N], or [N * attributes] for targets [N, attributes]."""
    if targets.ndim == 2:
        return ((scores > threshold) == (targets > 0.5)).ravel()
    if scores.shape[1] == 1:
        return (scores[:, 0] > threshold) == (targets == 1)
    return scores.argmax(1) == targets


def of_file(answer: Mapping[str, Any], truth: Truth) -> dict[str, Any]:
    """Accuracy, change, interval and verdict of one file's answers."""
    if "error" in answer:
        return {"verdict": WRONG, "reason": answer["error"]}
    scores = _in_folder_order(np.array(answer["scores"], np.float32), answer["labels"], answer["offset"], truth.classes)
    if truth.targets.ndim == 2 and scores.shape[1] != truth.targets.shape[1]:
        return {"verdict": WRONG, "reason": f"{scores.shape[1]} scores for {truth.targets.shape[1]} attributes"}
    inside = scores.min() >= 0.0 and scores.max() <= 1.0
    found = correct(scores, truth.targets, threshold=0.5 if inside else 0.0)
    change, low, high = _change(found, truth.correct)
    verdict = _verdict(low, high)
    if verdict == WRONG and _verdict(*_change(found, truth.antialiased)[1:]) != WRONG and _change(truth.antialiased, truth.correct)[2] < 0:
        verdict = RESIZE
    return {"verdict": verdict, "accuracy": float(found.mean()), "change": change, "low": low, "high": high, "notes": answer["notes"]}


def of_command(code: int | None, line: str, shape: Shape) -> str:
    """A verdict on a command that wrote nothing."""
    if code != 2:
        return CRASH
    wanted = shape.refusal or shape.may_refuse
    # None of these files is damaged: a message that says so is never right.
    return f"{REFUSED}, rightly" if wanted and re.search(wanted, line) and "damaged" not in line else REFUSED


def _in_folder_order(scores: np.ndarray, labels: Sequence[str], offset: int, classes: Sequence[str]) -> np.ndarray:
    """Columns in the order of the class folders, by the file's own names where it has them."""
    scores = scores[:, offset:]
    if scores.shape[1] == 1 or not labels or set(labels[: scores.shape[1]]) != set(classes):
        return scores
    return scores[:, [list(labels).index(name) for name in classes]]


def _change(found: np.ndarray, before: np.ndarray) -> tuple[float, float, float]:
    """Change of the accuracy with its paired 95 % interval, as shares."""
    gained, lost = int((found & ~before).sum()), int((~found & before).sum())
    return (gained - lost) / len(found), *paired_interval(gained, lost, len(found))


def _verdict(low: float, high: float) -> str:
    if high >= 0:
        return OK
    return WRONG if high < -MARGIN else NEAR


def worst(verdicts: Sequence[str]) -> str:
    """The worst of several files' verdicts."""
    return max(verdicts, key=(OK, NEAR, RESIZE, WRONG).index, default=WRONG)


def evidence(answers: Mapping[str, Mapping[str, Any]], said: str) -> str:
    """What edgecnn said about the input: the files' cards, else the first line of its output that speaks of it."""
    for answer in answers.values():
        if answer.get("evidence"):
            return f"{_mapping(answer['preprocessing'])}: {answer['evidence']}"
    lines = [" ".join(line.split()) for line in said.splitlines() if re.match(r"\s*input\b", line)]
    rules = [_mapping(answer["preprocessing"]) for answer in answers.values() if "preprocessing" in answer]
    return (lines or [f"nothing; the card says {rules[0]}" if rules else "nothing"])[0]


def _mapping(rule: Mapping[str, Any]) -> str:
    mean, std = (",".join(f"{value:g}" for value in (values[:1] if len(set(values)) == 1 else values)) for values in (rule["mean"], rule["std"]))
    resize = ",".join(str(rule[key]) for key in ("resize", "resize_filter") if key in rule)
    return f"(pixel - {mean}) / {std}, {rule['order']}, {resize}"


def read_answers(path: Path) -> dict[str, dict[str, Any]]:
    """What `evaluation` wrote."""
    return json.loads(path.read_text())
