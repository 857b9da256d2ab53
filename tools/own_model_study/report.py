"""The study as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import markdown

from own_model_study.judgement import CRASH, MARGIN, NEAR, OK, REFUSED, RESIZE, WRONG
from own_model_study.shape import SHAPES
from own_model_study.steps import FORMATS, STEPS

HEAD = ("model", "what it is", "plain Keras", *FORMATS, "what edgecnn said about the input", "verdict")
MEANINGS = {
    OK: "the paired 95 % interval of the change from plain Keras holds 0 or lies above it, for all four files",
    NEAR: f"it does not, and reaches within {100 * MARGIN:g} points of 0",
    RESIZE: "worse by the resize alone: equal to plain Keras on images that were resized with antialias",
    WRONG: f"the whole interval lies more than {100 * MARGIN:g} points below plain Keras, or the file does not say how it is fed",
    f"{REFUSED}, rightly": "exit code 2 where that is a right answer, with the reason that was expected",
    REFUSED: "exit code 2; whether the reason is right is to be read",
    CRASH: "any other end",
}  # fmt: skip


def render(study: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = {name: study["rows"][name] for name in SHAPES if name in study["rows"]}
    exported = {name: row["export"] for name, row in rows.items() if "export" in row}
    counts = Counter(row["verdict"] for row in exported.values())
    lines = [
        "# Other people's classifiers",
        "",
        "Classifiers as tutorials and notebooks write them, trained here for a minute at most, each exported with no option by",
        "`edgecnn export MODEL --float32 --int8 --data FOLDER`, or with those in italics after edgecnn had asked for them. The files are run by LiteRT and",
        "ONNX Runtime alone, fed as their card and metadata say, on all test images. Plain Keras gets what the author of the model means. Accuracy in %,",
        "in brackets the paired 95 % interval of the change in points (Tango).",
        f"Made by `EDGECNN_DATA=FOLDER python tools/own_models.py`; {', '.join(f'{name} {number}' for name, number in study['versions'].items())}.",
        "",
        f"{len(exported)} models: {', '.join(f'{count} {verdict}' for verdict, count in counts.most_common())}.",
        "",
        *(f"- {verdict}: {meaning}." for verdict, meaning in MEANINGS.items()),
        "",
        markdown.table(HEAD, [_export_row(name, row) for name, row in exported.items()]),
        "",
        "## The same models through the other commands",
        "",
        "`compress --prune 0.5 --epochs 1` and `compress --qat --epochs 1` with their own figures (top-1 on test, before and after; a note where `before` is",
        "not plain Keras'); `bundle --for c` and `check` of the int8 .tflite. A number is the exit code.",
        "",
        markdown.table(("model", *STEPS[1:]), [[name, *(_cell(row.get(step)) for step in STEPS[1:])] for name, row in rows.items()]),
    ]
    failed = [f"- {name}: {row['error']}" for name, row in rows.items() if row.get("error")]
    return "\n".join([*lines, *(["", "Not measured:", "", *failed] if failed else [])]) + "\n"


def _export_row(name: str, row: Mapping[str, Any]) -> list[str]:
    shape, files = SHAPES[name], row["files"]
    options = f" *{' '.join(word.rpartition('/')[2] for word in row['options'])}*" if row["options"] else ""
    accuracies = [_accuracy(files.get(form)) for form in FORMATS]
    return [name, f"{shape.about}{options}", f"{100 * row['keras']:.1f}", *accuracies, _plain(row["said"]), row["verdict"]]


def _accuracy(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    if "accuracy" not in entry:
        return _plain(entry["reason"])
    note = "".join(f"; {note}" for note in entry["notes"] if note != "the byte is the input")
    return f"{100 * entry['accuracy']:.1f} ({100 * entry['low']:+.1f} to {100 * entry['high']:+.1f}){note}"


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    if "before" in row:
        return f"{100 * row['before']:.1f} to {100 * row['after']:.1f}{'' if row['as_keras'] else ', before is not plain Keras'}"
    return " ".join(filter(None, ("" if row["code"] is None else str(row["code"]), _plain(row["line"]))))


def _plain(text: str) -> str:
    """One cell's worth of text, without folders of this machine."""
    words = [word.rpartition("/")[2] or word if word.startswith("/") else word for word in text.replace("|", "/").split()]
    short = " ".join(words)
    return short if len(short) <= 240 else f"{short[:237]}..."
