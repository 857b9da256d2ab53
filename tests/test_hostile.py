"""What a script, a broken download or a joker may hand over: numbers that are none, empty words, files that are nested without end."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers import ROOT, edgecnn, refused

from edgecnn import card as cards
from edgecnn.card import Preprocessing
from edgecnn.data import splitting
from edgecnn.errors import BadFile, BadSetting
from edgecnn.labels import read_labels
from edgecnn.settings import Limits, Train
from edgecnn.validate.doctor import seen

TFLITE, KERAS = (ROOT / "models" / name for name in ("mobilenet_int8.tflite", "mobilenet.keras"))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "made",
    [
        lambda value: Limits(max_latency_ratio=value),
        lambda value: Limits(max_drop=value),
        lambda value: Train(weight_decay=value),
        lambda value: Train(temperature=value),
        lambda value: Preprocessing(8, 8, mean=(value,)),
        lambda value: Preprocessing(8, 8, std=(1.0, 1.0, value)),
    ],
    ids=["ratio", "drop", "decay", "temperature", "mean", "std"],
)
def test_numbers_that_are_none_are_no_settings(made, value):
    with pytest.raises(BadSetting, match="expected"):
        made(value)


READERS = {
    "labels": read_labels,
    "answers": lambda path: seen.read(path, ["a"], ["b"]),
    "split lists": splitting.read_lists,
    "card": lambda path: cards.read(path.with_suffix(".keras")),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_json_nested_without_end_is_one_line(read, tmp_path: Path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(BadFile, match=r"deep\.json"):
        read(path)


@pytest.mark.parametrize(
    "words",
    [
        ("validate", TFLITE, "--against", ""),
        ("validate", TFLITE, "--data", ""),
        ("validate", TFLITE, "--seen-answers", ""),
        ("validate", ""),
        ("check", TFLITE, "--repair", "--labels", ""),
        ("bundle", TFLITE, "--for", "c", "--out", ""),
        ("export", KERAS, "--out", "/proc/nowhere", "--name", ""),
        ("export", KERAS, "--out", "/proc/nowhere", "--min-runtime", ""),
        ("export", KERAS, "--out", "/proc/nowhere", "--min-runtime", "onnxruntime="),
    ],
    ids=lambda words: f"{words[0]} {words[-2]} {words[-1]}",
)
def test_a_word_that_a_script_left_empty_is_refused(words):
    """It would silently be as if the option were not there: a limit that holds nothing."""
    refused(edgecnn(*words), "expected")
